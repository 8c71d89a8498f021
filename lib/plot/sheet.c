/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOW 4              /* times the text: no bar on pictures that are lower */
#define FRACTIONS_MOST 200 /* bytes of a caption */
#define TEXT (1 / 18.0)    /* of a picture's width */

/* ---- tiles ---- */

int em_tile_init(struct em_tile *tile, const struct em_array *picture, size_t width, size_t edge, struct em_error *err)
{
	struct em_tile made = {.time = NAN};
	size_t h, w, longer;
	struct em_raster raster;
	int status;

	if (picture->ndim != 2)
		return em_error_set(err, EM_ERROR_DATA, "an array of %d dimensions is no image: two are needed",
		                    picture->ndim);
	longer = picture->shape[0] > picture->shape[1] ? picture->shape[0] : picture->shape[1];
	if (!width && longer) {
		width = (size_t)round((double)edge * (double)picture->shape[1] / (double)longer);
		width = width ? width : 1;
	}
	if (em_raster_fit(picture->shape[0], picture->shape[1], width, &h, &w, err) ||
	    em_raster_init(&raster, picture->shape[0], picture->shape[1], h, w, err))
		return -1;
	status = em_raster_add(&raster, picture, 0, 0, err) || em_raster_mean(&raster, &made.picture, err) ? -1 : 0;
	em_raster_release(&raster);
	if (status)
		return -1;
	made.src_w = picture->shape[1];
	made.axis = picture->axis[1];
	*tile = made;
	return 0;
}

static void put_fractions(struct em_text *t, const struct em_json *phases)
{
	for (const struct em_json *p = em_json_first(phases); p && t->len < FRACTIONS_MOST; p = em_json_next(p)) {
		double fraction;

		if (em_json_number(em_json_get(p, "fraction"), &fraction) && fabs(fraction) < 1e6)
			em_text_printf(t, "%s%.60s %.2f", t->len ? ", " : "", em_json_name(p), fraction);
	}
}

int em_tile_read(struct em_tile *tile, const struct em_sample *s, struct em_error *err)
{
	struct em_json *tree = em_record_tree(&s->record, "crystal");
	const char *slash = strrchr(s->key, '/');
	struct em_text text = {0};

	em_json_number(em_json_get(tree, "time_s"), &tile->time);
	if (!(fabs(tile->time) <= 1e12))
		tile->time = NAN;
	if (em_json_is_object(em_json_get(tree, "phases")))
		put_fractions(&text, em_json_get(tree, "phases"));
	em_json_free(tree);
	tile->key = strdup(slash ? slash + 1 : s->key);
	tile->fractions = strdup(em_text_get(&text));
	em_text_release(&text);
	if (!tile->key || !tile->fractions) {
		em_tile_release(tile);
		return em_error_memory(err, strlen(s->key));
	}
	return 0;
}

void em_tile_release(struct em_tile *tile)
{
	em_array_release(&tile->picture);
	free(tile->key);
	free(tile->fractions);
	memset(tile, 0, sizeof(*tile));
}

/* ---- the sheet ---- */

struct layout {
	size_t columns, rows;
	double h, w; /* the largest picture */
	double text, gap;
	double caption; /* height below a picture */
	bool two_lines; /* the fractions have a line of their own */
	bool timed;     /* the captions are times */
	double unit;    /* of these, s */
	const char *units;
	int decimals;
	double lo, hi;
	bool nan, only_nan;
};

size_t em_sheet_columns(size_t n, double h, double w)
{
	size_t best = 1;
	double least = INFINITY;

	for (size_t columns = 1; columns <= n; columns++) {
		size_t rows = (n + columns - 1) / columns;
		double shape = (double)columns * w / ((double)rows * h);
		double empty = (double)(rows * columns - n) / (double)n;
		double cost = fabs(log(shape / 1.8)) + 4 * empty;

		if (cost < least) {
			least = cost;
			best = columns;
		}
	}
	return best;
}

int em_sheet_decimals(const struct em_sheet *sheet, double unit)
{
	double step = INFINITY;
	int decimals = 0;

	for (size_t i = 0; i < sheet->n; i++)
		for (size_t k = 0; k < i; k++) {
			double d = fabs(sheet->tile[i]->time - sheet->tile[k]->time) / unit;

			step = d > 0 ? fmin(step, d) : step;
		}
	if (isinf(step))
		step = fabs(sheet->tile[0]->time) / unit;
	for (; decimals < 4; decimals++) {
		double ten = pow(10, decimals), worst = 0;

		for (size_t i = 0; i < sheet->n; i++) {
			double t = sheet->tile[i]->time / unit;

			worst = fmax(worst, fabs(round(t * ten) / ten - t));
		}
		if (worst <= fmin(0.1 * step, 0.05))
			break;
	}
	return decimals;
}

