/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/emi.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPENING "<ObjectInfo>"
#define CLOSING "</ObjectInfo>"
#define MAX_OBJECTS ((size_t)65536) /* displays that one looks at; those in wild files are less than ten */
#define NAME_DISTANCE 64            /* bytes before a description in which the name of its SER ends: 14 as a rule */

struct em_emi_object {
	const unsigned char *xml;
	size_t bytes;
	size_t number; /* of the SER, 0 where none is named */
};

/* ---- finding the descriptions ---- */

bool em_emi_probe(const unsigned char *head, size_t n)
{
	return n >= 8 && !memcmp(head, "JK\0\2\0\0\0\0", 8);
}

/* Where `what` begins in [p, end), NULL where it does not. */
static const unsigned char *find(const unsigned char *p, const unsigned char *end, const char *what)
{
	size_t n = strlen(what);

	while (p && (size_t)(end - p) >= n) {
		if (!memcmp(p, what, n))
			return p;
		p = memchr(p + 1, *what, (size_t)(end - p) - 1);
	}
	return NULL;
}

/* The number of the last "..._12.ser" before `end`, 0 where there is none. */
static size_t get_number(const unsigned char *start, const unsigned char *end)
{
	size_t number = 0, place = 1;
	const unsigned char *p;

	if (end - start < 6)
		return 0;
	for (p = end - 4; p > start && end - p < NAME_DISTANCE && memcmp(p, ".ser", 4) != 0; p--)
		;
	if (p <= start || memcmp(p, ".ser", 4) != 0)
		return 0;
	for (; p > start && p[-1] >= '0' && p[-1] <= '9' && place <= 100; p--, place *= 10)
		number += place * (size_t)(p[-1] - '0');
	return p > start && p[-1] == '_' ? number : 0;
}

static int add_object(struct em_emi *emi, const struct em_emi_object *o, struct em_error *err)
{
	/* Grows whenever the count is a power of two. */
	size_t capacity = emi->count ? 2 * emi->count : 1;
	struct em_emi_object *object = emi->object;

	if (emi->count == MAX_OBJECTS)
		return em_error_set(err, EM_ERROR_DATA, "EMI: there are more than %zu descriptions in it", MAX_OBJECTS);
	if (!(emi->count & (emi->count - 1)))
		object = realloc(object, capacity * sizeof(*object));
	if (!object)
		return em_error_memory(err, capacity * sizeof(*object));
	emi->object = object;
	object[emi->count++] = *o;
	if (o->number > emi->last)
		emi->last = o->number;
	return 0;
}

static int find_objects(struct em_emi *emi, struct em_blob blob, struct em_error *err)
{
	const unsigned char *start = blob.data, *end = start + blob.size, *p = start;

	while ((p = find(p, end, OPENING))) {
		const unsigned char *close = find(p, end, CLOSING);
		struct em_emi_object o = {.xml = p, .number = get_number(start, p)};

		if (!close)
			return em_error_set(err, EM_ERROR_DATA, "EMI: the file is cut within a description");
		o.bytes = (size_t)(close - p) + strlen(CLOSING);
		if (add_object(emi, &o, err))
			return -1;
		p += o.bytes;
	}
	if (!emi->count)
		return em_error_set(err, EM_ERROR_DATA,
		                    "EMI: the file is cut, or it describes nothing: read the SER files by themselves");
	return 0;
}

int em_emi_open(struct em_emi *emi, struct em_blob blob, struct em_error *err)
{
	struct em_emi fresh = {0};

	if (!em_emi_probe(blob.data, blob.size))
		return em_error_set(err, EM_ERROR_DATA, "EMI: this is no EMI file");
	if (find_objects(&fresh, blob, err)) {
		em_emi_release(&fresh);
		return -1;
	}
	*emi = fresh;
	return 0;
}

void em_emi_release(struct em_emi *emi)
{
	free(emi->object);
	memset(emi, 0, sizeof(*emi));
}

