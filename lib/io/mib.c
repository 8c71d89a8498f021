/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Merlin detectors (Quantum Detectors), .mib: frame after frame, each with a header of words with commas between,
 *
 *     MQ1,000001,00384,01,0256,0256,U16,   1x1,01,2020-05-18 16:51:49.971626,0.000555,..,MQ1A,..,555000ns,12
 *     number, bytes of the header, chips, width, height, type, layout, chips in use, date, exposure (s), ..
 *
 * padded with NUL or blanks, then big-endian values.  Type R64 is what the chips send: words of 64 bits whose lowest
 * bits are the first pixel, 1, 8 or 16 bits each for counters of 1, 6 and 12 bits.  Of a quad, each row has those of
 * the four chips: lower right, lower left, upper right, upper left, the lower ones turned by 180 degrees.  The maker's
 * manual is not public; the layout is what RosettaSciIO, LiberTEM and pyxem agree on.  On the quad pyxem differs: there
 * recordings of the same scene in both types decided.
 *
 * The last row comes first: pyxem and RosettaSciIO turn the frames over, and so do we (LiberTEM does not).
 *
 * NAME.hdr beside it says how many frames a line of the scan has.
 */
#include "io/bytes.h"
#include "io/codec.h"
#include "io/lines.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MIN 384
#define HEADER_MAX 65536
#define WORDS 14 /* those of fixed meaning at the front: sequence number to mode of gain */

enum { LENGTH = 2, CHIPS = 3, WIDTH = 4, HEIGHT = 5, TYPE = 6, LAYOUT = 7, DATE = 9, EXPOSURE = 10 };

struct mib {
	struct em_blob blob;
	size_t header, frame, frames; /* header, frame: bytes */
	size_t columns, rows, bits;   /* as they lie in the file; bits: of a pixel */
	size_t width, height;         /* of the picture */
	bool raw, quad;
	enum em_dtype dtype;
	struct em_span hdr;     /* the text beside it; n = 0: none */
	size_t scan_y, scan_x;  /* 0: not known */
};

/* ---- a frame's header ---- */

/* Its words, those that are not there empty. */
static void split_header(const unsigned char *p, size_t n, struct em_span *words)
{
	struct em_span rest = {(const char *)p, strnlen((const char *)p, n)}, word;

	for (size_t i = 0; i < WORDS; i++) {
		words[i] = (struct em_span){rest.s, 0};
		if (em_span_split(rest, ",", &word, &rest)) {
			words[i] = word;
		} else {
			words[i] = rest;
			rest.n = 0;
		}
	}
}

static bool get_whole(struct em_span word, size_t limit, size_t *v)
{
	size_t found = 0;

	if (!word.n || word.n > 9)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		if (word.s[i] < '0' || word.s[i] > '9')
			return false;
		found = 10 * found + (size_t)(word.s[i] - '0');
	}
	*v = found;
	return found > 0 && found <= limit;
}

static bool mib_probe(const unsigned char *head, size_t n)
{
	return n >= 17 && !memcmp(head, "MQ1,", 4) && head[10] == ',' && head[16] == ',';
}

/* The word n after "MQ1A", the second part of newer headers: date, exposure with "ns", bits of the counter. */
static bool find_extension(struct em_span header, size_t n, struct em_span *word)
{
	for (struct em_span w; em_span_split(header, ",", &w, &header);) {
		if (!em_span_is(w, "MQ1A"))
			continue;
		for (; n; n--)
			if (!em_span_split(header, ",", &w, &header))
				w = em_span_trim(header);
		*word = w;
		return w.n > 0;
	}
	return false;
}

static struct em_span header_of(const struct mib *m, size_t frame)
{
	const char *s = (const char *)m->blob.data + frame * m->frame;

	return em_span_trim((struct em_span){s, strnlen(s, m->header)});
}

/* ---- opening ---- */

