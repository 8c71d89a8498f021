/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TIFF and BigTIFF by libtiff, from memory.  Each page is read through a handle of its own, whose view of the file has
 * the page's directory as the first one: no page costs a walk through those before it, and pages may be read from
 * many threads.  The stream's own plain images do not trouble libtiff at all.
 */
#include "io/codec.h"
#include "io/tiff_meta.h"
#include "io/tiff_pages.h"
#include "io/tiff_plain.h"
#include "io/tiff_samples.h"
#include "io/tiff_vendor.h"
#include "io/tiff_write.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

struct tiff_state {
	struct em_blob blob;
	bool plain;
	enum em_dtype dtype; /* of a plain image */
	size_t height, width;
	struct em_tiff_pages pages;   /* of any other, */
	struct em_tiff_series series; /* what the first says of all, */
	size_t images;                /* and how many lie behind a single directory; 1: as usual */
	uint64_t data, image_bytes;   /* the first of these */
};

struct page {
	struct em_blob blob;
	uint64_t position;
	uint64_t data, data_end, shift; /* bytes from data to data_end are read `shift` further on */
	unsigned char header[16]; /* as this handle sees it */
	size_t header_bytes;
	TIFF *tif;
	char what[300]; /* the first thing that libtiff had to complain of */
	uint32_t height, width;
	uint16_t compression;
	bool tiled;
	uint32_t block_height, block_width; /* a tile, or a strip */
	size_t row_bytes;                   /* a row of a block (of one plane) */
	size_t block_bytes;
	struct em_tiff_layout layout;
};

static bool tiff_probe(const unsigned char *head, size_t n)
{
	return n >= 4 && (!memcmp(head, "II*", 4) || !memcmp(head, "MM\0*", 4) || !memcmp(head, "II+", 4) ||
	                  !memcmp(head, "MM\0+", 4));
}

/* ---- the file, as libtiff sees it ---- */

static tmsize_t view_read(thandle_t handle, void *to, tmsize_t wanted)
{
	struct page *p = handle;
	uint64_t at = p->position >= p->data && p->position < p->data_end ? p->position + p->shift : p->position;
	uint64_t left = at < p->blob.size ? p->blob.size - at : 0;
	size_t n = (uint64_t)wanted < left ? (size_t)wanted : (size_t)left;

	if (!n)
		return 0;
	memcpy(to, p->blob.data + at, n);
	for (size_t i = 0; i < n && p->position + i < p->header_bytes; i++)
		((unsigned char *)to)[i] = p->header[p->position + i];
	p->position += n;
	return (tmsize_t)n;
}

static tmsize_t view_write(thandle_t handle, void *from, tmsize_t n)
{
	(void)handle;
	(void)from;
	(void)n;
	return 0;
}

static toff_t view_seek(thandle_t handle, toff_t offset, int whence)
{
	struct page *p = handle;

	p->position = whence == SEEK_SET ? offset : whence == SEEK_CUR ? p->position + offset : p->blob.size + offset;
	return p->position;
}

static int view_close(thandle_t handle)
{
	(void)handle;
	return 0;
}

static toff_t view_size(thandle_t handle)
{
	return ((const struct page *)handle)->blob.size;
}

static int on_error(TIFF *tif, void *ctx, const char *module, const char *fmt, va_list ap)
{
	struct page *p = ctx;

	(void)tif;
	(void)module;
	if (!p->what[0])
		vsnprintf(p->what, sizeof(p->what), fmt, ap);
	return 1; /* and libtiff's own handler, which prints, is not asked */
}

/* These decoders warn where they make pixels up. */
static int on_warning(TIFF *tif, void *ctx, const char *module, const char *fmt, va_list ap)
{
	if (module && (!strncmp(module, "JPEG", 4) || !strncmp(module, "Fax", 3)))
		return on_error(tif, ctx, module, fmt, ap);
	return 1;
}

