/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the header of an MRC says beyond its layout, and the extended headers of FEI's and SerialEM's programs. */
#include "io/mrc.h"

#include "io/bytes.h"
#include "io/lines.h"

#include <math.h>
#include <string.h>

#define FEI_OLD_RECORD ((size_t)128)
#define FEI_RECORD_MIN ((size_t)309) /* what we read of the newer records, of 768 (FEI1) or 888 bytes (FEI2) */
#define OLE_EPOCH 25569              /* 1970-01-01 in days since 1899-12-30 */

/* ---- FEI's extended headers: a record a section ---- */

struct fei {
	double stage[5]; /* x, y, z in m; alpha, beta in degrees */
	double volts, magnification, camera_length, exposure, defocus, pixel; /* V, -, m, s, m, m; NAN: not there */
	double seconds;                                                       /* since 1970, local time */
	const unsigned char *name;                                            /* 16 bytes, or NULL */
};

static bool is_within(double v, double limit)
{
	return fabs(v) <= limit;
}

static bool has_stage(const struct fei *f)
{
	return is_within(f->stage[0], 0.1) && is_within(f->stage[1], 0.1) && is_within(f->stage[2], 0.1) &&
	       is_within(f->stage[3], 360) && is_within(f->stage[4], 360);
}

/* The old record: 32 floats. */
static bool read_old_fei(const unsigned char *p, bool big, struct fei *f)
{
	static const unsigned char places[] = {2, 3, 4, 0, 1};
	double v[13];

	for (size_t i = 0; i < 13; i++) {
		v[i] = (double)em_bytes_f32(p + 4 * i, big);
		if (!is_within(v[i], 1e12))
			return false;
	}
	for (size_t i = 0; i < 5; i++)
		f->stage[i] = v[places[i]];
	f->defocus = v[7];
	f->exposure = v[8] > 0 ? v[8] : NAN;
	f->pixel = v[11];
	f->magnification = v[12];
	/* What follows the header of some other program is not a specimen of less than 10 cm at less than 1e8 times. */
	return has_stage(f) && is_within(v[7], 1) && f->pixel > 0 && f->pixel < 1e-3 && v[12] >= 0 && v[12] < 1e8;
}

/* A double of the newer record, NAN unless the bit that says that it is set is set. */
static double fei_field(const unsigned char *p, bool big, uint32_t bits, unsigned bit, size_t at)
{
	return bits >> bit & 1 ? em_bytes_f64(p + at, big) : (double)NAN;
}

static bool read_new_fei(const unsigned char *p, bool big, struct fei *f)
{
	uint32_t bits = em_bytes_u32(p + 8, big), more = em_bytes_u32(p + 297, big);

	f->seconds = (fei_field(p, big, bits, 0, 12) - OLE_EPOCH) * 86400;
	f->name = bits & 2 ? p + 20 : NULL;
	f->volts = fei_field(p, big, bits, 5, 84);
	f->stage[3] = fei_field(p, big, bits, 7, 100);
	f->stage[4] = fei_field(p, big, bits, 8, 108);
	for (unsigned i = 0; i < 3; i++)
		f->stage[i] = fei_field(p, big, bits, 9 + i, 116 + 8 * (size_t)i);
	f->pixel = fei_field(p, big, bits, 14, 156);
	f->defocus = fei_field(p, big, bits, 22, 220);
	f->magnification = fei_field(p, big, bits, 31, 289);
	f->camera_length = fei_field(p, big, more, 0, 301);
	return true;
}

/* False where section `index` has no record, or none that makes sense. */
static bool find_fei(const struct em_mrc_records *r, size_t index, struct fei *f)
{
	const unsigned char *head = r->header, *records = head + EM_MRC_HEADER;
	bool named = !memcmp(head + 104, "FEI1", 4) || !memcmp(head + 104, "FEI2", 4);
	/* The old writers did not sign, but always left room for 1024 records. */
	bool unsigned_old = !em_bytes_u32(head + 104, false) && r->bytes == 1024 * FEI_OLD_RECORD;
	uint32_t size = r->bytes >= 4 ? em_bytes_u32(records, r->big) : 0;

	*f = (struct fei){{0}, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NULL};
	if (named && size >= FEI_RECORD_MIN && size <= 4096)
		return index < r->bytes / size && read_new_fei(records + index * size, r->big, f);
	return (named || unsigned_old) && index < r->bytes / FEI_OLD_RECORD &&
	       read_old_fei(records + index * FEI_OLD_RECORD, r->big, f);
}