static int set_raw(struct mib *m, const struct em_span *words, struct em_error *err)
{
	struct em_span word;
	size_t chips = 0, depth;

	get_whole(words[CHIPS], 64, &chips);
	m->quad = chips == 4 && em_span_is(words[LAYOUT], "2x2") && m->columns == 4 * m->rows;
	if (chips != 1 && !m->quad)
		return em_error_set(err, EM_ERROR_DATA,
		                    "MIB: raw frames (R64) of other than one or four (2x2) chips are not supported: "
		                    "save as U08, U16 or U32");
	if (!find_extension(header_of(m, 0), 3, &word) || !get_whole(word, 24, &depth) ||
	    (depth != 1 && depth != 6 && depth != 12))
		return em_error_set(err, EM_ERROR_DATA,
		                    "MIB: raw frames (R64) can be read where the header says that counters have 1, 6 "
		                    "or 12 bits: save others as U08, U16 or U32");
	m->raw = true;
	m->bits = depth == 1 ? 1 : depth == 6 ? 8 : 16;
	m->dtype = depth == 12 ? EM_U16 : EM_U8;
	if (m->columns * m->bits % 64)
		return em_error_set(err, EM_ERROR_DATA, "MIB: raw rows of %zu pixels do not fill words of 64 bits",
		                    m->columns);
	return 0;
}

