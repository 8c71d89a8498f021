/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/dm_meta.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

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

/* ---- members of an object that are left out where the file does not have them ---- */

static void put_number(struct em_text *out, const char *name, double v)
{
	em_json_put_name(out, name);
	em_json_put_number(out, v);
}

static void put_string(struct em_text *out, const char *name, const char *v)
{
	em_json_put_name(out, name);
	em_json_put_string(out, v);
}

/* The first of `paths` (NULL ends them) that is there and above 0: zeros stand for "not known" in these files. */
static void put_positive(const struct source *s, struct em_text *out, const char *name, double factor,
                         const char *const *paths)
{
	double v;

	for (; *paths; paths++)
		if (get_number(s, *paths, &v) && v > 0) {
			put_number(out, name, v * factor);
			return;
		}
}

static void put_first_text(struct source *s, struct em_text *out, const char *name, const char *const *paths)
{
	for (; *paths; paths++)
		if (get_text(s, *paths)[0] && strcmp(em_text_get(&s->text), "Unknown")) {
			put_string(out, name, em_text_get(&s->text));
			return;
		}
}

#define PATHS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Micrometres and degrees, as DigitalMicrograph's own script functions give them.  What it calls Beta is a tilt in a
 * TEM, but the rotation in an SEM. */
static void put_stage(struct source *s, struct em_text *out)
{
	static const char *const names[][2] = {
		{"Microscope Info.Stage Position.Stage X", "x_um"},
		{"Microscope Info.Stage Position.Stage Y", "y_um"},
		{"Microscope Info.Stage Position.Stage Z", "z_um"},
		{"Microscope Info.Stage Position.Stage Alpha", "a_deg"},
		{"Microscope Info.Stage Position.Stage Beta", "b_deg"},
	};
	bool sem = !strcmp(get_text(s, "Microscope Info.Illumination Mode"), "SEM");
	double v;

	for (size_t i = 0; i < 5 - (size_t)sem; i++)
		if (get_number(s, names[i][0], &v))
			put_number(out, names[i][1], v);
}

/*
 * In diffraction a TEM shows its camera length where it else shows the magnification, and so does the tag; when
 * scanning, both have their own.  An SEM has no camera length, whatever the tag holds.
 */
static void put_microscope(struct source *s, struct em_text *out)
{
	bool scanning, diffraction, sem;

	put_first_text(s, out, "instrument", PATHS("Session Info.Microscope", "Microscope Info.Name"));
	put_first_text(s, out, "mode", PATHS("Microscope Info.Operation Mode"));
	put_positive(s, out, "beam_kev", 1e-3, PATHS("Microscope Info.Voltage"));
	sem = !strcmp(get_text(s, "Microscope Info.Illumination Mode"), "SEM");
	scanning = strstr(get_text(s, "Microscope Info.Operation Mode"), "SCANNING") != NULL;
	diffraction = !scanning && (!strcasecmp(em_text_get(&s->text), "DIFFRACTION") ||
	                            !strcmp(get_text(s, "Microscope Info.Imaging Mode"), "DIFFRACTION"));
	if (diffraction)
		put_positive(s, out, "camera_length_mm", 1,
		             PATHS("Microscope Info.Indicated Camera Length (mm)",
		                   "Microscope Info.Indicated Magnification"));
	else
		put_positive(s, out, "magnification", 1, PATHS("Microscope Info.Indicated Magnification"));
	if (scanning && !sem)
		put_positive(s, out, "camera_length_mm", 1, PATHS("Microscope Info.STEM Camera Length"));
}

/* Windows' time: units of 100 ns since 1601, in UTC (checked beside the local time in files of five languages). */
static bool put_system_date(const struct source *s, struct em_text *out)
{
	double v, seconds;
	char text[32];
	struct tm tm;
	time_t t;

	if (!get_number(s, "DataBar.Acquisition Time (OS)", &v))
		return false;
	seconds = floor(v * 1e-7) - 11644473600.0;
	if (!(seconds > 0 && seconds < 4e9))
		return false;
	t = (time_t)seconds;
	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return false;
	put_string(out, "date", text);
	return true;
}

static void put_date(struct source *s, struct em_text *out)
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

	if (put_system_date(s, out))
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
		put_string(out, "date", date);
		return;
	}
}

static void put_acquisition(struct source *s, struct em_text *out)
{
	put_date(s, out);
	put_first_text(s, out, "detector",
	               PATHS("DataBar.Signal Name", "Acquisition.Device.Name", "DataBar.Device Name"));
	put_positive(s, out, "exposure_s", 1,
	             PATHS("EELS.Acquisition.Exposure (s)", "CL.Acquisition.Exposure (s)", "DataBar.Exposure Time (s)",
	                   "Acquisition.Parameters.High Level.Exposure (s)",
	                   "SIm.Acquisition.Spectrometer.Exposure Time"));
	/* Microseconds a pixel.  A spectrum image carries the survey's tag: only the scan's own picture has its own. */
	if (!strcmp(get_text(s, "DataBar.Device Name"), "DigiScan"))
		put_positive(s, out, "dwell_s", 1e-6, PATHS("DigiScan.Sample Time"));
	else
		put_positive(s, out, "dwell_s", 1, PATHS("CL.Acquisition.Dwell time (s)"));
	put_positive(s, out, "convergence_mrad", 1,
	             PATHS("EELS.Experimental Conditions.Convergence semi-angle (mrad)"));
	put_positive(s, out, "collection_mrad", 1,
	             PATHS("EELS.Experimental Conditions.Collection semi-angle (mrad)"));
}

static int put_object(struct source *s, const char *name, void (*put)(struct source *, struct em_text *),
                      struct em_record *meta, struct em_error *err)
{
	struct em_text json = {0};
	int status = 0;

	em_text_append(&json, "{");
	put(s, &json);
	if (json.failed || json.len > 1) {
		em_text_append(&json, "}");
		status = em_record_set_text(meta, name, &json, err);
	}
	em_text_release(&json);
	return status;
}

int em_dm_put_meta(const struct em_dm_tree *tree, const struct em_dm_tag *image, struct em_record *meta,
                   struct em_error *err)
{
	struct source s = {.tree = tree, .tags = em_dm_tree_find(tree, image, "ImageTags")};
	int status = 0;

	if (em_dm_tag_text(tree, em_dm_tree_find(tree, image, "Name"), &s.text) && s.text.len)
		status = em_record_set_string(meta, "title", em_text_get(&s.text), err);
	if (!status)
		status = put_object(&s, "stage", put_stage, meta, err);
	if (!status)
		status = put_object(&s, "microscope", put_microscope, meta, err);
	if (!status)
		status = put_object(&s, "acquisition", put_acquisition, meta, err);
	em_text_release(&s.text);
	return status;
}
