/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Colours: of classes (told apart by readers with any kind of colour vision), and of intensities.
 */
#ifndef EM_PLOT_COLOR_H
#define EM_PLOT_COLOR_H

#include <stddef.h>

struct em_rgb {
	unsigned char r, g, b;
};

#define EM_RGB_BLACK ((struct em_rgb){0, 0, 0})
#define EM_RGB_WHITE ((struct em_rgb){255, 255, 255})
#define EM_RGB_TEXT ((struct em_rgb){32, 32, 32})
#define EM_RGB_FAINT ((struct em_rgb){110, 110, 110}) /* secondary text: 5:1 on white */
#define EM_RGB_UNKNOWN ((struct em_rgb){128, 128, 128})

/* "#rrggbb" or "#rgb", any case.  -1, *color untouched, where it is neither. */
int em_color_parse(const char *text, struct em_rgb *color);

/* The i-th class colour: the seven of Okabe and Ito (2008, "Color Universal Design") that are not black, blue,
 * orange and green first; from the eighth on the same seven darker, then lighter, and so on. */
struct em_rgb em_color_class(size_t i);

/* Colour maps of intensity, by index; the names in order, parted by blanks (an option's choices). */
enum em_colormap { EM_COLORMAP_GRAY, EM_COLORMAP_VIRIDIS, EM_COLORMAP_MAGMA, EM_COLORMAPS };
#define EM_COLORMAP_NAMES "gray viridis magma"

/* 256 entries: viridis and magma (van der Walt and Smith, 2015; public domain) through eleven of their points. */
void em_color_map(enum em_colormap map, struct em_rgb lut[256]);
/* A colour that is not in the map: for pixels that are not numbers. */
struct em_rgb em_color_of_nan(enum em_colormap map);

#endif
