/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/meta.h"

#include "base/json.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define YEAR_10000 253402300800.0 /* in seconds since 1970 */

/* The members of the record, a group after the other; the order is that of the output. */
static const struct field {
	const char *group, *name;
	bool text;
	size_t offset;
} fields[] = {
#define NUMBER(group, name) {#group, #name, false, offsetof(struct em_meta, name)}
#define TEXT(group, name) {#group, #name, true, offsetof(struct em_meta, name)}
	NUMBER(stage, x_um),
	NUMBER(stage, y_um),
	NUMBER(stage, z_um),
	NUMBER(stage, a_deg),
	NUMBER(stage, b_deg),
	TEXT(microscope, instrument),
	TEXT(microscope, mode),
	TEXT(microscope, holder),
	NUMBER(microscope, beam_kev),
	NUMBER(microscope, magnification),
	NUMBER(microscope, camera_length_mm),
	NUMBER(microscope, defocus_nm),
	NUMBER(microscope, beam_current_na),
	TEXT(acquisition, date),
	TEXT(acquisition, detector),
	NUMBER(acquisition, exposure_s),
	NUMBER(acquisition, dwell_s),
	NUMBER(acquisition, convergence_mrad),
	NUMBER(acquisition, collection_mrad),
	{"scan", "x_nm", false, offsetof(struct em_meta, scan_x_nm)},
	{"scan", "y_nm", false, offsetof(struct em_meta, scan_y_nm)},
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static double *number_of(struct em_meta *m, const struct field *f)
{
	return (double *)(void *)((char *)m + f->offset);
}

static char *text_of(struct em_meta *m, const struct field *f)
{
	return (char *)m + f->offset;
}

void em_meta_init(struct em_meta *m)
{
	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < FIELDS; i++)
		if (!fields[i].text)
			*number_of(m, &fields[i]) = (double)NAN;
}

/* ---- filling in ---- */

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void em_meta_set_bytes(char *field, const unsigned char *bytes, size_t n)
{
	const unsigned char *end = n ? memchr(bytes, 0, n) : NULL;
	bool utf8;
	size_t to = 0;

	n = end ? (size_t)(end - bytes) : n;
	while (n && is_blank(*bytes)) {
		bytes++;
		n--;
	}
	while (n && is_blank(bytes[n - 1]))
		n--;
	utf8 = em_utf8_is_valid((const char *)bytes, n);
	for (size_t i = 0, len; i < n; i += len) {
		len = utf8 ? em_utf8_length((const char *)bytes + i, n - i) : 1;
		if (to + (len > 2 ? len : 2) >= EM_META_TEXT)
			break;
		if (utf8 || bytes[i] < 0x80) {
			memcpy(field + to, bytes + i, len);
			to += len;
		} else {
			field[to++] = (char)(0xc0 | bytes[i] >> 6);
			field[to++] = (char)(0x80 | (bytes[i] & 0x3f));
		}
	}
	if (to)
		field[to] = '\0';
}

void em_meta_set_text(char *field, const char *text)
{
	em_meta_set_bytes(field, (const unsigned char *)text, strlen(text));
}

void em_meta_set_date(struct em_meta *m, double seconds, bool utc)
{
	struct tm tm;
	time_t t;

	if (!(seconds > 0 && seconds < YEAR_10000 - 1))
		return;
	t = (time_t)(seconds + 0.5);
	if (gmtime_r(&t, &tm))
		strftime(m->date, sizeof(m->date), utc ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%dT%H:%M:%S", &tm);
}

bool em_meta_set_calendar(struct em_meta *m, int year, const char *month, int day, const int *clock)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *found = strlen(month) == 3 ? strstr(months, month) : NULL;
	int n;

	if (!found || (found - months) % 3 || year < 1 || year > 9999 || day < 1 || day > 31)
		return false;
	if (clock && (clock[0] < 0 || clock[0] > 23 || clock[1] < 0 || clock[1] > 59 || clock[2] < 0 || clock[2] > 60))
		return false;
	n = snprintf(m->date, sizeof(m->date), "%04d-%02d-%02d", year, (int)(found - months) / 3 + 1, day);
	if (clock)
		snprintf(m->date + n, sizeof(m->date) - (size_t)n, "T%02d:%02d:%02d", clock[0], clock[1], clock[2]);
	return true;
}

void em_meta_push_stack(struct em_meta *m, size_t index, size_t size, const struct em_axis *axis)
{
	if (m->nstack < EM_MAX_NDIM)
		m->stack[m->nstack++] = (struct em_meta_place){index, size, *axis};
}

void em_meta_update(struct em_meta *m, const struct em_meta *other)
{
	struct em_meta theirs = *other;

	if (theirs.title[0])
		memcpy(m->title, theirs.title, EM_META_TEXT);
	for (size_t i = 0; i < FIELDS; i++) {
		const struct field *f = &fields[i];

		if (f->text && text_of(&theirs, f)[0])
			memcpy(text_of(m, f), text_of(&theirs, f), EM_META_TEXT);
		else if (!f->text && !isnan(*number_of(&theirs, f)))
			*number_of(m, f) = *number_of(&theirs, f);
	}
}