static int set_type(struct mib *m, const struct em_span *words, struct em_error *err)
{
	static const struct {
		const char *name;
		enum em_dtype dtype;
	} types[] = {{"U08", EM_U8}, {"U16", EM_U16}, {"U32", EM_U32}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (em_span_is(words[TYPE], types[i].name)) {
			m->dtype = types[i].dtype;
			m->bits = 8 * em_dtype_size(m->dtype);
			return 0;
		}
	if (em_span_is(words[TYPE], "R64"))
		return set_raw(m, words, err);
	return em_error_set(err, EM_ERROR_DATA, "MIB: values of type '%.*s' are not supported (U08, U16, U32, R64 are)",
	                    words[TYPE].n < 20 ? (int)words[TYPE].n : 20, words[TYPE].s);
}

static int set_layout(struct mib *m, struct em_error *err)
{
	struct em_span words[WORDS];
	size_t n = m->blob.size;

	if (!mib_probe(m->blob.data, n))
		return em_error_set(err, EM_ERROR_DATA, "MIB: the file does not begin with a Merlin header");
	split_header(m->blob.data, n < HEADER_MIN ? n : HEADER_MIN, words);
	if (!get_whole(words[LENGTH], HEADER_MAX, &m->header) || m->header < HEADER_MIN)
		return em_error_set(err, EM_ERROR_DATA, "MIB: the header says a length that cannot be");
	if (n < m->header)
		return em_error_set(err, EM_ERROR_DATA, "MIB: the file is cut within the header of its first frame");
	if (!get_whole(words[WIDTH], 1 << 16, &m->columns) || !get_whole(words[HEIGHT], 1 << 16, &m->rows))
		return em_error_set(err, EM_ERROR_DATA, "MIB: the header says no sensible size of the frames");
	m->frame = m->header;
	if (set_type(m, words, err))
		return -1;
	m->width = m->quad ? m->columns / 2 : m->columns;
	m->height = m->quad ? m->rows * 2 : m->rows;
	m->frame += m->columns * m->bits / 8 * m->rows;
	m->frames = n / m->frame;
	if (!m->frames)
		return em_error_set(err, EM_ERROR_DATA, "MIB: the file is cut: %zu bytes cannot hold a frame of %zu", n,
		                    m->frame);
	return 0;
}

/* The words of fixed meaning of a later frame are those of the first: `cat` of different files is none. */
static int check_frame(const struct mib *m, size_t frame, struct em_error *err)
{
	const unsigned char *p = m->blob.data + frame * m->frame;
	size_t left = m->blob.size - frame * m->frame;
	struct em_span first[WORDS], words[WORDS];

	if (left < m->frame)
		return em_error_set(err, EM_ERROR_DATA,
		                    "MIB: the file is cut within frame %zu, at byte %zu (the recording was stopped?): "
		                    "the frames before it can be read",
		                    frame, m->blob.size);
	split_header(m->blob.data, HEADER_MIN, first);
	split_header(p, HEADER_MIN, words);
	for (int i = LENGTH; i <= LAYOUT; i++)
		if (words[i].n != first[i].n || memcmp(words[i].s, first[i].s, first[i].n) != 0)
			return em_error_set(err, EM_ERROR_DATA,
			                    "MIB: frame %zu, at byte %zu, has another header than the first, or none",
			                    frame, frame * m->frame);
	return 0;
}

/* A value of the text beside it: a line a key, a colon or none, and a tab. */
static bool find_hdr(struct em_span text, const char *name, size_t *v)
{
	struct em_span line, key, value;
	size_t n = strlen(name);

	while (em_span_next_line(&text, &line))
		if (em_span_split(line, "\t", &key, &value) && key.n >= n && !memcmp(key.s, name, n) &&
		    (key.n == n || em_span_is((struct em_span){key.s + n, key.n - n}, ":")))
			return get_whole(value, SIZE_MAX, v);
	return false;
}

/* One line for each trigger, unless the scan's own size is there; only where it fits the frames that there are. */
static void set_scan(struct mib *m)
{
	size_t count, line, x, y;

	if (find_hdr(m->hdr, "ScanX", &x) && find_hdr(m->hdr, "ScanY", &y)) {
		if (x * y >= m->frames && m->frames > (y - 1) * x) {
			m->scan_x = x;
			m->scan_y = y;
		}
	} else if (find_hdr(m->hdr, "Frames in Acquisition (Number)", &count) &&
	           find_hdr(m->hdr, "Frames per Trigger (Number)", &line) && line > 1 && count % line == 0 &&
	           count >= m->frames) {
		m->scan_x = line;
		m->scan_y = count / line;
	}
}

static void find_beside(struct mib *m, struct em_file *file)
{
	const char *name = em_file_name(file), *dot = strrchr(name, '.');
	struct em_text beside = {0};
	struct em_blob text;

	if (!dot)
		return;
	em_text_printf(&beside, "%.*s.hdr", (int)(dot - name), name);
	if (em_file_beside(file, em_text_get(&beside), &text) && text.size >= 3 && !memcmp(text.data, "HDR", 3)) {
		m->hdr = (struct em_span){(const char *)text.data, text.size};
		set_scan(m);
	}
	em_text_release(&beside);
}

static int mib_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct mib m = {.blob = file->blob};

	if (set_layout(&m, err))
		return -1;
	find_beside(&m, file);
	*state = malloc(sizeof(m));
	if (!*state)
		return em_error_memory(err, sizeof(m));
	memcpy(*state, &m, sizeof(m));
	/* The frame that was being written counts: reading it says that the file is cut. */
	*frames = m.frames + (m.blob.size % m.frame != 0);
	return 0;
}

/* ---- frames ---- */

/* Where pixel x of row y in the file is in the picture, whose rows run the other way. */
static size_t place_of(const struct mib *m, size_t y, size_t x)
{
	size_t side = m->rows, chip = x / side;

	if (m->quad) {
		x %= side;
		y = chip < 2 ? 2 * side - 1 - y : y;
		x = (chip < 2 ? side - 1 - x : x) + (chip % 2 ? 0 : side);
	}
	return (m->height - 1 - y) * m->width + x;
}

static void unpack_raw(const struct mib *m, size_t y, const unsigned char *from, void *to)
{
	size_t step = 64 / m->bits;
	uint64_t mask = ((uint64_t)1 << m->bits) - 1;

	for (size_t x = 0; x < m->columns; x++) {
		uint64_t v = em_bytes_u64(from + x / step * 8, true) >> x % step * m->bits & mask;

		if (m->dtype == EM_U16)
			((uint16_t *)to)[place_of(m, y, x)] = (uint16_t)v;
		else
			((unsigned char *)to)[place_of(m, y, x)] = (unsigned char)v;
	}
}

