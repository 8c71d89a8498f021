/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MRC and CCP4 maps: a header of 1024 bytes, an extended header, and sections of rows.  Layout: A. Cheng et al.,
 * "MRC2014: Extensions to the MRC format header for electron cryo-microscopy and tomography", J. Struct. Biol. 192
 * (2015) 146.  In the wild: byte order stamps that are wrong or absent, no "MAP " at all, cells that are zero or
 * negative where nobody calibrated.
 *
 * Each section is a frame, its rows in the order of the file.  A volume whose axes are permuted (MAPC, MAPR, MAPS) is
 * not turned: its frames are the planes that it stores, and each axis has the scale of the cell's edge it lies along.
 */
#include "io/mrc.h"

#include "io/bytes.h"
#include "io/half.h"
#include "io/mdoc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum unpacking { VERBATIM, NIBBLES, HALVES, SHORT_PAIRS };

struct mode {
	unsigned number;
	enum em_dtype dtype;
	size_t item; /* bytes a pixel in the file; of NIBBLES it is half of that */
	size_t part; /* bytes of what a byte order turns */
	enum unpacking unpacking;
};

static const struct mode modes[] = {
	{0, EM_I8, 1, 1, VERBATIM},   {1, EM_I16, 2, 2, VERBATIM},   {2, EM_F32, 4, 4, VERBATIM},
	{3, EM_C64, 4, 2, SHORT_PAIRS}, {4, EM_C64, 8, 4, VERBATIM}, {6, EM_U16, 2, 2, VERBATIM},
	{12, EM_F32, 2, 2, HALVES},   {101, EM_U8, 1, 1, NIBBLES},
};

struct mrc {
	struct em_blob blob;
	bool big, has_map;
	uint32_t nx, ny, nz, extended; /* extended: bytes of the extended header */
	const struct mode *mode;
	enum em_dtype dtype;
	size_t row, section; /* bytes */
	double scale_x, scale_y; /* nm; 0: not calibrated */
	struct em_mrc_records records;
	struct em_mdoc mdoc;
};

static const struct mode *find_mode(uint32_t number)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (modes[i].number == number)
			return &modes[i];
	return NULL;
}

/* ---- recognition ---- */

static bool has_map(const unsigned char *head, size_t n)
{
	return n >= 212 && !memcmp(head + 208, "MAP", 3) && (head[211] == ' ' || !head[211]);
}

/* Could this be a header in this byte order?  What any header must be. */
static bool is_plausible(const unsigned char *head, bool big)
{
	for (size_t at = 0; at < 12; at += 4) {
		uint32_t n = em_bytes_u32(head + at, big);

		if (!n || n > 1u << 24)
			return false;
	}
	return find_mode(em_bytes_u32(head + 12, big)) != NULL;
}

/* MAPC, MAPR, MAPS: 1, 2, 3 in any order. */
static bool is_axis_order(const unsigned char *head, bool big)
{
	uint32_t c = em_bytes_u32(head + 64, big), r = em_bytes_u32(head + 68, big), s = em_bytes_u32(head + 72, big);

	return c - 1 < 3 && r - 1 < 3 && s - 1 < 3 && c != r && r != s && s != c;
}

/* Neither a denormal, which a small whole number looks like, nor what is no length, angle or intensity. */
static bool is_usual_float(const unsigned char *p, bool big)
{
	double v = fabs((double)em_bytes_f32(p, big));

	return v == 0 || (v > 1e-12 && v < 1e12);
}

/*
 * Is it a header although it does not say "MAP "?  Every word must make sense then: 1024 bytes of anything else do not
 * pass.  Writers that leave the magic out also leave the cell or the axes' order zero.
 */
static bool is_strict_header(const unsigned char *head, bool big)
{
	bool no_order = !em_bytes_u32(head + 64, big) && !em_bytes_u32(head + 68, big) && !em_bytes_u32(head + 72, big);
	uint32_t extended = em_bytes_u32(head + 92, big);

	if (!is_plausible(head, big) || em_bytes_u32(head, big) > 1u << 16 || em_bytes_u32(head + 4, big) > 1u << 16)
		return false;
	for (size_t at = 28; at < 40; at += 4) /* MX, MY, MZ */
		if (em_bytes_u32(head + at, big) > 1u << 20)
			return false;
	for (size_t at = 40; at < 64; at += 4) /* the cell */
		if (!is_usual_float(head + at, big))
			return false;
	for (size_t at = 52; at < 64; at += 4) {
		double angle = (double)em_bytes_f32(head + at, big);

		if (angle < 0 || angle > 180)
			return false;
	}
	for (size_t at = 76; at < 88; at += 4) /* least, greatest, mean */
		if (!is_usual_float(head + at, big))
			return false;
	return (no_order || is_axis_order(head, big)) && em_bytes_u32(head + 88, big) <= 1000 && extended < 1u << 28 &&
	       em_bytes_u32(head + 220, big) <= 10;
}