static void choose_times(const struct em_sheet *s, struct layout *l)
{
	double longest = 0;

	l->timed = true;
	for (size_t i = 0; i < s->n; i++) {
		l->timed = l->timed && !isnan(s->tile[i]->time);
		longest = fmax(longest, fabs(s->tile[i]->time));
	}
	l->unit = em_scale_time(longest, &l->units);
	l->decimals = l->timed ? em_sheet_decimals(s, l->unit) : 0;
}

static void put_caption(const struct layout *l, const struct em_tile *tile, char *buf, size_t n)
{
	if (l->timed)
		snprintf(buf, n, "%.*f %s", l->decimals, tile->time / l->unit, l->units);
	else
		snprintf(buf, n, "%s", tile->key);
}

/* The colours' ends, from the pixels of all pictures. */
static int choose_range(const struct em_sheet *s, struct layout *l, struct em_error *err)
{
	size_t count = 0, at = 0, none;
	struct em_array all;
	int status = 0;

	for (size_t i = 0; i < s->n; i++)
		count += em_array_count(&s->tile[i]->picture);
	if (em_array_alloc(&all, EM_F32, 1, &count, err))
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		memcpy((float *)all.data + at, s->tile[i]->picture.data, em_array_bytes(&s->tile[i]->picture));
		at += em_array_count(&s->tile[i]->picture);
	}
	em_array_range(&all, NULL, NULL, &none);
	l->nan = none > 0;
	l->only_nan = none == count;
	if (!l->only_nan)
		status = em_array_percentiles(&all, s->percentile[0], s->percentile[1], &l->lo, &l->hi, err);
	em_array_release(&all);
	return status;
}

static void layout(const struct em_sheet *s, struct layout *l, struct em_canvas *c)
{
	double narrowest = INFINITY, words = 0, widest = 0;
	bool fractions = false;
	char caption[300];

	for (size_t i = 0; i < s->n; i++) {
		l->h = fmax(l->h, (double)s->tile[i]->picture.shape[0]);
		l->w = fmax(l->w, (double)s->tile[i]->picture.shape[1]);
		narrowest = fmin(narrowest, (double)s->tile[i]->picture.shape[1]);
	}
	l->columns = em_sheet_columns(s->n, l->h, l->w);
	l->rows = (s->n + l->columns - 1) / l->columns;
	/* the page is as wide as its columns: so must its text be */
	l->text = fmax(12, round(fmin(TEXT * fmax(l->w, l->h), 0.017 * (double)l->columns * l->w + 2)));
	l->gap = round(0.8 * l->text);
	for (size_t i = 0; i < s->n; i++) {
		const struct em_tile *tile = s->tile[i];

		put_caption(l, tile, caption, sizeof(caption));
		words = fmax(words, em_canvas_measure(c, l->text, false, caption) +
		                        em_canvas_measure(c, l->text, false, tile->fractions));
		widest = fmax(widest, em_canvas_measure(c, l->text, false, tile->fractions) + 1);
		fractions = fractions || *tile->fractions;
	}
	l->two_lines = fractions && words + 1.5 * l->text > narrowest;
	l->caption = round((l->two_lines ? 2.75 : 1.45) * l->text);
	if (s->own) /* there the captions are the scale: they are not cut, however narrow the pictures are */
		l->w = fmax(l->w, ceil(widest));
}

static void draw_caption(const struct layout *l, const struct em_tile *tile, struct em_canvas *c, struct em_box box)
{
	double base = box.y + box.h + round(0.4 * l->text) + EM_CANVAS_CAP * l->text, width = fmax(box.w, l->w);
	char caption[300], shown[300];

	put_caption(l, tile, caption, sizeof(caption));
	em_canvas_shorten(c, l->text, false, caption, width, shown, sizeof(shown));
	em_canvas_text(c, box.x, base, 0, l->text, false, EM_RGB_TEXT, shown);
	em_canvas_shorten(c, l->text, false, tile->fractions, width, shown, sizeof(shown));
	em_canvas_text(c, l->two_lines ? box.x : box.x + box.w, l->two_lines ? base + 1.3 * l->text : base,
	               l->two_lines ? 0 : 1, l->text, false, EM_RGB_FAINT, shown);
}

static bool same_scale(const struct em_tile *a, const struct em_tile *b)
{
	return a->src_w == b->src_w && a->picture.shape[1] == b->picture.shape[1] &&
	       fabs(a->axis.scale - b->axis.scale) <= 1e-6 * fabs(b->axis.scale) &&
	       !strcmp(a->axis.units, b->axis.units);
}

