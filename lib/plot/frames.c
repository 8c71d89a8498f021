/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A contact sheet: images or maps of some samples side by side, in the same colours. */
#include "plot/kind.h"
#include "plot/page.h"
#include "plot/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EDGE 320   /* of a picture's longer side, px, unless the user says otherwise */
#define DEFAULT 12 /* pictures on a sheet that nobody has chosen */
#define POOL 48    /* pictures kept until the end is known: from these the evenly spaced ones are taken */

struct frames {
	struct em_tile pool[EM_PLOT_FRAMES_MAX > POOL ? EM_PLOT_FRAMES_MAX : POOL];
	size_t n;
	struct em_tile latest; /* the last picture that came, unless it is in the pool */
	size_t stride, came;   /* every stride-th picture is in the pool; how many came */
	size_t without;        /* samples without any */
	char others[160];      /* the arrays that the first of these has instead */
};

/* ---- one picture ---- */

/* "film-order, film-disorder": what --array might have meant. */
static void list_arrays(const struct em_sample *s, char *buf, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < s->count && used < size; i++) {
		const char *ext = s->member[i].ext, *end = strstr(ext, ".npy");

		if (end && !end[4])
			used += (size_t)snprintf(buf + used, size - used, "%s%.*s", used ? ", " : "",
			                         (int)(end - ext), ext);
	}
}

/* The picture into *view, which borrows from the sample or from *owned. */
static int get_picture(const struct em_plot *plot, const struct em_sample *s, struct em_array *view,
                       struct em_array *owned, struct em_error *err)
{
	if (!plot->opt.array)
		return em_sample_image_view(s, view, owned, err);
	if (em_sample_array(s, plot->opt.array, owned, err))
		return -1;
	if (owned->ndim == 2)
		em_plot_map_axes(owned, s);
	*view = *owned;
	return 0;
}

static bool has_picture(const struct em_plot *plot, const struct em_sample *s)
{
	char ext[80];

	if (!plot->opt.array)
		return em_sample_has_image(s);
	snprintf(ext, sizeof(ext), "%s.npy", plot->opt.array);
	return em_sample_member(s, ext) != NULL;
}

static int make_tile(const struct em_plot *plot, const struct em_sample *s, struct em_tile *tile, struct em_error *err)
{
	struct em_array view, owned = {0};
	int status;

	if (get_picture(plot, s, &view, &owned, err)) {
		em_array_release(&owned);
		return em_error_prefix(err, "sample %s: ", s->key);
	}
	status = em_tile_init(tile, &view, plot->opt.width, EDGE, err) || em_tile_read(tile, s, err) ? -1 : 0;
	em_array_release(&owned);
	return status ? em_error_prefix(err, "sample %s: ", s->key) : 0;
}

/* ---- which ones ---- */

static size_t place_in_list(const struct em_plot *plot, size_t number)
{
	size_t i = 0;

	while (i < plot->opt.nat && plot->opt.at[i] != number)
		i++;
	return i;
}

static int take_listed(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	struct frames *f = plot->state;

	if (place_in_list(plot, plot->seen) == plot->opt.nat)
		return 0;
	if (make_tile(plot, s, &f->pool[f->n], err))
		return -1;
	f->pool[f->n++].number = plot->seen;
	return 0;
}

/* Half of them, so that there is room again. */
static void thin_out(struct frames *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (i % 2)
			em_tile_release(&f->pool[i]);
		else
			f->pool[n++] = f->pool[i];
	f->n = n;
	f->stride *= 2;
}

static int take_spaced(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	struct frames *f = plot->state;
	struct em_tile tile;

	if (!has_picture(plot, s)) {
		if (!f->without++)
			list_arrays(s, f->others, sizeof(f->others));
		return 0;
	}
	if (make_tile(plot, s, &tile, err))
		return -1;
	tile.number = f->came++;
	f->stride = f->stride ? f->stride : 1;
	em_tile_release(&f->latest);
	if (f->n == POOL && tile.number % f->stride == 0)
		thin_out(f);
	if (tile.number % f->stride == 0)
		f->pool[f->n++] = tile;
	else
		f->latest = tile;
	return 0;
}

