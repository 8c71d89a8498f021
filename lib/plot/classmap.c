/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Classes of chips over the micrograph they were cut from. */
#include "io/input.h"
#include "plot/kind.h"
#include "plot/legend.h"
#include "plot/overlay.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKGROUND ((struct em_rgb){235, 235, 235}) /* where no pixels are known */

struct classmap {
	char *picture;                   /* its key; NULL until the first chip comes */
	char other[EM_KEY_MAX + 1];      /* the last picture that was passed by */
	size_t others, unclassified;
	struct em_classes classes;
	struct em_chip *chips;           /* owned */
	size_t n, capacity;
	size_t src_h, src_w;
	struct em_axis axis;             /* x */
	struct em_raster raster;         /* the mosaic */
	bool has_p;
};

/* The first chip says which picture it is, its size and its scale. */
static int begin_picture(struct em_plot *plot, const struct em_sample *s, const char *picture,
                         const struct em_chip *chip, struct em_error *err)
{
	struct classmap *map = plot->state;
	struct em_array axes = {.ndim = 2, .axis = {{.scale = 1}, {.scale = 1}}};
	size_t h, w;

	if (!chip->picture_h || !chip->picture_w)
		return em_error_set(err, EM_ERROR_DATA, "\"chip\" lacks \"image\", the size of the picture");
	if (em_raster_fit(chip->picture_h, chip->picture_w, plot->opt.width, &h, &w, err) ||
	    em_raster_init(&map->raster, chip->picture_h, chip->picture_w, h, w, err))
		return -1;
	map->src_h = chip->picture_h;
	map->src_w = chip->picture_w;
	em_record_get_axes(&s->record, &axes);
	map->axis = axes.axis[1];
	map->picture = strdup(picture);
	return map->picture ? 0 : em_error_memory(err, strlen(picture));
}

static int keep_chip(struct classmap *map, const struct em_chip *chip, struct em_error *err)
{
	if (map->n == map->capacity) {
		size_t capacity = map->capacity ? 2 * map->capacity : 1024;
		struct em_chip *more = realloc(map->chips, capacity * sizeof(*more));

		if (!more)
			return em_error_memory(err, capacity * sizeof(*more));
		map->chips = more;
		map->capacity = capacity;
	}
	map->chips[map->n++] = *chip;
	map->has_p |= chip->has_p;
	return 0;
}

static int add_pixels(struct em_plot *plot, const struct em_sample *s, const struct em_chip *chip,
                      struct em_error *err)
{
	struct classmap *map = plot->state;
	struct em_array a;
	int status;

	if (plot->opt.image || !em_sample_has_image(s))
		return 0;
	if (em_sample_image(s, &a, err))
		return -1;
	status = em_raster_add(&map->raster, &a, (ptrdiff_t)chip->y, (ptrdiff_t)chip->x, err);
	em_array_release(&a);
	return status;
}

static int take_chip(struct em_plot *plot, const struct em_sample *s, const char *picture, const struct em_chip *chip,
                     struct em_error *err)
{
	struct classmap *map = plot->state;

	if (!chip->placed)
		return em_error_set(err, EM_ERROR_DATA,
		                    "the record has a class but no \"chip\": cut the picture with emchip");
	if (!map->picture && begin_picture(plot, s, picture, chip, err))
		return -1;
	if (chip->picture_h != map->src_h || chip->picture_w != map->src_w)
		return em_error_set(err, EM_ERROR_DATA,
		                    "cut from a picture of %zu x %zu px, the chips before from %zu x %zu",
		                    chip->picture_h, chip->picture_w, map->src_h, map->src_w);
	return add_pixels(plot, s, chip, err) || keep_chip(map, chip, err) ? -1 : 0;
}

/* Is the sample of the picture that is drawn?  Remembers the others. */
static bool is_wanted(struct em_plot *plot, const char *picture)
{
	struct classmap *map = plot->state;
	const char *wanted = plot->opt.picture ? plot->opt.picture : map->picture;

	if (!wanted || !strcmp(wanted, picture))
		return true;
	if (strcmp(map->other, picture)) {
		snprintf(map->other, sizeof(map->other), "%s", picture);
		map->others++;
	}
	return false;
}

static int classmap_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	struct classmap *map = plot->state;
	char picture[EM_KEY_MAX + 1];
	struct em_chip chip;
	int status;

	em_sample_picture(s, picture, sizeof(picture));
	if (!is_wanted(plot, picture))
		return 0;
	status = em_chip_read(&chip, &map->classes, s, err);
	if (status == 0)
		map->unclassified++;
	if (status <= 0)
		return status;
	return take_chip(plot, s, picture, &chip, err) ? em_error_prefix(err, "sample %s: ", s->key) : 0;
}

/* The first sample of the file takes the place of the mosaic. */
static int add_file(struct em_plot *plot, struct em_error *err)
{
	struct classmap *map = plot->state;
	struct em_input *in = em_input_open(plot->opt.image, &(struct em_input_options){0}, err);
	struct em_sample s = {0};
	struct em_array a = {0};
	int got = in ? em_input_next(in, &s, err) : -1;

	if (!got)
		em_error_set(err, EM_ERROR_DATA, "holds no image");
	if (got == 1 && em_sample_image(&s, &a, err))
		got = -1;
	if (got == 1 && (a.ndim != 2 || a.shape[0] != map->src_h || a.shape[1] != map->src_w))
		got = em_error_set(err, EM_ERROR_DATA,
		                   "is %zu x %zu px, but the chips were cut from %zu x %zu", a.shape[0],
		                   a.shape[1], map->src_h, map->src_w);
	if (got == 1 && em_raster_add(&map->raster, &a, 0, 0, err))
		got = -1;
	em_array_release(&a);
	em_sample_release(&s);
	em_input_close(in);
	return got == 1 ? 0 : em_error_prefix(err, "--image %s: ", plot->opt.image);
}

