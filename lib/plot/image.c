/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One image or map in grey or colours, with what its colours mean. */
#include "plot/kind.h"
#include "plot/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct image {
	char *key;            /* of the sample drawn; NULL until it comes */
	size_t passed;        /* samples not drawn */
	struct em_array mean; /* at the size of the output */
	struct em_axis axis;  /* x */
	size_t src_w, nonfinite;
	bool only_nan;
	double lo, hi;
};


static int shrink(struct em_array *mean, const struct em_array *a, size_t width, struct em_error *err)
{
	struct em_raster raster;
	size_t h, w;
	int status;

	if (em_raster_fit(a->shape[0], a->shape[1], width, &h, &w, err) ||
	    em_raster_init(&raster, a->shape[0], a->shape[1], h, w, err))
		return -1;
	status = em_raster_add(&raster, a, 0, 0, err) || em_raster_mean(&raster, mean, err) ? -1 : 0;
	em_raster_release(&raster);
	return status;
}

static int take_array(struct em_plot *plot, const struct em_array *a, struct em_error *err)
{
	struct image *im = plot->state;
	const double *p = plot->opt.percentile;
	size_t nonfinite = 0;
	double lo = 0, hi = 0;

	if (a->ndim != 2)
		return em_error_set(err, EM_ERROR_DATA,
		                    "an array of %d dimensions is no image: two are needed", a->ndim);
	if (a->dtype >= EM_F32)
		em_array_range(a, NULL, NULL, &nonfinite);
	if (nonfinite < em_array_count(a) && em_array_percentiles(a, p[0], p[1], &lo, &hi, err))
		return -1;
	if (shrink(&im->mean, a, plot->opt.width, err))
		return -1;
	im->axis = a->axis[1];
	im->src_w = a->shape[1];
	im->nonfinite = nonfinite;
	im->only_nan = nonfinite == em_array_count(a);
	im->lo = lo;
	im->hi = hi;
	return 0;
}

static int image_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	struct image *im = plot->state;
	struct em_array a;
	int status;

	if (im->key || !em_plot_wants(plot, s)) {
		im->passed++;
		return 0;
	}
	if (plot->opt.array ? em_sample_array(s, plot->opt.array, &a, err) : em_sample_image(s, &a, err))
		return em_error_prefix(err, "sample %s: ", s->key);
	if (plot->opt.array && a.ndim == 2)
		em_plot_map_axes(&a, s);
	status = take_array(plot, &a, err);
	em_array_release(&a);
	if (status)
		return em_error_prefix(err, "sample %s: ", s->key);
	im->key = strdup(s->key);
	return im->key ? 0 : em_error_memory(err, strlen(s->key));
}

static int describe(const struct image *im, struct em_canvas *c, struct em_error *err)
{
	char text[160];

	snprintf(text, sizeof(text), "intensities from %.9g to %.9g; %zu pixels are not numbers", im->lo, im->hi,
	         im->nonfinite);
	return em_canvas_describe(c, im->key, text, err);
}

static int draw_page(struct em_plot *plot, struct em_canvas *c, const struct em_pixels *pixels, struct em_error *err)
{
	const struct image *im = plot->state;
	const char *title = plot->opt.title ? plot->opt.title : im->key;
	struct em_color_bar bar = {.lo = im->lo, .hi = im->hi, .map = (enum em_colormap)plot->opt.colormap,
	                           .nan = im->nonfinite > 0, .only_nan = im->only_nan};
	double w = (double)pixels->w, h = (double)pixels->h, bar_w, bar_h;
	struct em_scale_bar scale;
	struct em_page page;

	/* Beside a strip of a picture the colour bar stands taller than it. */
	bar_h = fmax(h, 8 * em_page_text(w, h));
	bar_w = em_color_bar_measure(&bar, c, em_page_text(w, h), bar_h);
	em_page_layout(&page, w, h, *title != '\0', bar_w, bar_h, EM_PLOT_RIGHT);
	if (describe(im, c, err) || em_canvas_begin(c, page.width, page.height, err))
		return -1;
	em_page_title(c, &page, title);
	em_canvas_image(c, page.picture, pixels);
	em_scale_bar_choose(&scale, &im->axis, im->src_w, 0.25);
	em_page_scale_bar(c, &page, scale.pixels * w / (double)im->src_w, scale.label);
	return em_color_bar_draw(&bar, c, &page, err);
}

static int image_draw(struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	const struct image *im = plot->state;
	enum em_colormap map = (enum em_colormap)plot->opt.colormap;
	struct em_pixels pixels;
	int status;

	if (!im->key)
		return em_plot_missing(plot, err);
	if (em_pixels_from_values(&pixels, &im->mean, im->lo, im->hi, map, em_color_of_nan(map), err))
		return -1;
	status = draw_page(plot, c, &pixels, err);
	em_pixels_release(&pixels);
	em_plot_note_passed(plot, im->key, im->passed);
	return status;
}

static void image_release(void *state)
{
	struct image *im = state;

	free(im->key);
	em_array_release(&im->mean);
}

const struct em_plot_kind em_plot_image = {
	.name = "image",
	.purpose = "one image or map, with scale bar and colour bar",
	.state_size = sizeof(struct image),
	.take = image_take,
	.draw = image_draw,
	.release = image_release,
};
