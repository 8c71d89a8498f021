/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EMSA/MAS spectra: lines of "#KEYWORD : value", then numbers.  Files of this extension are also met without any
 * header, as two columns of energy and intensity: such a text is recognised where nothing else is in it.
 *
 * Values become float32 where that gives back the digits of the file, else float64.
 */
#include "io/msa.h"

#include "base/units.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADER_MAX 1000 /* lines */
#define FLOAT32_END 3.4028235677973366e38 /* from here on float32 has only infinity */

struct line {
	struct em_span keyword, value; /* "BEAMKV   -kV", "120.0" */
};

struct msa {
	struct line line[HEADER_MAX];
	size_t lines;
	bool bare;             /* no header */
	struct em_msa_numbers data;   /* y; or x, y, x, y ... */
	size_t columns;        /* 1 or 2 */
	struct em_axis axis;
};

/* What a keyword without a unit means is what the standard gives it; it gives none for positions. */
static const struct em_msa_field fields[] = {
#define FIELD(name, unit, member, factor) {name, unit, offsetof(struct em_meta, member), factor}
	FIELD("BEAMKV", "kV", beam_kev, 1),
	FIELD("PROBECUR", "nA", beam_current_na, 1),
	FIELD("CONVANGLE", "mR", convergence_mrad, 1),
	FIELD("COLLANGLE", "mR", collection_mrad, 1),
	FIELD("INTEGTIME", "ms", exposure_s, 1e-3),
	FIELD("DWELLTIME", "ms", dwell_s, 1e-3),
	FIELD("XTILTSTGE", "dg", a_deg, 1),
	FIELD("YTILTSTGE", "dg", b_deg, 1),
	FIELD("XPOSITION", "um", x_um, 1),
	FIELD("YPOSITION", "um", y_um, 1),
	FIELD("ZPOSITION", "um", z_um, 1),
};

const struct em_msa_field *em_msa_field_at(size_t i)
{
	return i < sizeof(fields) / sizeof(fields[0]) ? &fields[i] : NULL;
}

/* ---- the header ---- */

/* The keyword proper, without its unit, and the unit. */
static struct em_span name_of(const struct line *l, struct em_span *unit)
{
	const char *dash = memchr(l->keyword.s, '-', l->keyword.n);
	size_t n = dash ? (size_t)(dash - l->keyword.s) : l->keyword.n;

	*unit = (struct em_span){"", 0};
	if (dash)
		*unit = em_span_trim((struct em_span){dash + 1, l->keyword.n - n - 1});
	return em_span_trim((struct em_span){l->keyword.s, n});
}

static const struct line *find_line(const struct msa *m, const char *name, struct em_span *unit)
{
	for (size_t i = 0; i < m->lines; i++)
		if (em_msa_is_word(name_of(&m->line[i], unit), name))
			return &m->line[i];
	return NULL;
}

static void take_text(const struct msa *m, const char *name, char *field)
{
	struct em_span unit;
	const struct line *l = find_line(m, name, &unit);

	if (l)
		em_meta_set_bytes(field, (const unsigned char *)l->value.s, l->value.n);
}

/* A number of the header; false where there is none. */
static bool take_number(const struct msa *m, const char *name, double *v, struct em_span *unit)
{
	const struct line *l = find_line(m, name, unit);
	double found, digit;

	if (!l || !em_msa_scan_number(l->value, true, &found, &digit))
		return false;
	*v = found;
	return true;
}

/* ---- recognition ---- */

static bool msa_probe(const unsigned char *head, size_t n)
{
	struct em_span text = {(const char *)head, n};

	return em_msa_is_header(text) || em_msa_is_two_columns(text, n < EM_PROBE_BYTES);
}

/* ---- the file ---- */