int em_emi_describe(const struct em_emi *emi, size_t number, struct em_xml **about, struct em_error *err)
{
	const struct em_emi_object *o = emi->object, *end = o + emi->count;

	while (o < end && o->number != number)
		o++;
	if (o == end) {
		*about = NULL;
		return 0;
	}
	if (em_xml_parse(about, o->xml, o->bytes, err))
		return em_error_prefix(err, "EMI: what it says of series %zu is damaged, read its SER by itself: ",
		                       number);
	return 0;
}

/* ---- what it says ---- */

#define CONDITIONS "ExperimentalDescription/Root"

/* The entry of this label in this unit. */
static bool get_condition(const struct em_xml *x, const char *label, const char *unit, double *v)
{
	const struct em_xml_node *entry = em_xml_find(x, NULL, CONDITIONS);

	for (entry = entry ? em_xml_first(entry) : NULL; entry; entry = em_xml_next(entry))
		if (!strcmp(em_xml_text(x, entry, "Label"), label) && !strcmp(em_xml_text(x, entry, "Unit"), unit))
			return em_xml_number(x, entry, "Value", v);
	return false;
}

static const char *get_text(const struct em_xml *x, const char *label)
{
	const struct em_xml_node *entry = em_xml_find(x, NULL, CONDITIONS);

	for (entry = entry ? em_xml_first(entry) : NULL; entry; entry = em_xml_next(entry))
		if (!strcmp(em_xml_text(x, entry, "Label"), label))
			return em_xml_text(x, entry, "Value");
	return "";
}

static bool has_camera(const struct em_xml *x)
{
	return *em_xml_text(x, NULL, "AcquireInfo/CameraNamePath");
}

bool em_emi_is_pattern(const struct em_xml *about)
{
	/* A scan is done in diffraction, too, but its picture is one of real space. */
	return about && has_camera(about) && strstr(get_text(about, "Mode"), "Diffraction");
}

static void put_conditions(const struct em_xml *x, struct em_meta *m)
{
	const struct {
		const char *label, *unit;
		double factor, *to;
	} numbers[] = {
		{"High tension", "kV", 1, &m->beam_kev},
		{"Magnification", "x", 1, &m->magnification},
		{"Camera length", "m", 1e3, &m->camera_length_mm},
		{"Defocus", "um", 1e3, &m->defocus_nm},
		{"Stage X", "um", 1, &m->x_um},
		{"Stage Y", "um", 1, &m->y_um},
		{"Stage Z", "um", 1, &m->z_um},
		{"Stage A", "deg", 1, &m->a_deg},
		{"Stage B", "deg", 1, &m->b_deg},
	};
	const char *microscope = get_text(x, "Microscope");
	double v;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (get_condition(x, numbers[i].label, numbers[i].unit, &v))
			*numbers[i].to = v * numbers[i].factor + 0.0; /* -0.00 is 0 */
	if (!strncmp(microscope, "Microscope ", 11))
		microscope += 11;
	em_meta_set_text(m->instrument, microscope);
	em_meta_set_text(m->mode, get_text(x, "Mode"));
}

/* The time of a camera's pixel is that of the picture. */
static void put_settings(const struct em_xml *x, struct em_meta *m)
{
	em_meta_set_text(m->detector, em_xml_text(x, NULL, "AcquireInfo/CameraNamePath"));
	em_xml_number(x, NULL, "AcquireInfo/DwellTimePath", has_camera(x) ? &m->exposure_s : &m->dwell_s);
	em_xml_number(x, NULL, "AcquireInfo/FrameTime", &m->exposure_s);
	em_xml_number(x, NULL, "AcquireInfo/IntegrationTime", &m->exposure_s);
}

/* "Tue Oct 18 18:18:46 2011" */
static void put_date(const char *text, struct em_meta *m)
{
	int day, clock[3], year, end = 0;
	char month[4];

	if (sscanf(text, "%*3s %3s %2d %2d:%2d:%2d %4d%n", month, &day, &clock[0], &clock[1], &clock[2], &year,
	           &end) == 6 && !text[end] && year >= 1970)
		em_meta_set_calendar(m, year, month, day, clock);
}

void em_emi_put_meta(const struct em_xml *about, struct em_meta *meta)
{
	if (!about)
		return;
	put_conditions(about, meta);
	put_settings(about, meta);
	put_date(em_xml_text(about, NULL, "AcquireDate"), meta);
}
