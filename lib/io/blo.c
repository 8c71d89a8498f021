/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NanoMEGAS blockfile, .blo: a scan of diffraction patterns of one byte a pixel.  A header of 240 bytes and a note; a
 * virtual bright field picture of the scan; then for each point a mark, its number and its pattern.  The maker's
 * description is not public; the layout is what RosettaSciIO reads and writes.
 *
 * Two data sets: the picture, and the patterns.  A point that was not recorded has no pattern, and none is made up:
 * each pattern's place in the scan is what its number says.
 */
#include "base/units.h"
#include "io/bytes.h"
#include "io/codec.h"
#include "io/lines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADER ((size_t)240)
#define MARK ((size_t)6) /* AA 55 and the number, before each pattern */
#define OLE_EPOCH 25569  /* 1970-01-01 in days since 1899-12-30 */

enum { VBF_AT = 8, PATTERNS_AT = 12, SIDE = 20, PATTERN_ROTATION = 22, NX = 24, NY = 26, SCAN_ROTATION = 28, SX = 30,
       SY = 38, VOLTS = 46, PIXELS_CM = 50, CAMERA_LENGTH = 52, TIME = 56, CENTERING = 64, DISTORTION = 128 };

struct blo {
	struct em_blob blob;
	bool big;
	size_t picture, patterns; /* where they begin */
	size_t nx, ny, side;
	size_t whole;             /* patterns that are there in full */
	bool cut;                 /* and a part of one more */
};

static bool blo_probe(const unsigned char *head, size_t n)
{
	return n >= 8 && !memcmp(head, "IMGBLO", 6) && (head[6] ^ head[7]) == 3 && (head[6] == 1 || head[6] == 2);
}

static size_t step_of(const struct blo *b)
{
	return MARK + b->side * b->side;
}

static int set_layout(struct blo *b, struct em_error *err)
{
	const unsigned char *p = b->blob.data;
	size_t n = b->blob.size, left;

	if (!blo_probe(p, n) || n < HEADER)
		return em_error_set(err, EM_ERROR_DATA, "BLO: the file is cut within its header, or no blockfile");
	b->big = p[6] == 1; /* 0x0102 */
	b->picture = em_bytes_u32(p + VBF_AT, b->big);
	b->patterns = em_bytes_u32(p + PATTERNS_AT, b->big);
	b->side = em_bytes_u16(p + SIDE, b->big);
	b->nx = em_bytes_u16(p + NX, b->big);
	b->ny = em_bytes_u16(p + NY, b->big);
	if (!b->side || !b->nx || !b->ny)
		return em_error_set(err, EM_ERROR_DATA, "BLO: %zu x %zu patterns of %zu pixels are not sensible", b->nx,
		                    b->ny, b->side);
	if (b->picture < HEADER || b->picture > n || n - b->picture < b->nx * b->ny)
		return em_error_set(err, EM_ERROR_DATA,
		                    "BLO: the file is cut within the picture of the scan, %zu x %zu pixels at byte %zu",
		                    b->nx, b->ny, b->picture);
	if (b->patterns < HEADER || b->patterns > n)
		return em_error_set(err, EM_ERROR_DATA, "BLO: the file is cut before the patterns at byte %zu",
		                    b->patterns);
	left = n - b->patterns;
	b->whole = left / step_of(b);
	b->cut = left % step_of(b) != 0;
	if (b->whole >= b->nx * b->ny) { /* what follows the last is nobody's */
		b->whole = b->nx * b->ny;
		b->cut = false;
	}
	return 0;
}

static int blo_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct blo b = {.blob = file->blob};

	if (set_layout(&b, err))
		return -1;
	*state = malloc(sizeof(b));
	if (!*state)
		return em_error_memory(err, sizeof(b));
	memcpy(*state, &b, sizeof(b));
	*frames = 1 + b.whole + b.cut;
	return 0;
}

/* ---- what the header says ---- */

static double positive(double v)
{
	return isfinite(v) && v > 0 ? v : (double)NAN;
}

static void put_meta(const struct blo *b, struct em_meta *m)
{
	const unsigned char *p = b->blob.data;

	m->beam_kev = positive((double)em_bytes_u32(p + VOLTS, b->big)) * 1e-3;
	m->camera_length_mm = positive((double)em_bytes_u32(p + CAMERA_LENGTH, b->big)) * 0.1;
	em_meta_set_date(m, (em_bytes_f64(p + TIME, b->big) - OLE_EPOCH) * 86400, false);
}

static struct em_axis scan_axis(const struct blo *b, const char *name, size_t at)
{
	double scale = positive(em_bytes_f64(b->blob.data + at, b->big));
	struct em_axis axis;

	em_axis_set(&axis, name, isnan(scale) ? 1 : scale, 0, isnan(scale) ? "" : "nm");
	return axis;
}

/* The header has pixels a centimetre of the detector, times 100.  With camera length and energy: 1/nm. */
static void set_scales(const struct blo *b, const struct em_meta *m, struct em_array *a)
{
	double pixel_mm = 1000 / positive((double)em_bytes_u16(b->blob.data + PIXELS_CM, b->big));
	double inverse = pixel_mm / (m->camera_length_mm * 1e9 * em_units_wavelength_m(m->beam_kev * 1e3));

	for (int i = 0; i < 2; i++) {
		if (isfinite(inverse))
			em_axis_set(&a->axis[i], a->axis[i].name, inverse, 0, "1/nm");
		else if (isfinite(pixel_mm))
			em_axis_set(&a->axis[i], a->axis[i].name, pixel_mm, 0, "mm");
	}
}

