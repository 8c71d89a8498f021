/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The power spectrum of a frame with the Bragg spots that were found in it. */
#include "base/fft.h"
#include "plot/kind.h"
#include "plot/page.h"
#include "plot/marks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZOOM 1.3         /* times the farthest spot: what --crop shows */
#define LEAST_SHOWN 8    /* frequencies to either side of the middle, where there are as many */
#define LARGEST 1e30     /* a pixel beyond counts as none */

struct bragg {
	char *key;     /* of the sample drawn; NULL until it comes */
	size_t passed; /* samples not drawn */
	struct em_array mean; /* the common logarithm of the power at the size of the output */
	struct em_marks spots;
	struct em_axis axis;  /* of frequencies along x */
	size_t shape[2];      /* of the frame */
	size_t first[2], shown[2]; /* the part of the plane that is shown, in frequencies: its begin and size in y, x */
	double lo, hi;
};

/* ---- the spectrum ---- */

static bool is_pixel(float v)
{
	return fabs((double)v) < LARGEST;
}

/* Mean and standard deviation of what is a number; 0, 1 where there is none, or all are equal. */
static void statistics(const float *v, size_t n, double *mean, double *sigma)
{
	double sum = 0, squares = 0;
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (is_pixel(v[i])) {
			sum += v[i];
			count++;
		}
	*mean = count ? sum / (double)count : 0;
	for (size_t i = 0; i < n; i++)
		squares += is_pixel(v[i]) ? (v[i] - *mean) * (v[i] - *mean) : 0;
	*sigma = squares > 0 ? sqrt(squares / (double)count) : 1;
}

/* Mean 0, deviation 1, so that no power overflows whatever the frame's unit; falling to the borders. */
static int window_frame(const struct em_array *frame, float *in, struct em_error *err)
{
	size_t h = frame->shape[0], w = frame->shape[1];
	float *hann = malloc((h + w) * sizeof(*hann));
	const float *v = frame->data;
	double mean, sigma;

	if (!hann)
		return em_error_memory(err, (h + w) * sizeof(*hann));
	em_fft_hann(hann, h);
	em_fft_hann(hann + h, w);
	statistics(v, h * w, &mean, &sigma);
	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++) {
			size_t i = y * w + x;

			in[i] = is_pixel(v[i]) ? (float)((v[i] - mean) / sigma) * hann[y] * hann[h + x] : 0;
		}
	free(hann);
	return 0;
}

/* The half plane that the transform gives, and the other half, its mirror image, about the middle: frequency 0 is at
 * h / 2, w / 2. */
static void unfold(const float *half, size_t h, size_t w, float *plane)
{
	size_t columns = w / 2 + 1;

	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++) {
			size_t row = (y + h - h / 2) % h, back = (h - row) % h;

			plane[y * w + x] = x >= w / 2 ? half[row * columns + x - w / 2]
			                              : half[back * columns + w / 2 - x];
		}
}

/* The power of the whole plane into the frame's own memory. */
static int transform(struct em_array *frame, struct em_error *err)
{
	size_t h = frame->shape[0], w = frame->shape[1];
	struct em_fft_plan *plan = em_fft_plan_new(h, w, err);
	float *in = plan ? em_fft_alloc(h * w, err) : NULL, *out = in ? em_fft_alloc(h * (w / 2 + 1) * 2, err) : NULL;
	int status = -1;

	if (out && !window_frame(frame, in, err)) {
		em_fft_forward(plan, in, out);
		em_fft_power(out, h, w, out);
		unfold(out, h, w, frame->data);
		status = 0;
	}
	em_fft_free(out);
	em_fft_free(in);
	em_fft_plan_free(plan);
	return status;
}

/* ---- what is shown of it ---- */

static void choose_part(struct bragg *b, bool crop)
{
	double farthest = em_marks_farthest(&b->spots);

	for (int k = 0; k < 2; k++) {
		size_t n = b->shape[k], half = (size_t)ceil(fmin(ZOOM * farthest, 1) * (double)n);

		half = half < LEAST_SHOWN ? LEAST_SHOWN : half;
		b->first[k] = crop && farthest > 0 && half < n / 2 ? n / 2 - half : 0;
		b->shown[k] = b->first[k] ? 2 * half + 1 : n;
	}
}

/* Frequencies are square on the page, whatever the frame's shape. */
static int shrink(struct bragg *b, const struct em_array *plane, size_t width, struct em_error *err)
{
	size_t edge = b->shown[0] > b->shown[1] ? b->shown[0] : b->shown[1], h, w;
	struct em_raster raster;
	int status;

	if (em_raster_fit(edge, edge, width, &h, &w, err) ||
	    em_raster_init(&raster, b->shown[0], b->shown[1], h, w, err))
		return -1;
	status = em_raster_add(&raster, plane, -(ptrdiff_t)b->first[0], -(ptrdiff_t)b->first[1], err) ||
	         em_raster_mean(&raster, &b->mean, err) ? -1 : 0;
	em_raster_release(&raster);
	return status;
}

