/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PNG by libpng.  Grey of 1, 2 and 4 bits is stretched to 0..255, a palette looked up, colour made grey, alpha and
 * gamma left aside.  libpng reports errors by longjmp: whatever must survive the jump lives in struct png_job.
 */
#include "io/codec.h"
#include "io/png.h"

#include <png.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 33 /* signature and IHDR with its length, name and CRC */

static const unsigned char signature[8] = {137, 'P', 'N', 'G', 13, 10, 26, 10};

struct png_job {
	struct em_blob blob;
	size_t at;            /* how much of the blob libpng has had */
	struct em_text *out;  /* when writing: where to, */
	const struct em_array *source; /* and what */
	png_structp png;
	png_infop info;
	unsigned char *raw;   /* rows before they become grey; the whole picture when it is interlaced */
	struct em_array array;
	char what[200];       /* libpng's last words */
};

static bool png_probe(const unsigned char *head, size_t n)
{
	return n >= sizeof(signature) && !memcmp(head, signature, sizeof(signature));
}

static size_t be32(const unsigned char *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* libpng would refuse most of this too, but later and in its own words. */
static int check_header(struct em_blob blob, struct em_error *err)
{
	size_t width, height, bits;

	if (blob.size < HEADER_BYTES)
		return em_error_set(err, EM_ERROR_DATA, "PNG: the file is cut within its header");
	if (be32(blob.data + 8) != 13 || memcmp(blob.data + 12, "IHDR", 4))
		return em_error_set(err, EM_ERROR_DATA, "PNG: the file does not begin with an image header (IHDR)");
	width = be32(blob.data + 16);
	height = be32(blob.data + 20);
	bits = blob.data[24];
	/* A pixel of less than a byte is counted as it is packed: that is what was compressed. */
	if (bits < 8)
		width = width / 8 * bits + (width % 8 * bits + 7) / 8;
	if (em_codec_check_claim(bits == 16 ? EM_U16 : EM_U8, height, width, blob.size, err))
		return em_error_prefix(err, "PNG: ");
	return 0;
}

static int png_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct em_blob *mine;

	if (check_header(file->blob, err))
		return -1;
	mine = malloc(sizeof(*mine));
	if (!mine)
		return em_error_memory(err, sizeof(*mine));
	*mine = file->blob;
	*state = mine;
	*frames = 1;
	return 0;
}

static void png_close(void *state)
{
	free(state);
}

static void on_error(png_structp png, png_const_charp text)
{
	struct png_job *job = png_get_error_ptr(png);
	size_t n = strlen(text);

	if (n >= sizeof(job->what))
		n = sizeof(job->what) - 1;
	memcpy(job->what, text, n);
	job->what[n] = '\0';
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static void feed(png_structp png, png_bytep to, size_t n)
{
	struct png_job *job = png_get_io_ptr(png);

	if (n > job->blob.size - job->at)
		png_error(png, "the file is cut");
	memcpy(to, job->blob.data + job->at, n);
	job->at += n;
}

/* Everything becomes one sample or three (alpha is stripped) of 8 or 16 bits in our byte order, which is little-endian:
 * tiff_plain.c holds us to that. */
static void ask_for_plain_samples(struct png_job *job)
{
	int color = png_get_color_type(job->png, job->info);
	int bits = png_get_bit_depth(job->png, job->info);

	if (color == PNG_COLOR_TYPE_PALETTE)
		png_set_palette_to_rgb(job->png);
	else if (bits < 8)
		png_set_expand_gray_1_2_4_to_8(job->png);
	png_set_strip_alpha(job->png);
	if (bits == 16)
		png_set_swap(job->png);
}

static void convert_row(const struct em_array *a, size_t y, const unsigned char *raw)
{
	size_t width = a->shape[1];

	if (a->dtype == EM_U8)
		em_rgb_to_gray_u8(raw, 3, width, (unsigned char *)a->data + y * width);
	else
		em_rgb_to_gray_u16((const unsigned short *)(const void *)raw, 3, width,
		                   (unsigned short *)a->data + y * width);
}

static void read_rows(struct png_job *job, int passes, size_t row_bytes, bool gray)
{
	size_t height = job->array.shape[0];
	unsigned char *base = gray ? job->array.data : job->raw;
	size_t step = gray || passes > 1 ? row_bytes : 0;

	for (int pass = 0; pass < passes; pass++)
		for (size_t y = 0; y < height; y++) {
			png_read_row(job->png, base + y * step, NULL);
			if (!gray && pass == passes - 1)
				convert_row(&job->array, y, base + y * step);
		}
}

static void read_all(struct png_job *job)
{
	size_t width, height, row_bytes;
	struct em_error err;
	int passes;
	bool gray;

	png_set_benign_errors(job->png, 1);
	png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* check_header has been here */
	png_set_read_fn(job->png, job, feed);
	png_read_info(job->png, job->info);
	ask_for_plain_samples(job);
	passes = png_set_interlace_handling(job->png);
	png_read_update_info(job->png, job->info);
	width = png_get_image_width(job->png, job->info);
	height = png_get_image_height(job->png, job->info);
	row_bytes = png_get_rowbytes(job->png, job->info);
	gray = png_get_channels(job->png, job->info) == 1;
	if (em_array_alloc_image(&job->array, png_get_bit_depth(job->png, job->info) == 16 ? EM_U16 : EM_U8, height,
	                         width, &err))
		png_error(job->png, err.text);
	if (!gray) {
		size_t rows = passes > 1 ? height : 1;

		job->raw = row_bytes <= SIZE_MAX / rows ? malloc(rows * row_bytes) : NULL;
		if (!job->raw)
			png_error(job->png, "out of memory");
	}
	read_rows(job, passes, row_bytes, gray);
	png_read_end(job->png, NULL);
}

/* libpng's jumps end here.  The job is the caller's, so that nothing of this function's own has to survive them. */
static int guard(struct png_job *job, void (*work)(struct png_job *), struct em_error *err)
{
	if (setjmp(png_jmpbuf(job->png)))
		return em_error_set(err, EM_ERROR_DATA, "PNG: %s", job->what);
	work(job);
	return 0;
}

static int png_read_frame(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	struct png_job job = {.blob = *(const struct em_blob *)state};
	int rc;

	(void)frame;
	(void)meta;
	job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
	job.info = job.png ? png_create_info_struct(job.png) : NULL;
	rc = job.info ? guard(&job, read_all, err) : em_error_memory(err, 0);
	png_destroy_read_struct(&job.png, &job.info, NULL);
	free(job.raw);
	if (!rc)
		rc = em_codec_check_rest(job.blob, job.at, err);
	if (rc)
		em_array_release(&job.array);
	else
		*a = job.array;
	return rc;
}

static void drain(png_structp png, png_bytep bytes, size_t n)
{
	struct png_job *job = png_get_io_ptr(png);

	em_text_append_bytes(job->out, bytes, n);
}

static void flush(png_structp png)
{
	(void)png;
}

static void write_all(struct png_job *job)
{
	const struct em_array *a = job->source;
	size_t row_bytes = a->shape[1] * em_dtype_size(a->dtype);

	png_set_write_fn(job->png, job, drain, flush);
	png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
	png_set_IHDR(job->png, job->info, (png_uint_32)a->shape[1], (png_uint_32)a->shape[0],
	             a->dtype == EM_U16 ? 16 : 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
	             PNG_FILTER_TYPE_BASE);
	png_write_info(job->png, job->info);
	if (a->dtype == EM_U16)
		png_set_swap(job->png);
	for (size_t y = 0; y < a->shape[0]; y++)
		png_write_row(job->png, (const unsigned char *)a->data + y * row_bytes);
	png_write_end(job->png, NULL);
}

static int png_encode(const struct em_array *a, struct em_text *out, struct em_error *err)
{
	struct png_job job = {.out = out, .source = a};
	int rc;

	if (a->ndim != 2 || (a->dtype != EM_U8 && a->dtype != EM_U16))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "a PNG holds 2-D images of uint8 or uint16, not %d-D %s: write a TIFF or NPY",
		                    a->ndim, em_dtype_name(a->dtype));
	if (!a->shape[0] || !a->shape[1] || a->shape[0] > PNG_UINT_31_MAX || a->shape[1] > PNG_UINT_31_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "a PNG cannot hold %zu x %zu pixels", a->shape[1],
		                    a->shape[0]);
	job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
	job.info = job.png ? png_create_info_struct(job.png) : NULL;
	rc = job.info ? guard(&job, write_all, err) : em_error_memory(err, 0);
	png_destroy_write_struct(&job.png, &job.info);
	return rc ? rc : em_text_check(out, err);
}