/* The byte order: what the stamp says, unless only the other one makes sense. */
static bool is_big(const unsigned char *head)
{
	bool stamped = head[212] == 0x11 && head[213] == 0x11;

	return is_plausible(head, stamped) || !is_plausible(head, !stamped) ? stamped : !stamped;
}

static int set_layout(struct mrc *m, struct em_error *err);

static bool mrc_probe(const unsigned char *head, size_t n)
{
	struct mrc m = {.blob = {head, n}};

	if (has_map(head, n))
		return true;
	if (n < EM_MRC_HEADER || !is_strict_header(head, is_big(head)))
		return false;
	/* Fewer bytes than were asked for are the whole file: then its length must fit as well. */
	return n >= EM_PROBE_BYTES || !set_layout(&m, NULL);
}

/* ---- the header ---- */

static enum em_dtype type_of_pixels(const unsigned char *head, const struct mode *mode, bool big)
{
	if (mode->dtype == EM_I8 && em_bytes_u32(head + 152, big) == EM_MRC_IMOD_STAMP &&
	    !(em_bytes_u32(head + 156, big) & 1))
		return EM_U8;
	return mode->dtype;
}

/* Where the pixels are: the sizes fit the bytes that are there. */
static int set_layout(struct mrc *m, struct em_error *err)
{
	const unsigned char *head = m->blob.data;
	size_t left = m->blob.size;

	if (left < EM_MRC_HEADER)
		return em_error_set(err, EM_ERROR_DATA, "MRC: the file is cut within its header");
	left -= EM_MRC_HEADER;
	m->has_map = has_map(head, m->blob.size);
	m->big = is_big(head);
	m->nx = em_bytes_u32(head, m->big);
	m->ny = em_bytes_u32(head + 4, m->big);
	m->nz = em_bytes_u32(head + 8, m->big);
	m->extended = em_bytes_u32(head + 92, m->big);
	m->mode = find_mode(em_bytes_u32(head + 12, m->big));
	if (!m->mode)
		return em_error_set(err, EM_ERROR_DATA,
		                    "MRC: mode %u is not supported (0, 1, 2, 3, 4, 6, 12 and 101 are)",
		                    (unsigned)em_bytes_u32(head + 12, m->big));
	if (!m->nx || !m->ny || !m->nz || (m->nx | m->ny | m->nz) >> 31)
		return em_error_set(err, EM_ERROR_DATA, "MRC: a size of %d x %d x %d pixels is not sensible",
		                    (int)m->nx, (int)m->ny, (int)m->nz);
	if (m->extended > left)
		return em_error_set(err, EM_ERROR_DATA,
		                    "MRC: the file is cut within its extended header of %u bytes",
		                    (unsigned)m->extended);
	left -= m->extended;
	m->row = m->mode->unpacking == NIBBLES ? ((size_t)m->nx + 1) / 2 : m->nx * m->mode->item;
	if (left / m->row / m->ny < m->nz)
		return em_error_set(err, EM_ERROR_DATA,
		                    "MRC: the file is cut: %zu bytes cannot hold %u x %u x %u pixels of mode %u", left,
		                    (unsigned)m->nx, (unsigned)m->ny, (unsigned)m->nz, m->mode->number);
	m->section = m->row * m->ny;
	/* A file that does not even say what it is has no credit left. */
	if (!m->has_map && left != m->section * m->nz)
		return em_error_set(err, EM_ERROR_DATA,
		                    "MRC: there is no \"MAP \" in the header, and the file's size does not fit it");
	m->dtype = type_of_pixels(head, m->mode, m->big);
	return 0;
}

/* The edge of a voxel in nm along axis 1, 2 or 3 of the cell; 0 where the file does not know it. */
static double voxel_nm(const struct mrc *m, uint32_t axis)
{
	const unsigned char *head = m->blob.data;
	uint32_t intervals = em_bytes_u32(head + 24 + 4 * axis, m->big);
	double cell = (double)em_bytes_f32(head + 36 + 4 * axis, m->big);

	return intervals && intervals <= INT32_MAX && cell > 0 && isfinite(cell) ? cell / intervals / 10 : 0;
}

/* NAME.mrc.mdoc, where SerialEM left one. */
static int read_mdoc(struct mrc *m, struct em_file *file, struct em_error *err)
{
	const char *name = em_file_name(file);
	struct em_text beside = {0};
	struct em_blob text;
	int status = 0;

	if (!name[0])
		return 0;
	em_text_printf(&beside, "%s.mdoc", name);
	if (em_file_beside(file, em_text_get(&beside), &text))
		status = em_mdoc_read(&m->mdoc, text, err);
	em_text_release(&beside);
	return status;
}

