/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/dm_meta.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct source {
	const struct em_dm_tree *tree;
	const struct em_dm_tag *tags; /* ImageTags; may be NULL */
	struct em_text text;          /* the last text asked for */
};

static bool get_number(const struct source *s, const char *path, double *v)
{
	double found;

	if (!em_dm_tag_number(s->tree, em_dm_tree_find(s->tree, s->tags, path), &found) || !isfinite(found))
		return false;
	*v = found;
	return true;
}

/* Absent and empty texts are the same: "".  */
static const char *get_text(struct source *s, const char *path)
{
	em_text_clear(&s->text);
	em_dm_tag_text(s->tree, em_dm_tree_find(s->tree, s->tags, path), &s->text);
	return em_text_get(&s->text);
}

/* The first of `paths` (NULL ends them) that is there and above 0: zeros stand for "not known" in these files. */
static void set_positive(const struct source *s, double *field, double factor, const char *const *paths)
{
	double v;

	for (; *paths; paths++)
		if (get_number(s, *paths, &v) && v > 0) {
			*field = v * factor;
			return;
		}
}

static void set_first_text(struct source *s, char *field, const char *const *paths)
{
	for (; *paths; paths++)
		if (get_text(s, *paths)[0] && strcmp(em_text_get(&s->text), "Unknown")) {
			em_meta_set_text(field, em_text_get(&s->text));
			return;
		}
}

#define PATHS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Micrometres and degrees, as DigitalMicrograph's own script functions give them.  What it calls Beta is a tilt in a
 * TEM, but the rotation in an SEM. */
static void set_stage(struct source *s, struct em_meta *m)
{
	bool sem = !strcmp(get_text(s, "Microscope Info.Illumination Mode"), "SEM");

	get_number(s, "Microscope Info.Stage Position.Stage X", &m->x_um);
	get_number(s, "Microscope Info.Stage Position.Stage Y", &m->y_um);
	get_number(s, "Microscope Info.Stage Position.Stage Z", &m->z_um);
	get_number(s, "Microscope Info.Stage Position.Stage Alpha", &m->a_deg);
	if (!sem)
		get_number(s, "Microscope Info.Stage Position.Stage Beta", &m->b_deg);
}

/*
 * In diffraction a TEM shows its camera length where it else shows the magnification, and so does the tag; when
 * scanning, both have their own.  An SEM has no camera length, whatever the tag holds.
 */
static void set_microscope(struct source *s, struct em_meta *m)
{
	bool scanning, diffraction, sem;

	set_first_text(s, m->instrument, PATHS("Session Info.Microscope", "Microscope Info.Name"));
	set_first_text(s, m->mode, PATHS("Microscope Info.Operation Mode"));
	set_positive(s, &m->beam_kev, 1e-3, PATHS("Microscope Info.Voltage"));
	sem = !strcmp(get_text(s, "Microscope Info.Illumination Mode"), "SEM");
	scanning = strstr(get_text(s, "Microscope Info.Operation Mode"), "SCANNING") != NULL;
	diffraction = !scanning && (!strcasecmp(em_text_get(&s->text), "DIFFRACTION") ||
	                            !strcmp(get_text(s, "Microscope Info.Imaging Mode"), "DIFFRACTION"));
	if (diffraction)
		set_positive(s, &m->camera_length_mm, 1,
		             PATHS("Microscope Info.Indicated Camera Length (mm)",
		                   "Microscope Info.Indicated Magnification"));
	else
		set_positive(s, &m->magnification, 1, PATHS("Microscope Info.Indicated Magnification"));
	if (scanning && !sem)
		set_positive(s, &m->camera_length_mm, 1, PATHS("Microscope Info.STEM Camera Length"));
}

/* Windows' time: units of 100 ns since 1601, in UTC (checked beside the local time in files of five languages). */
static bool set_system_date(const struct source *s, struct em_meta *m)
{
	double v, seconds;

	if (!get_number(s, "DataBar.Acquisition Time (OS)", &v)) {
		/* Cameras of a later make: milliseconds since 1970. */
		if (!get_number(s, "Acquisition.Frame.Sequence.Acquisition Start Time (epoch)", &v) ||
		    !(v > 0 && v < 4e12))
			return false;
		em_meta_set_date(m, v / 1000, true);
		return true;
	}
	seconds = floor(v * 1e-7) - 11644473600.0;
	if (!(seconds > 0 && seconds < 4e9))
		return false;
	em_meta_set_date(m, seconds, true);
	return true;
}

