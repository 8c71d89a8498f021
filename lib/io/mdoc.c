/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/mdoc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "[kind = name]" */
static bool is_heading(struct em_span line, const char *kind, struct em_span *name)
{
	struct em_span word;

	return line.n > 2 && line.s[0] == '[' && line.s[line.n - 1] == ']' &&
	       em_span_split((struct em_span){line.s + 1, line.n - 2}, "=", &word, name) && em_span_is(word, kind);
}

static bool is_section(struct em_span line, size_t *z)
{
	struct em_span name;
	double v;

	if (!is_heading(line, "ZValue", &name) || em_span_numbers(name, &v, 1) != 1 || !(v >= 0 && v < 1e9))
		return false;
	*z = (size_t)v;
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct em_mdoc_section *first = a, *second = b;

	return (first->z > second->z) - (first->z < second->z);
}

/* Sections into `section` unless it is NULL; how many there are. */
static size_t find_sections(struct em_span text, struct em_span *head, struct em_mdoc_section *section)
{
	struct em_span rest = text, line;
	const char *begin = text.s;
	size_t n = 0, z = 0;

	*head = text;
	while (begin = rest.s, em_span_next_line(&rest, &line)) {
		if (!is_section(line, &z))
			continue;
		if (!n)
			head->n = (size_t)(begin - text.s);
		if (section && n)
			section[n - 1].text.n = (size_t)(begin - section[n - 1].text.s);
		if (section)
			section[n] = (struct em_mdoc_section){z, rest};
		n++;
	}
	return n;
}

void em_mdoc_release(struct em_mdoc *m)
{
	free(m->section);
	memset(m, 0, sizeof(*m));
}

static struct em_span section_of(const struct em_mdoc *m, size_t z)
{
	const struct em_mdoc_section key = {z, {NULL, 0}};
	const struct em_mdoc_section *found =
		m->section ? bsearch(&key, m->section, m->count, sizeof(key), compare) : NULL;

	return found ? found->text : (struct em_span){"", 0};
}

/* ---- what is known ---- */

/* "05-Nov-15  15:21:38", also with four digits of the year: the name of the month leaves no doubt. */
static void set_date(struct em_meta *meta, struct em_span value)
{
	char text[40] = "", month[4] = "";
	int day, year, clock[3];

	if (value.n >= sizeof(text))
		return;
	memcpy(text, value.s, value.n);
	em_meta_set_text(meta->date, text);
	if (sscanf(text, "%2d-%3c-%4d %2d:%2d:%2d", &day, month, &year, &clock[0], &clock[1], &clock[2]) == 6)
		em_meta_set_calendar(meta, year >= 0 && year < 100 ? year + 2000 : year, month, day, clock);
}

static void put_pair(struct em_span key, struct em_span value, struct em_meta *meta, double *pixel_nm)
{
	const struct {
		const char *key;
		double *field, factor;
	} numbers[] = {
		{"TiltAngle", &meta->a_deg, 1},
		{"StageZ", &meta->z_um, 1},
		{"Magnification", &meta->magnification, 1},
		{"Defocus", &meta->defocus_nm, 1000}, /* micrometres */
		{"Voltage", &meta->beam_kev, 1},
		{"ExposureTime", &meta->exposure_s, 1},
		{"PixelSpacing", pixel_nm, 0.1}, /* Angstrom */
	};
	double v[2];
	size_t n = em_span_numbers(value, v, 2);

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (n == 1 && em_span_is(key, numbers[i].key))
			*numbers[i].field = v[0] * numbers[i].factor;
	if (n == 2 && em_span_is(key, "StagePosition")) {
		meta->x_um = v[0];
		meta->y_um = v[1];
	}
	if (em_span_is(key, "DateTime"))
		set_date(meta, value);
}

static void put_pairs(struct em_span text, struct em_meta *meta, double *pixel_nm)
{
	struct em_span line, key, value;

	while (em_span_next_line(&text, &line))
		if (line.n && line.s[0] != '[' && em_span_split(line, "=", &key, &value))
			put_pair(key, value, meta, pixel_nm);
}

int em_mdoc_read(struct em_mdoc *m, struct em_blob text, struct em_error *err)
{
	struct em_span all = {(const char *)text.data, text.size};
	struct em_mdoc fresh = {.pixel_nm = (double)NAN};

	fresh.count = find_sections(all, &fresh.head, NULL);
	fresh.section = calloc(fresh.count + 1, sizeof(*fresh.section));
	if (!fresh.section)
		return em_error_memory(err, fresh.count * sizeof(*fresh.section));
	find_sections(all, &fresh.head, fresh.section);
	qsort(fresh.section, fresh.count, sizeof(*fresh.section), compare);
	em_meta_init(&fresh.known);
	put_pairs(fresh.head, &fresh.known, &fresh.pixel_nm);
	*m = fresh;
	return 0;
}

void em_mdoc_put_meta(const struct em_mdoc *m, size_t z, struct em_meta *meta, double *pixel_nm)
{
	if (!m->section)
		return;
	em_meta_update(meta, &m->known);
	if (!isnan(m->pixel_nm))
		*pixel_nm = m->pixel_nm;
	put_pairs(section_of(m, z), meta, pixel_nm);
}

static void put_titles(struct em_span text, struct em_text *json)
{
	struct em_span line, title;

	em_json_put_name(json, "titles");
	em_text_append(json, "[");
	while (em_span_next_line(&text, &line))
		if (is_heading(line, "T", &title)) {
			em_json_put_comma(json);
			em_span_put_json(title, json);
		}
	em_text_append(json, "]");
}

void em_mdoc_put_json(const struct em_mdoc *m, size_t z, struct em_text *json)
{
	struct em_span parts[2] = {m->head, section_of(m, z)}, line, key, value;

	em_text_append(json, "{");
	put_titles(m->head, json);
	for (int i = 0; i < 2; i++) {
		em_json_put_name(json, i ? "section" : "file");
		em_text_append(json, "{");
		while (em_span_next_line(&parts[i], &line))
			if (line.n && line.s[0] != '[' && em_span_split(line, "=", &key, &value)) {
				em_json_put_comma(json);
				em_span_put_json(key, json);
				em_text_append(json, ":");
				em_span_put_json(value, json);
			}
		em_text_append(json, "}");
	}
	em_text_append(json, "}");
}