/* ---- pixels ---- */

static int copy_pixels(const unsigned char *from, size_t height, size_t width, struct em_array *a, struct em_error *err)
{
	struct em_array fresh;

	if (em_array_alloc_image(&fresh, EM_U8, height, width, err))
		return -1;
	memcpy(fresh.data, from, height * width);
	*a = fresh;
	return 0;
}

static int read_pattern(const struct blo *b, size_t i, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	size_t at = b->patterns + i * step_of(b), number;
	const unsigned char *p = b->blob.data + at;
	struct em_axis x = scan_axis(b, "x", SX), y = scan_axis(b, "y", SY);

	if (i == b->whole)
		return em_error_set(err, EM_ERROR_DATA,
		                    "BLO: the file is cut within pattern %zu of %zu, at byte %zu (the recording was "
		                    "stopped?): those before it can be read",
		                    i, b->nx * b->ny, b->blob.size);
	number = em_bytes_u32(p + 2, b->big);
	if (em_bytes_u16(p, b->big) != 0x55aa || number >= b->nx * b->ny)
		return em_error_set(err, EM_ERROR_DATA,
		                    "BLO: no mark or a wrong number before pattern %zu, at byte %zu", i, at);
	if (copy_pixels(p + MARK, b->side, b->side, a, err))
		return -1;
	put_meta(b, meta);
	set_scales(b, meta, a);
	em_meta_push_stack(meta, number / b->nx, b->ny, &y);
	em_meta_push_stack(meta, number % b->nx, b->nx, &x);
	return 0;
}

static int blo_read(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const struct blo *b = state;

	if (frame)
		return read_pattern(b, frame - 1, a, meta, err);
	if (copy_pixels(b->blob.data + b->picture, b->ny, b->nx, a, err))
		return -1;
	put_meta(b, meta);
	a->axis[0] = scan_axis(b, "y", SY);
	a->axis[1] = scan_axis(b, "x", SX);
	return 0;
}

static void blo_close(void *state)
{
	free(state);
}

static void blo_locate(void *state, size_t frame, struct em_place *place)
{
	const struct blo *b = state;
	size_t patterns = b->whole + b->cut;
	const char *name = frame ? "diffraction" : "virtual bright field";

	*place = (struct em_place){frame > 0, 1 + (patterns > 0), frame ? frame - 1 : 0, frame ? patterns : 1, ""};
	em_place_set_name(place, name, strlen(name));
}

/* ---- tags ---- */

static void put_doubles(const struct blo *b, const char *name, size_t at, size_t n, struct em_text *json)
{
	double v[14];

	for (size_t i = 0; i < n; i++)
		v[i] = em_bytes_f64(b->blob.data + at + 8 * i, b->big);
	em_json_put_name(json, name);
	em_json_put_numbers(json, v, n);
}

/* The names are RosettaSciIO's; numbers as they are in the file. */
static int blo_tags(void *state, size_t frame, struct em_text *json, struct em_error *err)
{
	static const struct {
		const char *name;
		unsigned char at, bytes;
	} fields[] = {
		{"Data_offset_1", VBF_AT, 4}, {"Data_offset_2", PATTERNS_AT, 4}, {"UNKNOWN1", 16, 4},
		{"DP_SZ", SIDE, 2}, {"DP_rotation", PATTERN_ROTATION, 2}, {"NX", NX, 2}, {"NY", NY, 2},
		{"Scan_rotation", SCAN_ROTATION, 2}, {"Beam_energy", VOLTS, 4}, {"SDP", PIXELS_CM, 2},
		{"Camera_length", CAMERA_LENGTH, 4},
	};
	const struct blo *b = state;
	const char *note = (const char *)b->blob.data + HEADER;
	double v;

	(void)frame;
	em_text_append(json, "{");
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const unsigned char *p = b->blob.data + fields[i].at;

		em_json_put_name(json, fields[i].name);
		em_text_printf(json, "%lu", (unsigned long)(fields[i].bytes == 2 ? em_bytes_u16(p, b->big)
		                                                                 : em_bytes_u32(p, b->big)));
	}
	put_doubles(b, "S", SX, 2, json);
	v = em_bytes_f64(b->blob.data + TIME, b->big);
	em_json_put_name(json, "Acquisition_time");
	if (isfinite(v))
		em_text_printf(json, "%.17g", v);
	else
		em_text_append(json, "null");
	put_doubles(b, "Centering", CENTERING, 8, json);
	put_doubles(b, "Distortion", DISTORTION, 14, json);
	em_json_put_name(json, "Note");
	em_span_put_json(em_span_trim((struct em_span){note, strnlen(note, b->picture - HEADER)}), json);
	em_text_append(json, "}");
	return em_text_check(json, err);
}

const struct em_codec em_codec_blo = {
	.name = "blo",
	.extensions = "blo",
	.probe = blo_probe,
	.open = blo_open,
	.read = blo_read,
	.close = blo_close,
	.locate = blo_locate,
	.tags = blo_tags,
};