static int read_header(struct msa *m, struct em_span *text, struct em_error *err)
{
	struct em_span line;

	while (em_span_next_line(text, &line)) {
		const char *colon;
		size_t key;
		struct line *l = &m->line[m->lines];

		if (!line.n)
			continue;
		if (line.s[0] != '#' && m->lines)
			break;
		if (m->lines == HEADER_MAX)
			return em_error_set(err, EM_ERROR_DATA, "MSA: a header of more than %d lines is not sensible",
			                    HEADER_MAX);
		colon = memchr(line.s, ':', line.n);
		key = colon ? (size_t)(colon - line.s) : line.n;
		l->keyword = em_span_trim((struct em_span){line.s + 1, key - 1});
		l->value = (struct em_span){"", 0};
		if (colon)
			l->value = em_span_trim((struct em_span){colon + 1, line.n - key - 1});
		if (em_msa_is_word(l->keyword, "SPECTRUM"))
			return 0;
		m->lines++;
	}
	return em_error_set(err, EM_ERROR_DATA,
	                    "MSA: the header does not end with #SPECTRUM: the file is cut or damaged");
}

static int read_numbers(struct msa *m, struct em_span *text, bool *marked, struct em_error *err)
{
	double v[64], unit[64];
	struct em_span line;

	*marked = false;
	while (!*marked && em_span_next_line(text, &line)) {
		int n;

		if (line.n && line.s[0] == '#') {
			*marked = line.n >= 10 && !strncasecmp(line.s, "#ENDOFDATA", 10);
			continue;
		}
		n = em_msa_scan_line(line, 64, v, unit);
		if (n < 0)
			return em_error_set(err, EM_ERROR_DATA, "MSA: \"%.*s\" among the values is not finite numbers",
			                    (int)(line.n < 40 ? line.n : 40), line.s);
		for (int i = 0; i < n; i++)
			if (em_msa_keep_number(&m->data, v[i], unit[i], err))
				return -1;
	}
	return 0;
}

/* Is everything there that the header and the end mark promise?  The standard's own example has one value more. */
static int check_count(const struct msa *m, bool marked, struct em_error *err)
{
	size_t n = m->data.n / m->columns;
	struct em_span unit;
	double want = -1;
	bool known = take_number(m, "NPOINTS", &want, &unit);

	if (!n)
		return em_error_set(err, EM_ERROR_DATA, "MSA: there are no values in it");
	if (m->data.n % m->columns)
		return em_error_set(err, EM_ERROR_DATA, "MSA: the last value is missing: the file is cut or damaged");
	if (m->bare || (marked && !known))
		return 0;
	if ((double)n < want || (!marked && (double)n != want))
		return em_error_set(err, EM_ERROR_DATA,
		                    "MSA: %zu of %.0f values are there%s: the file is cut or damaged", n,
		                    known ? want : 0.0, marked ? "" : ", and no end mark");
	return 0;
}

static int set_columns(struct msa *m, struct em_error *err)
{
	char type[EM_META_TEXT] = "";

	take_text(m, "DATATYPE", type);
	if (m->bare || !strcasecmp(type, "XY"))
		m->columns = 2;
	else if (!strcasecmp(type, "Y"))
		m->columns = 1;
	else
		return em_error_set(err, EM_ERROR_DATA, "MSA: DATATYPE is \"%.20s\"; Y and XY are supported", type);
	return 0;
}

/* ---- the axis ---- */

static double value_at(const struct msa *m, size_t i)
{
	return m->data.v[m->columns * i + m->columns - 1];
}

/*
 * Energies as they are printed lie on a line but for their rounding: a unit of the last digit, and never so much that a
 * missing channel would pass.
 */
static bool fits(const struct msa *m, double scale, double offset)
{
	size_t n = m->data.n / 2;

	for (size_t i = 0; i < n; i++) {
		double rounding = fmin(m->data.unit[2 * i], fabs(scale) / 4);

		if (!(fabs(m->data.v[2 * i] - (offset + (double)i * scale)) <= fabs(scale) * 1e-4 + rounding))
			return false;
	}
	return true;
}

/* Least squares of x against 0, 1, 2 ... */
static void fit_line(const struct msa *m, double *scale, double *offset)
{
	size_t n = m->data.n / 2;
	double middle = ((double)n - 1) / 2, mean = 0, sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++)
		mean += m->data.v[2 * i] / (double)n;
	for (size_t i = 0; i < n; i++) {
		sum += ((double)i - middle) * (m->data.v[2 * i] - mean);
		squares += ((double)i - middle) * ((double)i - middle);
	}
	*scale = n > 1 ? sum / squares : 1;
	*offset = mean - middle * *scale;
}