static int mrc_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct mrc m = {.blob = file->blob};
	bool ordered;

	if (set_layout(&m, err) || read_mdoc(&m, file, err))
		return -1;
	m.records = (struct em_mrc_records){m.blob.data, m.extended, m.big};
	ordered = is_axis_order(m.blob.data, m.big);
	m.scale_x = voxel_nm(&m, ordered ? em_bytes_u32(m.blob.data + 64, m.big) : 1);
	m.scale_y = voxel_nm(&m, ordered ? em_bytes_u32(m.blob.data + 68, m.big) : 2);
	*state = malloc(sizeof(m));
	if (!*state) {
		em_mdoc_release(&m.mdoc);
		return em_error_memory(err, sizeof(m));
	}
	memcpy(*state, &m, sizeof(m));
	*frames = m.nz;
	return 0;
}

/* ---- pixels ---- */

static void unpack_row(const struct mrc *m, const unsigned char *from, unsigned char *to)
{
	float *numbers = (float *)(void *)to;

	switch (m->mode->unpacking) {
	case VERBATIM:
		em_bytes_copy(to, from, m->row / m->mode->part, m->mode->part, m->big);
		break;
	case NIBBLES: /* the low half comes first */
		for (size_t i = 0; i < m->nx; i++)
			to[i] = i % 2 ? from[i / 2] >> 4 : from[i / 2] & 15;
		break;
	case HALVES:
		for (size_t i = 0; i < m->nx; i++)
			numbers[i] = em_half_to_float(em_bytes_u16(from + 2 * i, m->big));
		break;
	case SHORT_PAIRS:
		for (size_t i = 0; i < 2 * (size_t)m->nx; i++)
			numbers[i] = (float)(int16_t)em_bytes_u16(from + 2 * i, m->big);
		break;
	}
}

/* Sections are planes of a volume only where the space group (ISPG) is not 0, that of pictures in a pile. */
static void put_stack(const struct mrc *m, size_t frame, struct em_meta *meta)
{
	bool ordered = is_axis_order(m->blob.data, m->big);
	double scale = voxel_nm(m, ordered ? em_bytes_u32(m->blob.data + 72, m->big) : 3);
	struct em_axis axis;

	em_axis_set(&axis, "z", 1, 0, "");
	if (scale > 0 && em_bytes_u32(m->blob.data + 88, m->big))
		em_axis_set(&axis, "z", scale, 0, "nm");
	em_meta_push_stack(meta, frame, m->nz, &axis);
}

static int mrc_read(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const struct mrc *m = state;
	const unsigned char *from = m->blob.data + EM_MRC_HEADER + m->extended + frame * m->section;
	double scale_x = m->scale_x, scale_y = m->scale_y, pixel_nm = 0;
	struct em_array fresh;

	em_mrc_records_put_meta(&m->records, frame, meta, &pixel_nm);
	em_mdoc_put_meta(&m->mdoc, frame, meta, &pixel_nm);
	if (!(scale_x > 0 && scale_y > 0) && pixel_nm > 0)
		scale_x = scale_y = pixel_nm;
	if (m->nz > 1)
		put_stack(m, frame, meta);
	if (em_array_alloc_image(&fresh, m->dtype, m->ny, m->nx, err))
		return -1;
	for (size_t y = 0; y < m->ny; y++)
		unpack_row(m, from + y * m->row, (unsigned char *)fresh.data + y * m->nx * em_dtype_size(m->dtype));
	if (scale_x > 0 && scale_y > 0) {
		em_axis_set(&fresh.axis[0], "y", scale_y, 0, "nm");
		em_axis_set(&fresh.axis[1], "x", scale_x, 0, "nm");
	}
	*a = fresh;
	return 0;
}

static void mrc_close(void *state)
{
	struct mrc *m = state;

	em_mdoc_release(&m->mdoc);
	free(m);
}

/* {"header":{..},"extended":{..},"mdoc":{..}} */
static int mrc_tags(void *state, size_t frame, struct em_text *json, struct em_error *err)
{
	const struct mrc *m = state;

	em_text_append(json, "{");
	em_mrc_put_header(m->blob.data, m->big, json);
	em_mrc_records_put_json(&m->records, frame, json);
	if (m->mdoc.section) {
		em_json_put_name(json, "mdoc");
		em_mdoc_put_json(&m->mdoc, frame, json);
	}
	em_text_append(json, "}");
	return em_text_check(json, err);
}

const struct em_codec em_codec_mrc = {
	.name = "mrc",
	.extensions = "mrc mrcs map st rec ali",
	.probe = mrc_probe,
	.open = mrc_open,
	.read = mrc_read,
	.close = mrc_close,
	.tags = mrc_tags,
	.writer = &em_mrc_writer,
};
