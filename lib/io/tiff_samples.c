/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tiff_samples.h"

#include "io/half.h"

#include <string.h>

enum { UNSIGNED = 1, SIGNED = 2, FLOAT = 3, UNTYPED = 4 };

static void convert_direct(const struct em_tiff_layout *layout, const unsigned char *row, size_t n, void *out)
{
	size_t item = em_dtype_size(layout->dtype);
	unsigned char *to = out;

	if (layout->step == 1) {
		memcpy(to, row, n * item);
		return;
	}
	for (size_t i = 0; i < n; i++)
		memcpy(to + i * item, row + i * layout->step * item, item);
}

static void convert_lut8(const struct em_tiff_layout *layout, const unsigned char *row, size_t n, void *out)
{
	unsigned char *to = out;

	for (size_t i = 0; i < n; i++)
		to[i] = layout->lut[row[i * layout->step]];
}

/* Samples of any width lie one after the other, the most significant bit first. */
static unsigned take_bits(const unsigned char *row, size_t at, unsigned bits)
{
	unsigned v = 0;

	while (bits) {
		unsigned left = 8 - (unsigned)(at % 8), n = bits < left ? bits : left;

		v = v << n | ((unsigned)row[at / 8] >> (left - n) & ((1u << n) - 1));
		at += n;
		bits -= n;
	}
	return v;
}

static void convert_packed(const struct em_tiff_layout *layout, const unsigned char *row, size_t n, void *out)
{
	unsigned char *to = out;

	for (size_t i = 0; i < n; i++)
		to[i] = layout->lut[take_bits(row, i * layout->bits, layout->bits)];
}

static void convert_packed16(const struct em_tiff_layout *layout, const unsigned char *row, size_t n, void *out)
{
	unsigned flip = layout->white_is_zero ? (1u << layout->bits) - 1 : 0;
	uint16_t *to = out;

	/* max - v is v with all its bits turned over. */
	for (size_t i = 0; i < n; i++)
		to[i] = (uint16_t)(take_bits(row, i * layout->bits, layout->bits) ^ flip);
}

static void convert_flipped(const struct em_tiff_layout *layout, const unsigned char *row, size_t n, void *out)
{
	size_t bytes = n * em_dtype_size(layout->dtype);
	unsigned char *to = out;

	convert_direct(layout, row, n, out);
	for (size_t i = 0; i < bytes; i++)
		to[i] = (unsigned char)~to[i];
}

static void convert_half(const struct em_tiff_layout *layout, const unsigned char *row, size_t n, void *out)
{
	float *to = out;
	uint16_t h;

	for (size_t i = 0; i < n; i++) {
		memcpy(&h, row + 2 * i * layout->step, 2);
		to[i] = em_half_to_float(h);
	}
}

static void convert_color8(const struct em_tiff_layout *layout, const unsigned char *row, size_t n, void *out)
{
	em_rgb_to_gray_u8(row, layout->step, n, out);
}

static void convert_color16(const struct em_tiff_layout *layout, const unsigned char *row, size_t n, void *out)
{
	em_rgb_to_gray_u16((const unsigned short *)(const void *)row, layout->step, n, out);
}

static int plan_color(struct em_tiff_layout *l, struct em_error *err)
{
	if (l->samples < 3 || l->samples > 4)
		return em_error_set(err, EM_ERROR_DATA, "TIFF: colour of %u samples a pixel is not supported",
		                    l->samples);
	if ((l->bits != 8 && l->bits != 16) || (l->format != UNSIGNED && l->format != UNTYPED))
		return em_error_set(err, EM_ERROR_DATA,
		                    "TIFF: colour of %u bits a sample is not supported: convert it to grey", l->bits);
	l->dtype = l->bits == 8 ? EM_U8 : EM_U16;
	l->convert = l->bits == 8 ? convert_color8 : convert_color16;
	l->step = l->separate ? 3 : l->samples;
	return 0;
}