/* "20:50:13", "3:14:24 PM" or "1:40 PM" and nothing behind it, as seconds of the day; -1 for anything else. */
static int parse_time(const char *text)
{
	int hour, minute, second = 0, n = 0;
	const char *half;

	if (sscanf(text, "%2d:%2d%n:%2d%n", &hour, &minute, &n, &second, &n) < 2)
		return -1;
	half = text + n + strspn(text + n, " ");
	if (!strncmp(half, "AM", 2) || !strncmp(half, "PM", 2)) {
		if (hour < 1 || hour > 12)
			return -1;
		hour = hour % 12 + (*half == 'P' ? 12 : 0);
		half += 2;
	}
	if (half[strspn(half, " ")] || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return -1;
	return (hour * 60 + minute) * 60 + second;
}

/*
 * "14/05/2019 20:50:13" or "10/26/2007,  1:40 PM" in ISO 8601: which of the first two is the month shows where the
 * other is above 12 or both are the same.  Any other text as it is.
 */
static void set_date_text(struct em_meta *m, const char *text)
{
	int a, b, year, n = 0, seconds, month, day;

	em_meta_set_text(m->date, text);
	if (sscanf(text, "%2d/%2d/%4d%n", &a, &b, &year, &n) < 3 || (a != b && (a > 12) == (b > 12)))
		return;
	seconds = parse_time(text + n + strspn(text + n, ", "));
	month = a > 12 ? b : a;
	day = a > 12 ? a : b;
	if (seconds >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && year >= 1970)
		snprintf(m->date, sizeof(m->date), "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, seconds / 3600,
		         seconds / 60 % 60, seconds % 60);
}

static void set_date(struct source *s, struct em_meta *m)
{
	static const char *const places[][2] = {
		{"DataBar.Acquisition Date", "DataBar.Acquisition Time"},
		{"EELS.Acquisition.Date", "EELS.Acquisition.Start time"},
		{"EDS.Acquisition.Date", "EDS.Acquisition.Start time"},
		{"CL.Acquisition.Date", "CL.Acquisition.Start time"},
		{"SI.Acquisition.Date", "SI.Acquisition.Start time"},
		{"SIm.Acquisition.Date", ""},
		{"CL.Acquisition.Acquisition begin", ""},
	};
	char date[80];

	if (set_system_date(s, m))
		return;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		size_t n = strlen(get_text(s, places[i][0]));

		/* Longer is no date, and must not be cut within a character. */
		if (!n || n >= sizeof(date) / 2)
			continue;
		memcpy(date, em_text_get(&s->text), n + 1);
		get_text(s, places[i][1][0] ? places[i][1] : "none such");
		if (s->text.len && s->text.len < sizeof(date) / 2 - 1)
			snprintf(date + n, sizeof(date) - n, " %s", em_text_get(&s->text));
		set_date_text(m, date);
		return;
	}
}

static void set_acquisition(struct source *s, struct em_meta *m)
{
	set_date(s, m);
	set_first_text(s, m->detector,
	               PATHS("DataBar.Signal Name", "Acquisition.Device.Name", "DataBar.Device Name"));
	set_positive(s, &m->exposure_s, 1,
	             PATHS("EELS.Acquisition.Exposure (s)", "CL.Acquisition.Exposure (s)", "DataBar.Exposure Time (s)",
	                   "Acquisition.Parameters.High Level.Exposure (s)",
	                   "SIm.Acquisition.Spectrometer.Exposure Time"));
	/* Microseconds a pixel.  A spectrum image carries the survey's tag: only the scan's own picture has its own. */
	if (!strcmp(get_text(s, "DataBar.Device Name"), "DigiScan"))
		set_positive(s, &m->dwell_s, 1e-6, PATHS("DigiScan.Sample Time"));
	else
		set_positive(s, &m->dwell_s, 1, PATHS("CL.Acquisition.Dwell time (s)"));
	set_positive(s, &m->convergence_mrad, 1,
	             PATHS("EELS.Experimental Conditions.Convergence semi-angle (mrad)"));
	set_positive(s, &m->collection_mrad, 1,
	             PATHS("EELS.Experimental Conditions.Collection semi-angle (mrad)"));
}

void em_dm_put_meta(const struct em_dm_tree *tree, const struct em_dm_tag *image, struct em_meta *meta)
{
	struct source s = {.tree = tree, .tags = em_dm_tree_find(tree, image, "ImageTags")};

	if (em_dm_tag_text(tree, em_dm_tree_find(tree, image, "Name"), &s.text))
		em_meta_set_text(meta->title, em_text_get(&s.text));
	set_stage(&s, meta);
	set_microscope(&s, meta);
	set_acquisition(&s, meta);
	em_text_release(&s.text);
}