/* "keV" from "KeV" or "Energy Loss (keV)"; anything else as it is. */
static void read_units(const struct msa *m, char *units, size_t n)
{
	static const char *const energies[] = {"eV", "keV", "meV"};
	char text[EM_META_TEXT] = "", *open, *shut;
	const char *found = text;

	take_text(m, "XUNITS", text);
	open = strrchr(text, '(');
	shut = open ? strchr(open, ')') : NULL;
	if (shut) {
		*shut = '\0';
		found = open + 1;
	}
	for (size_t i = 0; i < sizeof(energies) / sizeof(energies[0]); i++)
		if (!strcasecmp(found, energies[i]) && strcmp(found, "MeV") != 0)
			found = energies[i];
	em_units_spell(found, units, n);
}

static const char *axis_name(const char *units)
{
	double metres;

	if (!em_units_length_in_m(units, &metres))
		return "wavelength";
	return em_units_is_energy(units) || !units[0] ? "energy" : "x";
}

static int set_axis(struct msa *m, struct em_error *err)
{
	double scale = 1, offset = 0;
	struct em_span unit;
	char units[sizeof(m->axis.units)];
	bool told = take_number(m, "XPERCHAN", &scale, &unit);

	take_number(m, "OFFSET", &offset, &unit);
	told = told && scale != 0;
	if (m->columns == 2 && !(told && fits(m, scale, offset))) {
		fit_line(m, &scale, &offset);
		if (!isfinite(scale) || scale == 0 || !fits(m, scale, offset))
			return em_error_set(err, EM_ERROR_DATA,
			                    "MSA: the channels are not evenly spaced: bring the spectrum onto a "
			                    "uniform axis first");
	}
	read_units(m, units, sizeof(units));
	em_axis_set(&m->axis, axis_name(units), scale != 0 ? scale : 1, offset, units);
	return 0;
}

/* A text without a header does not say what its first column is; who calls it .msa does. */
static void set_bare_axis(struct msa *m, const char *file_name)
{
	const char *dot = strrchr(file_name, '.');

	if (dot && (!strcasecmp(dot, ".msa") || !strcasecmp(dot, ".emsa")))
		em_axis_set(&m->axis, "energy", m->axis.scale, m->axis.offset, "eV");
	else
		em_axis_set(&m->axis, "x", m->axis.scale, m->axis.offset, "");
}

/* ---- metadata ---- */

static void put_fields(const struct msa *m, struct em_meta *meta)
{
	const struct em_msa_field *f;

	for (size_t i = 0; (f = em_msa_field_at(i)); i++) {
		double v, ratio = 1;
		struct em_span unit;

		if (!take_number(m, f->name, &v, &unit))
			continue;
		if (unit.n)
			ratio = em_msa_unit_ratio(unit, f->unit);
		else if (!strcmp(f->unit, "um"))
			continue;
		if (ratio > 0) {
			v *= ratio * f->factor;
			memcpy((char *)meta + f->offset, &v, sizeof(v));
		}
	}
}

/* "01-OCT-1991", in any case, and "12:00", seconds or not. */
static void put_date(const struct msa *m, struct em_meta *meta)
{
	char date[EM_META_TEXT] = "", time[EM_META_TEXT] = "", month[4];
	int day, year, clock[3] = {0};

	take_text(m, "DATE", date);
	take_text(m, "TIME", time);
	if (sscanf(date, "%2d-%3[A-Za-z]-%4d", &day, month, &year) != 3 || year < 1000)
		return;
	for (size_t i = 0; month[i]; i++)
		month[i] = (char)(i ? month[i] | 32 : month[i] & ~32);
	if (sscanf(time, "%2d:%2d:%2d", &clock[0], &clock[1], &clock[2]) < 2 ||
	    !em_meta_set_calendar(meta, year, month, day, clock))
		em_meta_set_calendar(meta, year, month, day, NULL);
}