static int frames_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	return plot->opt.nat ? take_listed(plot, s, err) : take_spaced(plot, s, err);
}

/* All that were asked for, ascending, each once. */
static int choose_listed(struct em_plot *plot, const struct em_tile **tile, size_t *n, struct em_error *err)
{
	const struct frames *f = plot->state;
	size_t failed = 0;

	for (size_t i = 0; i < f->n; i++)
		tile[(*n)++] = &f->pool[i];
	for (size_t i = 0; i < plot->opt.nat; i++) {
		size_t at = plot->opt.at[i], k = 0;

		if (at > plot->seen)
			return em_error_set(err, EM_ERROR_DATA, "there is no sample %zu: the stream holds %zu", at,
			                    plot->seen);
		while (k < f->n && f->pool[k].number != at)
			k++;
		failed = k == f->n ? at : failed;
	}
	if (!*n)
		return em_error_set(err, EM_ERROR_DATA, "an earlier tool failed on every sample that --at names");
	if (failed)
		em_text_printf(&plot->note, "sample %zu is left out: an earlier tool failed on it", failed);
	return 0;
}

static size_t distance(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

/* First, last, and those nearest to even steps between them. */
static int choose_spaced(const struct em_plot *plot, const struct em_tile **tile, size_t *n, struct em_error *err)
{
	const struct frames *f = plot->state;
	size_t most = f->came < DEFAULT ? f->came : DEFAULT, i = 0;

	if (!f->came)
		return plot->opt.array ? em_error_set(err, EM_ERROR_DATA, "no sample holds the array %.60s%s%s",
		                                      plot->opt.array, *f->others ? ": the first has " : "",
		                                      f->others)
		                       : em_error_set(err, EM_ERROR_DATA, "no sample holds an image");
	for (size_t k = 0; k < most; k++) {
		size_t target = most > 1 ? (k * (f->came - 1) + (most - 1) / 2) / (most - 1) : 0;
		const struct em_tile *best;

		while (i + 1 < f->n && distance(f->pool[i + 1].number, target) <= distance(f->pool[i].number, target))
			i++;
		best = &f->pool[i];
		if (f->latest.picture.data && distance(f->latest.number, target) < distance(best->number, target))
			best = &f->latest;
		if (!*n || tile[*n - 1] != best)
			tile[(*n)++] = best;
	}
	return 0;
}

static int frames_draw(struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	const struct em_tile *tile[EM_PLOT_FRAMES_MAX];
	const struct frames *f = plot->state;
	struct em_sheet sheet = {.tile = tile, .map = (enum em_colormap)plot->opt.colormap,
	                         .title = plot->opt.title ? plot->opt.title : ""};

	if (plot->opt.nat ? choose_listed(plot, tile, &sheet.n, err) : choose_spaced(plot, tile, &sheet.n, err))
		return -1;
	memcpy(sheet.percentile, plot->opt.percentile, sizeof(sheet.percentile));
	if (f->without)
		em_text_printf(&plot->note, "%zu sample%s without %s left out", f->without,
		               f->without == 1 ? " is" : "s are", plot->opt.array ? "this array" : "an image");
	return em_sheet_draw(&sheet, c, err);
}

static void frames_release(void *state)
{
	struct frames *f = state;

	for (size_t i = 0; i < f->n; i++)
		em_tile_release(&f->pool[i]);
	em_tile_release(&f->latest);
}

const struct em_plot_kind em_plot_frames = {
	.name = "frames",
	.purpose = "images or maps of several samples side by side, in the same colours",
	.state_size = sizeof(struct frames),
	.take = frames_take,
	.draw = frames_draw,
	.release = frames_release,
};