static void put_meta(const struct mib *m, size_t frame, struct em_meta *meta)
{
	struct em_span words[WORDS], word, header = header_of(m, frame);
	struct em_text iso = {0};
	double v;

	split_header(m->blob.data + frame * m->frame, HEADER_MIN, words);
	if (find_extension(header, 2, &word) && word.n > 2 && !memcmp(word.s + word.n - 2, "ns", 2) &&
	    em_span_numbers((struct em_span){word.s, word.n - 2}, &v, 1) == 1 && v > 0)
		meta->exposure_s = v * 1e-9;
	else if (em_span_numbers(words[EXPOSURE], &v, 1) == 1 && v > 0)
		meta->exposure_s = v;
	/* "2020-05-18 16:51:49.971626" becomes ISO 8601; the newer one is it already. */
	em_span_decode(find_extension(header, 1, &word) ? word : words[DATE], &iso);
	if (iso.len > 10 && iso.s[4] == '-' && iso.s[10] == ' ')
		iso.s[10] = 'T';
	em_meta_set_text(meta->date, em_text_get(&iso));
	em_text_release(&iso);
	em_meta_set_text(meta->detector, "Merlin");
}

static void put_stack(const struct mib *m, size_t frame, struct em_meta *meta)
{
	struct em_axis axis;

	em_axis_set(&axis, "", 1, 0, "");
	if (m->scan_x) {
		em_meta_push_stack(meta, frame / m->scan_x, m->scan_y, &axis);
		em_meta_push_stack(meta, frame % m->scan_x, m->scan_x, &axis);
	} else if (m->frames > 1) {
		em_meta_push_stack(meta, frame, m->frames, &axis);
	}
}

static int mib_read(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const struct mib *m = state;
	const unsigned char *from = m->blob.data + frame * m->frame + m->header;
	size_t row = m->columns * m->bits / 8, item = em_dtype_size(m->dtype);
	struct em_array fresh;

	if (check_frame(m, frame, err) || em_array_alloc_image(&fresh, m->dtype, m->height, m->width, err))
		return -1;
	for (size_t y = 0; y < m->rows; y++, from += row)
		if (m->raw)
			unpack_raw(m, y, from, fresh.data);
		else
			em_bytes_copy((unsigned char *)fresh.data + place_of(m, y, 0) * item, from, m->width, item,
			              true);
	put_meta(m, frame, meta);
	put_stack(m, frame, meta);
	*a = fresh;
	return 0;
}

static void mib_close(void *state)
{
	free(state);
}

/* {"header":["MQ1","000001",..],"hdr":{"key":"value",..}} */
static int mib_tags(void *state, size_t frame, struct em_text *json, struct em_error *err)
{
	const struct mib *m = state;
	struct em_span header, word, text = m->hdr, line, key;

	if (check_frame(m, frame, err))
		return -1;
	header = header_of(m, frame);
	em_text_append(json, "{\"header\":[");
	for (bool more = true; more; em_span_put_json(word, json)) {
		more = em_span_split(header, ",", &word, &header);
		word = more ? word : header;
		em_json_put_comma(json);
	}
	em_text_append(json, "],\"hdr\":{");
	while (em_span_next_line(&text, &line))
		if (em_span_split(line, "\t", &key, &word)) {
			key.n -= (size_t)(key.n && key.s[key.n - 1] == ':');
			em_json_put_comma(json);
			em_span_put_json(key, json);
			em_text_append(json, ":");
			em_span_put_json(word, json);
		}
	em_text_append(json, "}}");
	return em_text_check(json, err);
}

const struct em_codec em_codec_mib = {
	.name = "mib",
	.extensions = "mib",
	.probe = mib_probe,
	.open = mib_open,
	.read = mib_read,
	.close = mib_close,
	.tags = mib_tags,
};