static int refuse(const struct page *p, struct em_error *err)
{
	return em_error_set(err, EM_ERROR_DATA, "TIFF: %s", p->what[0] ? p->what : "the file is cut or damaged");
}

static void make_header(struct page *p, const struct em_tiff_pages *pages, size_t i)
{
	int n = pages->view.big ? 8 : 4;
	unsigned char *to = p->header + n;

	p->header_bytes = pages->view.big ? 16 : 8;
	memcpy(p->header, p->blob.data, p->header_bytes);
	for (int k = 0; k < n; k++)
		to[pages->view.big_endian ? n - 1 - k : k] = (unsigned char)(pages->offset[i] >> 8 * k);
}

/* "m": no mapping; "c": do not cut a long strip into many. */
static int open_page(struct page *p, struct em_error *err)
{
	TIFFOpenOptions *options = TIFFOpenOptionsAlloc();

	if (!options)
		return em_error_memory(err, 0);
	TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, p);
	TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, p);
	/* All that libtiff itself allocates are tags and compressed blocks, which lie in the file. */
	TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)(p->blob.size + (16u << 20)));
	p->tif = TIFFClientOpenExt("TIFF", "rmc", p, view_read, view_write, view_seek, view_close, view_size, NULL,
	                           NULL, options);
	TIFFOpenOptionsFree(options);
	return p->tif ? 0 : refuse(p, err);
}

/* ---- the directory ---- */

static bool is_known_compression(unsigned c)
{
	static const uint16_t known[] = {
		COMPRESSION_NONE,     COMPRESSION_LZW,      COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE,
		COMPRESSION_PACKBITS, COMPRESSION_JPEG,     COMPRESSION_CCITTRLE,      COMPRESSION_CCITTFAX3,
		COMPRESSION_CCITTFAX4, COMPRESSION_ZSTD,    COMPRESSION_LZMA,
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == c)
			return TIFFIsCODECConfigured(known[i]);
	return false;
}

static int read_photometric(struct page *p, struct em_error *err)
{
	uint16_t photometric = PHOTOMETRIC_MINISBLACK;

	TIFFGetField(p->tif, TIFFTAG_PHOTOMETRIC, &photometric);
	switch (photometric) {
	case PHOTOMETRIC_MINISWHITE: p->layout.white_is_zero = true; return 0;
	case PHOTOMETRIC_MINISBLACK:
	case PHOTOMETRIC_MASK: return 0;
	case PHOTOMETRIC_PALETTE: p->layout.palette = true; return 0;
	case PHOTOMETRIC_RGB: p->layout.color = true; return 0;
	case PHOTOMETRIC_YCBCR:
		p->layout.color = true;
		/* The JPEG decoder undoes it; nobody else does. */
		if (p->compression == COMPRESSION_JPEG &&
		    TIFFSetField(p->tif, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB))
			return 0;
	}
	return em_error_set(err, EM_ERROR_DATA,
	                    "TIFF: colour space %u is not supported: convert the picture to grey or RGB first",
	                    photometric);
}

static bool extra_samples_are_alpha(TIFF *tif, unsigned samples)
{
	uint16_t count = 0, *kinds = NULL;

	if (!TIFFGetField(tif, TIFFTAG_EXTRASAMPLES, &count, &kinds) || count + 1u < samples)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (kinds[i] != EXTRASAMPLE_ASSOCALPHA && kinds[i] != EXTRASAMPLE_UNASSALPHA)
			return false;
	return true;
}