/* On the first picture that is high enough not to be hidden by it, and on every one after it that has another scale
 * than the one before. */
static void draw_scale_bar(const struct em_sheet *s, const struct layout *l, size_t i, struct em_canvas *c,
                           struct em_box box)
{
	struct em_page page = {.picture = box, .text = l->text};
	const struct em_tile *tile = s->tile[i];
	struct em_scale_bar bar;

	if ((i && same_scale(tile, s->tile[i - 1])) || box.h < LOW * l->text)
		return;
	em_scale_bar_choose(&bar, &tile->axis, tile->src_w, 0.4);
	em_page_scale_bar(c, &page, bar.pixels * box.w / (double)tile->src_w, bar.label);
}

static int draw_tile(const struct em_sheet *s, const struct layout *l, size_t i, struct em_canvas *c,
                     const struct em_page *page, struct em_error *err)
{
	const struct em_tile *tile = s->tile[i];
	struct em_box box = {page->picture.x + (double)(i % l->columns) * (l->w + l->gap),
	                     page->picture.y + (double)(i / l->columns) * (l->h + l->caption + l->gap),
	                     (double)tile->picture.shape[1], (double)tile->picture.shape[0]};
	struct em_pixels pixels;

	if (em_pixels_from_values(&pixels, &tile->picture, s->own ? tile->lo : l->lo, s->own ? tile->hi : l->hi, s->map,
	                          em_color_of_nan(s->map), err))
		return -1;
	em_canvas_image(c, box, &pixels);
	em_pixels_release(&pixels);
	draw_scale_bar(s, l, i, c, box);
	draw_caption(l, tile, c, box);
	return 0;
}

static int describe(const struct em_sheet *s, const struct layout *l, struct em_canvas *c, struct em_error *err)
{
	struct em_text text = {0};
	char caption[300];
	int status;

	if (s->own)
		em_text_printf(&text, "%zu maps:", s->n);
	else
		em_text_printf(&text, "%zu pictures, colours from %.9g to %.9g:", s->n, l->lo, l->hi);
	for (size_t i = 0; i < s->n; i++) {
		put_caption(l, s->tile[i], caption, sizeof(caption));
		em_text_printf(&text, "%s %s%s%s", i ? ";" : "", caption, *s->tile[i]->fractions ? ", " : "",
		               s->tile[i]->fractions);
	}
	status = em_text_check(&text, err) ||
	         em_canvas_describe(c, *s->title ? s->title : "contact sheet", em_text_get(&text), err);
	em_text_release(&text);
	return status ? -1 : 0;
}

int em_sheet_draw(const struct em_sheet *s, struct em_canvas *c, struct em_error *err)
{
	struct em_color_bar bar = {.map = s->map};
	struct layout l = {0};
	struct em_page page = {0};
	double top, bar_w;

	choose_times(s, &l);
	if (choose_range(s, &l, err))
		return -1;
	layout(s, &l, c);
	bar.lo = l.lo;
	bar.hi = l.hi;
	bar.nan = l.nan;
	bar.only_nan = l.only_nan;
	page.text = l.text;
	page.gap = l.gap;
	top = l.gap + (*s->title ? round(1.15 * l.text) + l.gap : 0);
	page.picture = (struct em_box){l.gap, top, (double)l.columns * (l.w + l.gap) - l.gap,
	                               (double)l.rows * (l.h + l.caption + l.gap) - l.gap - l.caption};
	page.side = (struct em_box){page.picture.x + page.picture.w, top, 0, 0};
	if (!s->own) {
		bar_w = em_color_bar_measure(&bar, c, l.text, page.picture.h);
		page.side = (struct em_box){page.side.x + l.gap, top, ceil(bar_w), fmax(page.picture.h, 8 * l.text)};
	}
	page.width = page.side.x + page.side.w + l.gap;
	page.height = fmax(top + page.picture.h + l.caption, page.side.y + page.side.h) + l.gap;
	if (*s->title)
		page.title = (struct em_box){l.gap, l.gap, page.width - 2 * l.gap, ceil(1.15 * l.text)};
	if (describe(s, &l, c, err) || em_canvas_begin(c, page.width, page.height, err))
		return -1;
	em_page_title(c, &page, s->title);
	for (size_t i = 0; i < s->n; i++)
		if (draw_tile(s, &l, i, c, &page, err))
			return -1;
	return s->own ? 0 : em_color_bar_draw(&bar, c, &page, err);
}