/* Horizontal differences and run lengths: on figures over a micrograph eight times as fast as libpng's defaults, and
 * a quarter bigger.  The strategy is zlib's Z_RLE. */
static void write_rgb(struct png_job *job, const uint32_t *pixels, size_t h, size_t w, size_t stride)
{
	const int z_rle = 3;

	png_set_write_fn(job->png, job, drain, flush);
	png_set_IHDR(job->png, job->info, (png_uint_32)w, (png_uint_32)h, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
	             PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
	png_set_filter(job->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
	png_set_compression_level(job->png, 1);
	png_set_compression_strategy(job->png, z_rle);
	png_set_compression_buffer_size(job->png, 1 << 16);
	png_write_info(job->png, job->info);
	for (size_t y = 0; y < h; y++) {
		for (size_t x = 0; x < w; x++) {
			uint32_t v = pixels[y * stride + x];

			job->raw[3 * x] = (unsigned char)(v >> 16);
			job->raw[3 * x + 1] = (unsigned char)(v >> 8);
			job->raw[3 * x + 2] = (unsigned char)v;
		}
		png_write_row(job->png, job->raw);
	}
	png_write_end(job->png, NULL);
}

int em_png_encode_rgb(const uint32_t *pixels, size_t h, size_t w, size_t stride, struct em_text *out,
                      struct em_error *err)
{
	struct png_job job = {.out = out};
	struct png_job *volatile keep = &job;
	volatile int rc = -1;

	if (!h || !w || h > 1000000 || w > 1000000) /* libpng's own limit */
		return em_error_set(err, EM_ERROR_USAGE, "a PNG cannot hold %zu x %zu pixels", w, h);
	job.raw = malloc(3 * w);
	job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
	job.info = job.png ? png_create_info_struct(job.png) : NULL;
	if (!job.raw || !job.info) {
		em_error_memory(err, 3 * w);
	} else if (!setjmp(png_jmpbuf(job.png))) {
		write_rgb(keep, pixels, h, w, stride);
		rc = em_text_check(out, err);
	} else {
		em_error_set(err, EM_ERROR_DATA, "PNG: %s", keep->what);
	}
	png_destroy_write_struct(&keep->png, &keep->info);
	free(keep->raw);
	return rc;
}

const struct em_codec em_codec_png = {
	.name = "png",
	.extensions = "png",
	.probe = png_probe,
	.open = png_open,
	.read = png_read_frame,
	.close = png_close,
	.encode = png_encode,
};