static int read_layout(struct page *p, struct em_error *err)
{
	uint16_t bits = 0, format = 0, samples = 0, planar = PLANARCONFIG_CONTIG, *map[3] = {NULL, NULL, NULL};
	uint32_t depth = 1, tile_depth = 1;
	bool mapped;

	TIFFGetFieldDefaulted(p->tif, TIFFTAG_COMPRESSION, &p->compression);
	if (!is_known_compression(p->compression))
		return em_error_set(err, EM_ERROR_DATA,
		                    "TIFF: compression %u is not supported: save it uncompressed, or as LZW or deflate",
		                    p->compression);
	TIFFGetField(p->tif, TIFFTAG_IMAGEDEPTH, &depth);
	TIFFGetField(p->tif, TIFFTAG_TILEDEPTH, &tile_depth);
	if (depth != 1 || tile_depth != 1)
		return em_error_set(err, EM_ERROR_DATA,
		                    "TIFF: a volume in one page is not supported: save slices as pages");
	TIFFGetFieldDefaulted(p->tif, TIFFTAG_BITSPERSAMPLE, &bits);
	TIFFGetFieldDefaulted(p->tif, TIFFTAG_SAMPLEFORMAT, &format);
	TIFFGetFieldDefaulted(p->tif, TIFFTAG_SAMPLESPERPIXEL, &samples);
	TIFFGetField(p->tif, TIFFTAG_PLANARCONFIG, &planar);
	p->layout.bits = bits;
	p->layout.format = format;
	p->layout.samples = samples;
	p->layout.separate = planar == PLANARCONFIG_SEPARATE && samples > 1;
	p->layout.extra_is_alpha = extra_samples_are_alpha(p->tif, samples);
	if (read_photometric(p, err))
		return -1;
	mapped = TIFFGetField(p->tif, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]) && map[0] && map[1] && map[2];
	return em_tiff_layout_plan(&p->layout, mapped ? (const uint16_t *const *)map : NULL, err);
}

/* Compressed blocks that claim together more bytes than the file has are one block given many times: a bomb. */
static int check_blocks(const struct page *p, struct em_error *err)
{
	uint32_t n = p->tiled ? TIFFNumberOfTiles(p->tif) : TIFFNumberOfStrips(p->tif);
	uint64_t limit = 4 * (uint64_t)p->blob.size, sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t bytes = TIFFGetStrileByteCount(p->tif, i);

		if (bytes > limit || (sum += bytes) > limit)
			return em_error_set(err, EM_ERROR_DATA,
			                    "TIFF: %s is longer than the file: it is cut or damaged",
			                    p->tiled ? "a tile" : "a strip");
	}
	return 0;
}

static int read_geometry(struct page *p, struct em_error *err)
{
	unsigned planes = p->layout.separate ? 1 : p->layout.samples;
	uint32_t rows = 0;
	size_t packed;

	TIFFGetField(p->tif, TIFFTAG_IMAGEWIDTH, &p->width);
	TIFFGetField(p->tif, TIFFTAG_IMAGELENGTH, &p->height);
	packed = p->layout.bits < 8 ? ((size_t)p->width * p->layout.bits + 7) / 8 : p->width;
	if (em_codec_check_claim(p->layout.bits < 8 ? EM_U8 : p->layout.dtype, p->height, packed, p->blob.size, err))
		return em_error_prefix(err, "TIFF: ");
	p->tiled = TIFFIsTiled(p->tif);
	p->block_width = p->width;
	if (p->tiled) {
		TIFFGetField(p->tif, TIFFTAG_TILEWIDTH, &p->block_width);
		TIFFGetField(p->tif, TIFFTAG_TILELENGTH, &p->block_height);
	} else {
		TIFFGetFieldDefaulted(p->tif, TIFFTAG_ROWSPERSTRIP, &rows);
		p->block_height = rows && rows < p->height ? rows : p->height;
	}
	p->row_bytes = ((size_t)p->block_width * p->layout.bits * planes + 7) / 8;
	if (em_codec_check_claim(EM_U8, p->block_height, p->row_bytes, p->blob.size, err))
		return em_error_prefix(err, "TIFF: ");
	p->block_bytes = p->row_bytes * p->block_height;
	if ((uint64_t)p->row_bytes != (p->tiled ? TIFFTileRowSize64(p->tif) : TIFFScanlineSize64(p->tif)))
		return em_error_set(err, EM_ERROR_DATA, "TIFF: a layout of samples that is not supported");
	return check_blocks(p, err);
}