static bool has_values(const struct em_array *a)
{
	const float *v = a->data;

	for (size_t i = 0; i < em_array_count(a); i++)
		if (!isnan(v[i]))
			return true;
	return false;
}

/* The micrograph in grey, stretched between percentiles; plain where no pixels came. */
static int background(struct em_plot *plot, struct em_pixels *pixels, struct em_error *err)
{
	struct classmap *map = plot->state;
	const double *p = plot->opt.percentile;
	struct em_array mean;
	double lo = 0, hi = 0;
	int status;

	if (plot->opt.image && add_file(plot, err))
		return -1;
	if (em_raster_mean(&map->raster, &mean, err))
		return -1;
	status = has_values(&mean) ? em_array_percentiles(&mean, p[0], p[1], &lo, &hi, err) : 0;
	if (!status)
		status = em_pixels_from_values(pixels, &mean, lo, hi, EM_COLORMAP_GRAY, BACKGROUND, err);
	em_array_release(&mean);
	return status;
}

static int paint(struct em_plot *plot, struct em_pixels *pixels, double text, struct em_error *err)
{
	struct classmap *map = plot->state;
	size_t rank[EM_CLASSES_MAX];

	if (em_classes_arrange(&map->classes, plot->opt.colors, rank, err))
		return -1;
	for (size_t i = 0; i < map->n; i++)
		map->chips[i].class = rank[map->chips[i].class];
	const struct em_overlay overlay = {.classes = &map->classes, .chips = map->chips, .n = map->n,
	                                   .src_h = map->src_h, .src_w = map->src_w, .alpha = plot->opt.alpha,
	                                   .line = (size_t)fmax(1, round(text / 9))};
	return em_overlay_paint(pixels, &overlay, err);
}

static int describe(const struct classmap *map, struct em_canvas *c, const char *title, struct em_error *err)
{
	struct em_text text = {0};
	int status;

	em_classes_describe(&map->classes, true, &text);
	status = em_text_check(&text, err) || em_canvas_describe(c, title, em_text_get(&text), err) ? -1 : 0;
	em_text_release(&text);
	return status;
}

static int draw_page(struct em_plot *plot, struct em_canvas *c, const struct em_pixels *pixels, struct em_error *err)
{
	const struct classmap *map = plot->state;
	const char *title = plot->opt.title ? plot->opt.title : map->picture;
	struct em_legend legend = {.classes = &map->classes, .side = (enum em_plot_side)plot->opt.legend,
	                           .alpha = plot->opt.alpha, .probability = map->has_p};
	double w = (double)pixels->w, h = (double)pixels->h;
	struct em_scale_bar scale;
	struct em_page page;

	em_legend_measure(&legend, c, w, h);
	em_page_layout(&page, w, h, *title != '\0', legend.w, legend.h, legend.side);
	if (describe(map, c, *title ? title : "class map", err) || em_canvas_begin(c, page.width, page.height, err))
		return -1;
	em_page_title(c, &page, title);
	em_canvas_image(c, page.picture, pixels);
	em_scale_bar_choose(&scale, &map->axis, map->src_w, 0.25);
	em_page_scale_bar(c, &page, scale.pixels * w / (double)map->src_w, scale.label);
	em_legend_draw(&legend, c, page.side);
	return 0;
}

static int nothing(const struct em_plot *plot, struct em_error *err)
{
	const struct classmap *map = plot->state;

	if (plot->opt.picture && map->others)
		return em_error_set(err, EM_ERROR_DATA, "no chip of the picture %.200s came, but of %.200s",
		                    plot->opt.picture, map->other);
	return em_error_set(err, EM_ERROR_DATA, "no sample is classified: run emchip, emembed and emclassify first");
}

static void note(struct em_plot *plot)
{
	const struct classmap *map = plot->state;

	if (map->others && !plot->opt.picture)
		em_text_printf(&plot->note, "%s is drawn; %zu more picture%s left out (%s): choose with --picture",
		               *map->picture ? map->picture : "the first picture", map->others,
		               map->others == 1 ? " is" : "s are", map->other);
	if (map->unclassified)
		em_text_printf(&plot->note, "%s%zu samples are not classified and left out", plot->note.len ? "; " : "",
		               map->unclassified);
}

static int classmap_draw(struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	const struct classmap *map = plot->state;
	struct em_pixels pixels;
	int status;

	if (!map->n)
		return nothing(plot, err);
	if (background(plot, &pixels, err))
		return -1;
	status = paint(plot, &pixels, em_page_text((double)pixels.w, (double)pixels.h), err);
	if (!status)
		status = draw_page(plot, c, &pixels, err);
	em_pixels_release(&pixels);
	note(plot);
	return status;
}

static void classmap_release(void *state)
{
	struct classmap *map = state;

	em_classes_release(&map->classes);
	em_raster_release(&map->raster);
	free(map->picture);
	free(map->chips);
}

const struct em_plot_kind em_plot_classmap = {
	.name = "classmap",
	.purpose = "classes of chips over the micrograph, with legend and scale bar",
	.state_size = sizeof(struct classmap),
	.take = classmap_take,
	.draw = classmap_draw,
	.release = classmap_release,
};