void em_meta_keep_common(struct em_meta *m, const struct em_meta *other)
{
	struct em_meta theirs = *other;

	if (strcmp(m->title, other->title) != 0)
		m->title[0] = '\0';
	for (size_t i = 0; i < FIELDS; i++) {
		const struct field *f = &fields[i];

		if (!f->text && !(fabs(*number_of(m, f) - *number_of(&theirs, f)) <= 0))
			*number_of(m, f) = (double)NAN;
		if (f->text && text_of(m, f) != m->date && strcmp(text_of(m, f), text_of(&theirs, f)) != 0)
			*text_of(m, f) = '\0';
	}
}

/* ---- to the record ---- */

static void put_field(struct em_meta *m, const struct field *f, struct em_text *object)
{
	double v = f->text ? 0 : *number_of(m, f);

	if (f->text ? !text_of(m, f)[0] : !isfinite(v))
		return;
	em_json_put_name(object, f->name);
	if (f->text)
		em_json_put_string(object, text_of(m, f));
	else
		em_json_put_number(object, v);
}

/* Fields `from` to `to` as one object, unless none is known. */
static int put_group(struct em_meta *m, size_t from, size_t to, struct em_record *r, struct em_error *err)
{
	struct em_text object = {0};
	int status = 0;

	em_text_append(&object, "{");
	for (size_t i = from; i < to; i++)
		put_field(m, &fields[i], &object);
	if (object.failed || object.len > 1) {
		em_text_append(&object, "}");
		status = em_record_set_text(r, fields[from].group, &object, err);
	}
	em_text_release(&object);
	return status;
}

static int put_stack(const struct em_meta *m, struct em_record *r, struct em_error *err)
{
	struct em_text list = {0};
	int status;

	em_text_append(&list, "[");
	for (int i = 0; i < m->nstack; i++) {
		const struct em_meta_place *p = &m->stack[i];

		em_json_put_comma(&list);
		em_text_append(&list, "{");
		em_json_put_name(&list, "index");
		em_json_put_number(&list, (double)p->index);
		em_json_put_name(&list, "size");
		em_json_put_number(&list, (double)p->size);
		em_json_put_name(&list, "scale");
		em_json_put_number(&list, p->axis.scale);
		em_json_put_name(&list, "offset");
		em_json_put_number(&list, p->axis.offset);
		em_json_put_name(&list, "units");
		em_json_put_string(&list, p->axis.units);
		em_text_append(&list, "}");
	}
	em_text_append(&list, "]");
	status = em_record_set_text(r, "stack", &list, err);
	em_text_release(&list);
	return status;
}

int em_meta_put(const struct em_meta *m, struct em_record *r, struct em_error *err)
{
	struct em_meta copy = *m;

	if (copy.title[0] && em_record_set_string(r, "title", copy.title, err))
		return -1;
	for (size_t from = 0, to; from < FIELDS; from = to) {
		for (to = from + 1; to < FIELDS && !strcmp(fields[to].group, fields[from].group);)
			to++;
		if (put_group(&copy, from, to, r, err))
			return -1;
	}
	return copy.nstack ? put_stack(&copy, r, err) : 0;
}

/* ---- from the record ---- */

static void get_stack(struct em_meta *m, const struct em_record *r)
{
	struct em_json *tree = em_record_tree(r, "stack");
	const struct em_json *p;

	for (p = em_json_is_array(tree) ? em_json_first(tree) : NULL; p; p = em_json_next(p)) {
		double index = -1, size = -1, scale = 1, offset = 0;
		const char *units = em_json_string(em_json_get(p, "units"));
		struct em_axis axis;

		em_json_number(em_json_get(p, "index"), &index);
		em_json_number(em_json_get(p, "size"), &size);
		em_json_number(em_json_get(p, "scale"), &scale);
		em_json_number(em_json_get(p, "offset"), &offset);
		if (!(index >= 0 && size > index && size < 9e15))
			continue;
		em_axis_set(&axis, "", scale, offset, units ? units : "");
		em_meta_push_stack(m, (size_t)index, (size_t)size, &axis);
	}
	em_json_free(tree);
}

void em_meta_get(struct em_meta *m, const struct em_record *r)
{
	char path[64];

	em_meta_init(m);
	em_record_string(r, "title", m->title, sizeof(m->title));
	for (size_t i = 0; i < FIELDS; i++) {
		snprintf(path, sizeof(path), "%s.%s", fields[i].group, fields[i].name);
		if (fields[i].text)
			em_record_string(r, path, text_of(m, &fields[i]), EM_META_TEXT);
		else
			em_record_number(r, path, number_of(m, &fields[i]));
	}
	get_stack(m, r);
}