/* ---- the pixels ---- */

/* The block at pixel (x, y) of one plane, `rows` of its rows. */
static int decode_block(struct page *p, uint32_t x, uint32_t y, uint16_t plane, uint32_t rows, void *to)
{
	tmsize_t wanted = (tmsize_t)(p->tiled ? p->block_bytes : p->row_bytes * rows), got;

	if (p->tiled)
		got = TIFFReadEncodedTile(p->tif, TIFFComputeTile(p->tif, x, y, 0, plane), to, wanted);
	else
		got = TIFFReadEncodedStrip(p->tif, TIFFComputeStrip(p->tif, y, plane), to, wanted);
	return got == wanted && !p->what[0] ? 0 : -1;
}

static void interleave(const struct page *p, const unsigned char *plane, unsigned k, unsigned char *pixels)
{
	size_t n = (size_t)p->block_height * p->block_width, item = p->layout.bits / 8;

	for (size_t i = 0; i < n; i++)
		memcpy(pixels + (3 * i + k) * item, plane + i * item, item);
}

/* buf: the pixels of one block, and after them, for separate colour, room for one plane. */
static int load_block(struct page *p, uint32_t x, uint32_t y, uint32_t rows, unsigned char *buf)
{
	unsigned char *plane = buf + 3 * p->block_bytes;

	if (!p->layout.separate || !p->layout.color)
		return decode_block(p, x, y, 0, rows, buf);
	for (uint16_t k = 0; k < 3; k++) {
		if (decode_block(p, x, y, k, rows, plane))
			return -1;
		interleave(p, plane, k, buf);
	}
	return 0;
}

static int read_blocks(struct page *p, struct em_array *a, unsigned char *buf)
{
	size_t item = em_dtype_size(a->dtype);
	size_t row_bytes = p->layout.separate && p->layout.color ? 3 * p->row_bytes : p->row_bytes;

	for (uint64_t y = 0; y < p->height; y += p->block_height)
		for (uint64_t x = 0; x < p->width; x += p->block_width) {
			uint64_t rows = p->height - y < p->block_height ? p->height - y : p->block_height;
			uint64_t columns = p->width - x < p->block_width ? p->width - x : p->block_width;
			unsigned char *to = (unsigned char *)a->data + (y * p->width + x) * item;

			if (load_block(p, (uint32_t)x, (uint32_t)y, (uint32_t)rows, buf))
				return -1;
			for (uint64_t r = 0; r < rows; r++)
				p->layout.convert(&p->layout, buf + r * row_bytes, columns, to + r * p->width * item);
		}
	return 0;
}

static int read_strips_directly(struct page *p, struct em_array *a)
{
	for (uint64_t y = 0; y < p->height; y += p->block_height) {
		uint64_t rows = p->height - y < p->block_height ? p->height - y : p->block_height;

		if (decode_block(p, 0, (uint32_t)y, 0, (uint32_t)rows, (unsigned char *)a->data + y * p->row_bytes))
			return -1;
	}
	return 0;
}

static int read_pixels(struct page *p, struct em_array *a, struct em_error *err)
{
	size_t room = p->layout.separate && p->layout.color ? 4 * p->block_bytes : p->block_bytes;
	unsigned char *buf;
	int rc;

	if (!p->tiled && em_tiff_layout_is_direct(&p->layout))
		return read_strips_directly(p, a) ? refuse(p, err) : 0;
	buf = calloc(1, room);
	if (!buf)
		return em_error_memory(err, room);
	rc = read_blocks(p, a, buf) ? refuse(p, err) : 0;
	free(buf);
	return rc;
}