static void put_fei(const struct fei *f, struct em_meta *m)
{
	if (has_stage(f)) {
		m->x_um = f->stage[0] * 1e6;
		m->y_um = f->stage[1] * 1e6;
		m->z_um = f->stage[2] * 1e6;
		m->a_deg = f->stage[3];
		m->b_deg = f->stage[4];
	}
	if (f->name)
		em_meta_set_bytes(m->instrument, f->name, 16);
	m->beam_kev = f->volts / 1000;
	if (f->magnification > 0)
		m->magnification = f->magnification;
	m->camera_length_mm = f->camera_length * 1000;
	m->defocus_nm = f->defocus * 1e9;
	em_meta_set_date(m, f->seconds, false);
	m->exposure_s = f->exposure;
}

/* ---- SerialEM's: bits say of what a record consists, in their order (IMOD's mrc_format.txt) ---- */

enum { TILT = 1, PIECE = 2, STAGE = 4, MAGNIFICATION = 8, INTENSITY = 16, ALL = 2047 };

static const unsigned char seri_bytes[] = {2, 6, 4, 2, 2, 4, 2, 4, 2, 4, 2};

/* The record of section `index`; NULL where there is none.  Files from before 2014 do not sign, but size and bits
 * agree, as they do in no other program's. */
static const unsigned char *find_seri(const struct em_mrc_records *r, size_t index, unsigned *bits)
{
	const unsigned char *head = r->header;
	size_t size = em_bytes_u16(head + 128, r->big), sum = 0;

	*bits = em_bytes_u16(head + 130, r->big);
	for (unsigned i = 0; i < sizeof(seri_bytes); i++)
		sum += *bits >> i & 1 ? seri_bytes[i] : 0;
	if ((memcmp(head + 104, "SERI", 4) && em_bytes_u32(head + 104, false)) || !size || sum != size || *bits > ALL ||
	    index >= r->bytes / size)
		return NULL;
	return head + EM_MRC_HEADER + index * size;
}

/* Where the item of this bit is. */
static const unsigned char *find_item(const unsigned char *record, unsigned bits, unsigned bit)
{
	if (!(bits & bit))
		return NULL;
	for (unsigned i = 0; 1u << i < bit; i++)
		record += bits >> i & 1 ? seri_bytes[i] : 0;
	return record;
}

static double short_at(const unsigned char *p, bool big)
{
	return (int16_t)em_bytes_u16(p, big);
}

static void put_seri(const unsigned char *record, unsigned bits, bool big, struct em_meta *m)
{
	const unsigned char *tilt = find_item(record, bits, TILT), *stage = find_item(record, bits, STAGE);
	const unsigned char *magnification = find_item(record, bits, MAGNIFICATION);

	if (tilt)
		m->a_deg = short_at(tilt, big) / 100;
	if (stage) {
		m->x_um = short_at(stage, big) / 25;
		m->y_um = short_at(stage + 2, big) / 25;
	}
	if (magnification && short_at(magnification, big) > 0)
		m->magnification = short_at(magnification, big) * 100;
}

/* ---- both ---- */

void em_mrc_records_put_meta(const struct em_mrc_records *r, size_t index, struct em_meta *meta, double *pixel_nm)
{
	const unsigned char *record;
	unsigned bits;
	struct fei f;

	if (find_fei(r, index, &f)) {
		put_fei(&f, meta);
		if (f.pixel > 0 && f.pixel < 1e-3)
			*pixel_nm = f.pixel * 1e9;
		return;
	}
	record = find_seri(r, index, &bits);
	if (record)
		put_seri(record, bits, r->big, meta);
}

static void put_text(const unsigned char *p, size_t n, struct em_text *json)
{
	const char *s = (const char *)p;

	em_span_put_json(em_span_trim((struct em_span){s, strnlen(s, n)}), json);
}

static void put_number(struct em_text *json, const char *name, double v)
{
	if (isnan(v))
		return;
	em_json_put_name(json, name);
	em_json_put_number(json, v);
}

static void put_fei_json(const struct fei *f, struct em_text *json)
{
	put_number(json, "stage_x_m", f->stage[0]);
	put_number(json, "stage_y_m", f->stage[1]);
	put_number(json, "stage_z_m", f->stage[2]);
	put_number(json, "alpha_deg", f->stage[3]);
	put_number(json, "beta_deg", f->stage[4]);
	put_number(json, "high_tension_V", f->volts);
	put_number(json, "magnification", f->magnification);
	put_number(json, "camera_length_m", f->camera_length);
	put_number(json, "exposure_s", f->exposure);
	put_number(json, "defocus_m", f->defocus);
	put_number(json, "pixel_m", f->pixel);
	if (f->name) {
		em_json_put_name(json, "microscope");
		put_text(f->name, 16, json);
	}
}