static void put_meta(const struct msa *m, struct em_meta *meta)
{
	struct em_span unit;
	double v;

	take_text(m, "TITLE", meta->title);
	take_text(m, "OPERMODE", meta->mode);
	take_text(m, "ELSDET", meta->detector);
	take_text(m, "EDSDET", meta->detector);
	put_date(m, meta);
	put_fields(m, meta);
	if (isnan(meta->exposure_s) && take_number(m, "REALTIME", &v, &unit))
		meta->exposure_s = v;
	/* One keyword for two things. */
	if (take_number(m, "MAGCAM", &v, &unit) && v > 0) {
		if (!strcasecmp(meta->mode, "DIFF") || !strcasecmp(meta->mode, "SCDIF"))
			meta->camera_length_mm = v;
		else
			meta->magnification = v;
	}
}

/* ---- the codec ---- */

static void msa_close(void *state)
{
	struct msa *m = state;

	free(m->data.v);
	free(m->data.unit);
	free(m);
}

static int read_file(struct msa *m, const struct em_file *file, struct em_error *err)
{
	struct em_span text = {(const char *)file->blob.data, file->blob.size};
	bool marked;

	m->bare = !em_msa_is_header((struct em_span){text.s, text.n < EM_PROBE_BYTES ? text.n : EM_PROBE_BYTES});
	if (m->bare && !em_msa_is_two_columns(text, true))
		return em_error_set(err, EM_ERROR_DATA,
		                    "MSA: a text without a header that is not two columns throughout, the first "
		                    "increasing");
	if ((!m->bare && read_header(m, &text, err)) || set_columns(m, err) || read_numbers(m, &text, &marked, err) ||
	    check_count(m, marked, err) || set_axis(m, err))
		return -1;
	if (m->bare)
		set_bare_axis(m, em_file_name(file));
	return em_codec_check_rest(file->blob, file->blob.size - text.n, err);
}

static int msa_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct msa *m = calloc(1, sizeof(*m));

	if (!m)
		return em_error_memory(err, sizeof(*m));
	if (read_file(m, file, err)) {
		msa_close(m);
		return -1;
	}
	*state = m;
	*frames = 1;
	return 0;
}

/* Would float32 give back the digits of every value? */
static bool is_single(const struct msa *m)
{
	for (size_t i = 0; i < m->data.n / m->columns; i++) {
		double v = value_at(m, i), unit = m->data.unit[m->columns * i + m->columns - 1];

		if (!(fabs(v) < FLOAT32_END) || !(fabs(v - (double)(float)v) <= unit / 2))
			return false;
	}
	return true;
}

static int msa_read(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const struct msa *m = state;
	size_t n = m->data.n / m->columns;
	struct em_array fresh;

	(void)frame;
	if (em_array_alloc(&fresh, is_single(m) ? EM_F32 : EM_F64, 1, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (fresh.dtype == EM_F32)
			((float *)fresh.data)[i] = (float)value_at(m, i);
		else
			((double *)fresh.data)[i] = value_at(m, i);
	}
	fresh.axis[0] = m->axis;
	put_meta(m, meta);
	*a = fresh;
	return 0;
}

/* The lines of the header as pairs, since keywords (TITLE, COMMENT) may repeat. */
static int msa_tags(void *state, size_t frame, struct em_text *json, struct em_error *err)
{
	const struct msa *m = state;

	(void)frame;
	em_text_append(json, "[");
	for (size_t i = 0; i < m->lines; i++) {
		const struct em_span *parts[] = {&m->line[i].keyword, &m->line[i].value};

		em_json_put_comma(json);
		em_text_append(json, "[");
		for (int k = 0; k < 2; k++) {
			char text[EM_META_TEXT] = "";

			em_meta_set_bytes(text, (const unsigned char *)parts[k]->s, parts[k]->n);
			em_json_put_comma(json);
			em_json_put_string(json, text);
		}
		em_text_append(json, "]");
	}
	em_text_append(json, "]");
	return em_text_check(json, err);
}

const struct em_codec em_codec_msa = {
	.name = "msa",
	.extensions = "msa emsa",
	.probe = msa_probe,
	.open = msa_open,
	.read = msa_read,
	.close = msa_close,
	.tags = msa_tags,
	.writer = &em_msa_writer,
};
