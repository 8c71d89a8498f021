/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One spectrum a file, one number a line: version 1.0, which every reader knows. */
#include "io/msa.h"

#include "base/units.h"
#include "io/writer.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 64 /* characters of a value that is text */

struct writer {
	FILE *file;
	bool written;
};

static int begin(const char *path, const struct em_array *first, const struct em_meta *meta, void **state,
                 struct em_error *err)
{
	struct writer *w;

	(void)meta;
	if (first->ndim != 1 || first->dtype == EM_C64 || first->dtype == EM_C128)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "MSA: a file holds one spectrum of real numbers, not %d dimensions of %s: add up "
		                    "its spectra, or write npy", first->ndim, em_dtype_name(first->dtype));
	w = em_writer_new(sizeof(*w), path, err);
	if (!w)
		return -1;
	*state = w;
	return 0;
}

/* ---- the header ---- */

static void put_line(struct em_text *t, const char *keyword, const char *value)
{
	em_text_printf(t, "#%-12s: %s\r\n", keyword, value);
}

static void put_number(struct em_text *t, const char *keyword, double v)
{
	em_text_printf(t, "#%-12s: %.15g\r\n", keyword, v);
}

/* One line of Latin-1, as the readers take it. */
static void put_text(struct em_text *t, const char *keyword, const char *utf8)
{
	char value[TEXT_MAX + 1];
	const unsigned char *p = (const unsigned char *)utf8;
	size_t n = 0;

	while (*p && n < TEXT_MAX) {
		unsigned c = *p++;

		if (c >= 0xc2 && c <= 0xc3 && (*p & 0xc0) == 0x80) {
			c = (c & 3) << 6 | (*p++ & 0x3f);
		} else if (c >= 0x80) {
			c = '?';
			while ((*p & 0xc0) == 0x80)
				p++;
		}
		value[n++] = (char)(c < ' ' ? ' ' : c);
	}
	value[n] = '\0';
	put_line(t, keyword, value);
}

/* From "1991-10-01T12:00:00Z", or as much of it as there is. */
static void put_date(struct em_text *t, const char *iso)
{
	static const char months[][4] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
	                                 "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
	int year, month, day, hour, minute, got;
	char date[32] = "", clock[16] = "";

	got = sscanf(iso, "%4d-%2d-%2dT%2d:%2d", &year, &month, &day, &hour, &minute);
	if (got >= 3 && year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= 31)
		snprintf(date, sizeof(date), "%02d-%s-%04d", day, months[month - 1], year);
	if (got == 5 && date[0] && hour >= 0 && hour < 24 && minute >= 0 && minute < 60)
		snprintf(clock, sizeof(clock), "%02d:%02d", hour, minute);
	put_line(t, "DATE", date);
	put_line(t, "TIME", clock);
}

static void put_fields(struct em_text *t, const struct em_meta *meta)
{
	const struct em_msa_field *f;

	for (size_t i = 0; (f = em_msa_field_at(i)); i++) {
		char keyword[32];
		double v;

		memcpy(&v, (const char *)meta + f->offset, sizeof(v));
		if (!isfinite(v))
			continue;
		snprintf(keyword, sizeof(keyword), "%-9s-%s", f->name, f->unit);
		put_number(t, keyword, v / f->factor);
	}
	if (isfinite(meta->camera_length_mm) && !isfinite(meta->magnification))
		put_number(t, "MAGCAM", meta->camera_length_mm);
	else if (isfinite(meta->magnification))
		put_number(t, "MAGCAM", meta->magnification);
	if (isfinite(meta->camera_length_mm) && !isfinite(meta->magnification))
		put_line(t, "OPERMODE", "DIFF");
}

static void put_header(struct em_text *t, const struct em_array *a, const struct em_meta *meta)
{
	const struct em_axis *axis = &a->axis[0];

	put_line(t, "FORMAT", "EMSA/MAS Spectral Data File");
	put_line(t, "VERSION", "1.0");
	put_text(t, "TITLE", meta->title);
	put_date(t, meta->date);
	put_line(t, "OWNER", "");
	put_number(t, "NPOINTS", (double)a->shape[0]);
	put_line(t, "NCOLUMNS", "1");
	put_text(t, "XUNITS", axis->units);
	put_line(t, "YUNITS", "Intensity");
	put_line(t, "DATATYPE", "Y");
	put_number(t, "XPERCHAN", axis->scale);
	put_number(t, "OFFSET", axis->offset);
	put_text(t, "XLABEL", axis->name);
	put_fields(t, meta);
	put_line(t, "SPECTRUM", "Spectral Data Starts Here");
}

/* ---- the numbers ---- */

/* As many digits as bring the very number back. */
static void put_value(struct em_text *t, const struct em_array *a, size_t i)
{
	if (a->dtype == EM_U64)
		em_text_printf(t, "%llu\r\n", (unsigned long long)((const uint64_t *)a->data)[i]);
	else if (a->dtype == EM_I64)
		em_text_printf(t, "%lld\r\n", (long long)((const int64_t *)a->data)[i]);
	else
		em_text_printf(t, a->dtype == EM_F32 ? "%.9g\r\n" : "%.17g\r\n", em_array_get(a, i));
}

static int add(void *state, const struct em_array *a, const struct em_meta *meta, struct em_error *err)
{
	struct writer *w = state;
	struct em_text t = {0};
	size_t nonfinite;
	int status;

	if (w->written)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "MSA: a file holds one spectrum: write into a folder, -o DIR/");
	em_array_range(a, NULL, NULL, &nonfinite);
	if (nonfinite)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "MSA: %zu values are not finite, and the format has no such numbers: write npy",
		                    nonfinite);
	w->written = true;
	put_header(&t, a, meta);
	for (size_t i = 0; i < a->shape[0]; i++)
		put_value(&t, a, i);
	put_line(&t, "ENDOFDATA", "End Of Data and File");
	status = em_text_check(&t, err);
	if (!status && fwrite(t.s, 1, t.len, w->file) != t.len)
		status = em_error_errno(err, "cannot write");
	em_text_release(&t);
	return status;
}

static int finish(void *state, struct em_error *err)
{
	return em_writer_finish(state, 0, err);
}

const struct em_codec_writer em_msa_writer = {begin, add, finish, em_writer_abandon};