static int read_page(struct page *p, struct em_array *a, struct em_error *err)
{
	struct em_array fresh;

	if (read_layout(p, err) || read_geometry(p, err))
		return -1;
	if (em_array_alloc_image(&fresh, p->layout.dtype, p->height, p->width, err))
		return -1;
	p->what[0] = '\0';
	if (read_pixels(p, &fresh, err)) {
		em_array_release(&fresh);
		return -1;
	}
	*a = fresh;
	return 0;
}

/* ---- the codec ---- */

/* What the first page says; an empty one of a file that has none. */
static int read_first_page(struct tiff_state *s, struct em_error *err)
{
	struct em_tiff_directory first;

	em_tiff_directory_at(&s->pages.view, s->pages.offset[0], &first);
	s->images = 1;
	if (s->pages.count == 1 && em_tiff_imagej_hidden(&first, &s->images, &s->data, &s->image_bytes, err))
		return -1;
	em_tiff_series_find(&first, s->images > 1 ? s->images : s->pages.count, &s->series);
	if (s->images > 1)
		em_tiff_series_add_page(&s->series, &first);
	return 0;
}

static int tiff_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct tiff_state *s = calloc(1, sizeof(*s));

	if (!s)
		return em_error_memory(err, sizeof(*s));
	s->blob = file->blob;
	s->plain = em_tiff_plain_match(s->blob, &s->dtype, &s->height, &s->width);
	if (!s->plain && (em_tiff_pages_find(s->blob, &s->pages, err) || read_first_page(s, err))) {
		em_tiff_pages_release(&s->pages);
		free(s);
		return -1;
	}
	*state = s;
	*frames = s->plain ? 1 : s->images > 1 ? s->images : s->pages.count;
	return 0;
}

/* Of images behind one directory, each is read as if it were the first. */
static struct page make_page(const struct tiff_state *s, size_t frame)
{
	struct page p = {.blob = s->blob};

	if (s->images > 1) {
		p.data = s->data;
		p.data_end = s->data + s->image_bytes;
		p.shift = frame * s->image_bytes;
	}
	make_header(&p, &s->pages, s->images > 1 ? 0 : frame);
	return p;
}

static void find_page(const struct tiff_state *s, size_t frame, struct em_tiff_directory *page)
{
	em_tiff_directory_at(&s->pages.view, s->pages.offset[s->images > 1 ? 0 : frame], page);
}

static int tiff_read_frame(void *state, size_t frame, struct em_array *a, struct em_meta *meta,
                           struct em_error *err)
{
	const struct tiff_state *s = state;
	struct em_tiff_directory directory;
	struct page p;
	int rc;

	if (s->plain) {
		if (em_array_alloc_image(a, s->dtype, s->height, s->width, err))
			return -1;
		memcpy(a->data, s->blob.data + EM_TIFF_PLAIN_HEADER, em_array_bytes(a));
		return 0;
	}
	p = make_page(s, frame);
	if (open_page(&p, err))
		return -1;
	rc = read_page(&p, a, err);
	TIFFClose(p.tif);
	if (rc)
		return -1;
	find_page(s, frame, &directory);
	em_tiff_put_meta(&s->series, &directory, frame, a, meta);
	return 0;
}

static int tiff_tags(void *state, size_t frame, struct em_text *json, struct em_error *err)
{
	const struct tiff_state *s = state;
	struct em_tiff_directory page;

	if (s->plain) {
		em_text_append(json, "{}");
	} else {
		find_page(s, frame, &page);
		em_tiff_put_tags(&page, json);
	}
	return em_text_check(json, err);
}

static void tiff_close(void *state)
{
	struct tiff_state *s = state;

	em_tiff_pages_release(&s->pages);
	free(s);
}

const struct em_codec em_codec_tiff = {
	.name = "tiff",
	.extensions = "tif tiff",
	.probe = tiff_probe,
	.open = tiff_open,
	.read = tiff_read_frame,
	.close = tiff_close,
	.encode = em_tiff_plain_encode,
	.tags = tiff_tags,
	.writer = &em_tiff_writer,
};