static void put_seri_json(const unsigned char *record, unsigned bits, bool big, struct em_text *json)
{
	static const struct {
		unsigned bit;
		const char *name;
		double factor;
	} items[] = {{TILT, "tilt_deg", 0.01},
	             {PIECE, "piece_px", 1},
	             {STAGE, "stage_um", 0.04},
	             {MAGNIFICATION, "magnification", 100},
	             {INTENSITY, "intensity", 4e-5}};

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		const unsigned char *p = find_item(record, bits, items[i].bit);
		double v[3] = {0};

		for (size_t k = 0; p && k < seri_bytes[i] / 2u; k++)
			v[k] = short_at(p + 2 * k, big) * items[i].factor;
		if (p && seri_bytes[i] == 2)
			put_number(json, items[i].name, v[0]);
		else if (p) {
			em_json_put_name(json, items[i].name);
			em_json_put_numbers(json, v, seri_bytes[i] / 2u);
		}
	}
}

void em_mrc_records_put_json(const struct em_mrc_records *r, size_t index, struct em_text *json)
{
	const unsigned char *record;
	unsigned bits;
	struct fei f;

	if (find_fei(r, index, &f)) {
		em_json_put_name(json, "extended");
		em_text_append(json, "{");
		put_fei_json(&f, json);
		em_text_append(json, "}");
		return;
	}
	record = find_seri(r, index, &bits);
	if (record) {
		em_json_put_name(json, "extended");
		em_text_append(json, "{");
		put_seri_json(record, bits, r->big, json);
		em_text_append(json, "}");
	}
}

/* ---- the header ---- */

static const struct {
	const char *name;
	unsigned short at;
	unsigned char count, kind; /* 'i' and 'f' are of 4 bytes, 's' a text of `count` bytes */
} fields[] = {
	{"nx", 0, 1, 'i'},      {"ny", 4, 1, 'i'},       {"nz", 8, 1, 'i'},        {"mode", 12, 1, 'i'},
	{"nstart", 16, 3, 'i'}, {"m", 28, 3, 'i'},       {"cella", 40, 3, 'f'},    {"cellb", 52, 3, 'f'},
	{"mapc", 64, 1, 'i'},   {"mapr", 68, 1, 'i'},    {"maps", 72, 1, 'i'},     {"dmin", 76, 1, 'f'},
	{"dmax", 80, 1, 'f'},   {"dmean", 84, 1, 'f'},   {"ispg", 88, 1, 'i'},     {"nsymbt", 92, 1, 'i'},
	{"exttyp", 104, 4, 's'}, {"nversion", 108, 1, 'i'}, {"extra", 112, 21, 'i'}, {"origin", 196, 3, 'f'},
	{"map", 208, 4, 's'},   {"rms", 216, 1, 'f'},    {"nlabl", 220, 1, 'i'},
};

static void put_value(const unsigned char *p, char kind, bool big, struct em_text *json)
{
	if (kind == 'f')
		em_json_put_number(json, (double)em_bytes_f32(p, big));
	else
		em_text_printf(json, "%d", (int)(int32_t)em_bytes_u32(p, big));
}

void em_mrc_put_header(const unsigned char *header, bool big, struct em_text *json)
{
	em_json_put_name(json, "header");
	em_text_append(json, "{");
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const unsigned char *p = header + fields[i].at;

		em_json_put_name(json, fields[i].name);
		if (fields[i].kind == 's') {
			put_text(p, fields[i].count, json);
			continue;
		}
		if (fields[i].count > 1)
			em_text_append(json, "[");
		for (size_t k = 0; k < fields[i].count; k++) {
			em_text_append(json, k ? "," : "");
			put_value(p + 4 * k, (char)fields[i].kind, big, json);
		}
		if (fields[i].count > 1)
			em_text_append(json, "]");
	}
	em_json_put_name(json, "labels");
	em_text_append(json, "[");
	for (size_t i = 0; i < 10 && header[224 + 80 * i]; i++) {
		em_json_put_comma(json);
		put_text(header + 224 + 80 * i, 80, json);
	}
	em_text_append(json, "]}");
}