static int take_frame(struct em_plot *plot, struct em_array *frame, struct em_error *err)
{
	struct bragg *b = plot->state;
	const double *p = plot->opt.percentile;
	float *v;

	if (frame->ndim != 2)
		return em_error_set(err, EM_ERROR_DATA,
		                    "an array of %d dimensions is no image: two are needed", frame->ndim);
	memcpy(b->shape, frame->shape, sizeof(b->shape));
	choose_part(b, plot->opt.crop);
	em_marks_frequency_axis(&b->axis, &frame->axis[1], frame->shape[1]);
	if (transform(frame, err) || shrink(b, frame, plot->opt.width, err))
		return -1;
	v = b->mean.data;
	for (size_t i = 0; i < em_array_count(&b->mean); i++)
		v[i] = log10f(fmaxf(v[i], 1e-12F));
	return em_array_percentiles(&b->mean, p[0], p[1], &b->lo, &b->hi, err);
}

static int bragg_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	struct bragg *b = plot->state;
	struct em_array image, frame = {0};
	int status;

	if (b->key || !em_plot_wants(plot, s)) {
		b->passed++;
		return 0;
	}
	if (em_sample_image(s, &image, err))
		return em_error_prefix(err, "sample %s: ", s->key);
	status = em_array_to_f32(&frame, &image, err) || em_marks_read(&b->spots, &s->record, err) ||
	         take_frame(plot, &frame, err) ? -1 : 0;
	em_array_release(&frame);
	em_array_release(&image);
	if (status)
		return em_error_prefix(err, "sample %s: ", s->key);
	b->key = strdup(s->key);
	return b->key ? 0 : em_error_memory(err, strlen(s->key));
}

/* ---- drawing ---- */

static int describe(const struct bragg *b, struct em_canvas *c, struct em_error *err)
{
	struct em_text text = {0};
	int status;

	em_text_printf(&text, "power spectrum of %zu x %zu pixels", b->shape[0], b->shape[1]);
	for (size_t i = 0; i < b->spots.phases; i++)
		em_text_printf(&text, "; %s: %zu pairs of spots", b->spots.phase[i].name, b->spots.phase[i].spots);
	status = em_text_check(&text, err) || em_canvas_describe(c, b->key, em_text_get(&text), err);
	em_text_release(&text);
	return status ? -1 : 0;
}

static int draw_page(struct em_plot *plot, struct em_canvas *c, const struct em_pixels *pixels, struct em_error *err)
{
	const struct bragg *b = plot->state;
	const char *title = plot->opt.title ? plot->opt.title : b->key;
	double w = (double)pixels->w, h = (double)pixels->h, side_w, side_h;
	struct em_marks_view view = {.spots = &b->spots, .text = em_page_text(w, h)};
	struct em_scale_bar scale;
	struct em_page page;

	em_marks_legend_measure(&b->spots, c, view.text, &side_w, &side_h);
	em_page_layout(&page, w, h, *title != '\0', side_w, side_h, side_w > 0 ? EM_PLOT_RIGHT : EM_PLOT_NONE);
	if (describe(b, c, err) || em_canvas_begin(c, page.width, page.height, err))
		return -1;
	em_page_title(c, &page, title);
	em_canvas_image(c, page.picture, pixels);
	view.picture = page.picture;
	for (int k = 0; k < 2; k++) {
		double size = k ? w : h, origin = k ? page.picture.x : page.picture.y;

		view.per_cycle[k] = size * (double)b->shape[k] / (double)b->shown[k];
		view.middle[k] = origin + ((double)(b->shape[k] / 2 - b->first[k]) + 0.5) * size / (double)b->shown[k];
	}
	em_scale_bar_choose(&scale, &b->axis, b->shown[1], 0.25);
	view.taken = em_page_scale_bar(c, &page, scale.pixels * w / (double)b->shown[1], scale.label);
	em_marks_legend_draw(&b->spots, c, page.side, view.text);
	return em_marks_draw(&view, c, err);
}

static int bragg_draw(struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	const struct bragg *b = plot->state;
	enum em_colormap map = (enum em_colormap)plot->opt.colormap;
	struct em_pixels pixels;
	int status;

	if (!b->key)
		return em_plot_missing(plot, err);
	if (em_pixels_from_values(&pixels, &b->mean, b->lo, b->hi, map, em_color_of_nan(map), err))
		return -1;
	status = draw_page(plot, c, &pixels, err);
	em_pixels_release(&pixels);
	em_plot_note_passed(plot, b->key, b->passed);
	return status;
}

static void bragg_release(void *state)
{
	struct bragg *b = state;

	free(b->key);
	em_array_release(&b->mean);
	em_marks_release(&b->spots);
}

const struct em_plot_kind em_plot_bragg = {
	.name = "bragg",
	.purpose = "the power spectrum of a frame, with the spots found in it",
	.state_size = sizeof(struct bragg),
	.percentile = {50, 99.95},
	.take = bragg_take,
	.draw = bragg_draw,
	.release = bragg_release,
};
