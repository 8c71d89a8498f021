/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/color.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#define POINTS 11

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return p ? (int)(p - digits) : -1;
}

int em_color_parse(const char *text, struct em_rgb *color)
{
	size_t n = strlen(text);
	int v[6];

	if (text[0] != '#' || (n != 4 && n != 7))
		return -1;
	for (size_t i = 0; i < 6; i++) {
		v[i] = hex_digit(text[n == 7 ? 1 + i : 1 + i / 2]);
		if (v[i] < 0)
			return -1;
	}
	color->r = (unsigned char)(16 * v[0] + v[1]);
	color->g = (unsigned char)(16 * v[2] + v[3]);
	color->b = (unsigned char)(16 * v[4] + v[5]);
	return 0;
}

static unsigned char mix(int a, int b, double t)
{
	return (unsigned char)lround(a + (b - a) * t);
}

static struct em_rgb mix_rgb(struct em_rgb a, struct em_rgb b, double t)
{
	return (struct em_rgb){mix(a.r, b.r, t), mix(a.g, b.g, t), mix(a.b, b.b, t)};
}

struct em_rgb em_color_class(size_t i)
{
	static const struct em_rgb okabe_ito[7] = {{0, 114, 178},   {230, 159, 0}, {0, 158, 115}, {204, 121, 167},
	                                           {86, 180, 233},  {213, 94, 0},  {240, 228, 66}};
	struct em_rgb c = okabe_ito[i % 7];
	size_t round = i / 7;
	double t = 0.4 * (double)((round + 1) / 2); /* 0, 0.4 dark, 0.4 light, 0.8 dark, 0.8 light, ... */

	return round == 0 ? c : mix_rgb(c, round % 2 ? EM_RGB_BLACK : EM_RGB_WHITE, fmin(t, 0.8));
}

static const struct em_rgb viridis[POINTS] = {{68, 1, 84},    {72, 37, 118},  {65, 68, 135},  {53, 96, 141},
                                              {42, 120, 142}, {33, 144, 140}, {34, 168, 132}, {67, 191, 113},
                                              {122, 209, 81}, {187, 223, 39}, {253, 231, 37}};
static const struct em_rgb magma[POINTS] = {{0, 0, 4},       {20, 14, 54},    {59, 15, 112},   {100, 26, 128},
                                            {140, 41, 129},  {182, 54, 121},  {222, 73, 104},  {247, 111, 92},
                                            {254, 159, 109}, {254, 206, 145}, {252, 253, 191}};

void em_color_map(enum em_colormap map, struct em_rgb lut[256])
{
	const struct em_rgb *point = map == EM_COLORMAP_VIRIDIS ? viridis : magma;

	for (int i = 0; i < 256; i++) {
		double x = i / 255.0 * (POINTS - 1);
		int k = x >= POINTS - 1 ? POINTS - 2 : (int)x;

		lut[i] = map == EM_COLORMAP_GRAY ? mix_rgb(EM_RGB_BLACK, EM_RGB_WHITE, i / 255.0)
		                                 : mix_rgb(point[k], point[k + 1], x - k);
	}
}

struct em_rgb em_color_of_nan(enum em_colormap map)
{
	/* what lies outside a map is often most of the picture: quiet where a grey is no value */
	return map == EM_COLORMAP_GRAY ? (struct em_rgb){213, 94, 0} : (struct em_rgb){217, 217, 217};
}