/* Colour maps have 16 bits, but old writers filled in 8. */
static void fill_lut_from_map(struct em_tiff_layout *l, const uint16_t *const map[3])
{
	size_t n = (size_t)1 << l->bits;
	unsigned shift = 0;

	for (size_t i = 0; i < n; i++)
		if (map[0][i] > 255 || map[1][i] > 255 || map[2][i] > 255)
			shift = 8;
	for (size_t i = 0; i < n; i++) {
		unsigned char rgb[3];

		for (int k = 0; k < 3; k++)
			rgb[k] = (unsigned char)(map[k][i] >> shift);
		em_rgb_to_gray_u8(rgb, 3, 1, &l->lut[i]);
	}
}

static void plan_lut(struct em_tiff_layout *l, const uint16_t *const map[3])
{
	unsigned max = (1u << l->bits) - 1;

	l->dtype = EM_U8;
	l->convert = l->bits == 8 ? convert_lut8 : convert_packed;
	if (l->palette)
		fill_lut_from_map(l, map);
	else
		for (unsigned v = 0; v <= max; v++)
			l->lut[v] = (unsigned char)((l->white_is_zero ? max - v : v) * 255 / max);
}

static bool plan_unsigned(struct em_tiff_layout *l, const uint16_t *const map[3])
{
	if (l->bits < 8 || (l->bits == 8 && (l->palette || l->white_is_zero))) {
		plan_lut(l, map);
	} else if (l->bits > 8 && l->bits < 16) {
		l->dtype = EM_U16;
		l->convert = convert_packed16;
	} else {
		if (l->bits != 8 && l->bits != 16 && l->bits != 32 && l->bits != 64)
			return false;
		l->dtype = l->bits == 8 ? EM_U8 : l->bits == 16 ? EM_U16 : l->bits == 32 ? EM_U32 : EM_U64;
		l->convert = l->white_is_zero ? convert_flipped : convert_direct;
	}
	return l->bits % 8 == 0 || l->samples == 1;
}

static bool plan_signed(struct em_tiff_layout *l)
{
	l->convert = convert_direct;
	switch (l->bits) {
	case 8: l->dtype = EM_I8; return true;
	case 16: l->dtype = EM_I16; return true;
	case 32: l->dtype = EM_I32; return true;
	case 64: l->dtype = EM_I64; return true;
	default: return false;
	}
}

static bool plan_float(struct em_tiff_layout *l)
{
	l->convert = l->bits == 16 ? convert_half : convert_direct;
	l->dtype = l->bits == 64 ? EM_F64 : EM_F32;
	return l->bits == 16 || l->bits == 32 || l->bits == 64;
}

static bool plan_gray(struct em_tiff_layout *l, const uint16_t *const map[3])
{
	switch (l->format) {
	case UNSIGNED:
	case UNTYPED: return plan_unsigned(l, map);
	case SIGNED: return plan_signed(l);
	case FLOAT: return plan_float(l);
	default: return false;
	}
}

int em_tiff_layout_plan(struct em_tiff_layout *l, const uint16_t *const map[3], struct em_error *err)
{
	if (!l->bits || !l->samples)
		return em_error_set(err, EM_ERROR_DATA, "TIFF: pixels of no bits: the file is damaged");
	if (l->color)
		return plan_color(l, err);
	if (l->samples > 1 && !l->extra_is_alpha)
		return em_error_set(err, EM_ERROR_DATA,
		                    "TIFF: %u channels a pixel are not supported: save each channel as a page",
		                    l->samples);
	if (l->palette && (!map || l->bits > 8))
		return em_error_set(err, EM_ERROR_DATA, "TIFF: a palette of %u bits is not supported", l->bits);
	l->step = l->separate ? 1 : l->samples;
	if (!plan_gray(l, map))
		return em_error_set(err, EM_ERROR_DATA,
		                    "TIFF: samples of %u bits in format %u (%u a pixel) are not supported", l->bits,
		                    l->format, l->samples);
	return 0;
}

bool em_tiff_layout_is_direct(const struct em_tiff_layout *l)
{
	return l->convert == convert_direct && l->step == 1;
}
