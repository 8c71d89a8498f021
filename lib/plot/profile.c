/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Profiles across an interface, from the record of one sample: members "profile" of eelsquant's edges and
 * emfft-crystallinity's phases, points with error bars and the step that was fitted:
 *
 *     {"distance_nm":[..],"counts":[..],"counts_u":[..],"step_nm":..,"width_nm":..,"before":..,"after":..}
 */
#include "plot/axes.h"
#include "plot/kind.h"
#include "plot/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 800
#define MOST 21 /* as many colours can be told apart */

struct line {
	char name[64], what[32], units[16];
	size_t n;
	double *v;                                          /* distance[n], value[n], standard uncertainty[n]; owned */
	double step, step_u, width, width_u, before, after; /* NAN: not known */
};

struct profile {
	char *key;     /* of the sample drawn; NULL until it comes */
	size_t passed; /* samples not drawn */
	struct line line[MOST];
	size_t n, more; /* more: lines that are one too many */
};

/* ---- what came ---- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static const struct em_json *find_list(const struct em_json *node, const char *begin)
{
	const struct em_json *list = em_json_first(node);

	for (; list; list = em_json_next(list)) {
		const char *name = em_json_name(list);

		if (!name || !em_json_is_array(list) || ends_with(name, "_u"))
			continue;
		if (begin ? !strncmp(name, begin, strlen(begin)) : strncmp(name, "distance_", 9) != 0)
			return list;
	}
	return NULL;
}

/* Numbers of a list; NAN for those that are none. */
static void read_list(const struct em_json *list, double *v, size_t n)
{
	const struct em_json *node = em_json_first(list);

	for (size_t i = 0; i < n; i++, node = em_json_next(node))
		if (!em_json_number(node, &v[i]) || fabs(v[i]) > 1e100)
			v[i] = NAN;
}

static double number(const struct em_json *node, const char *what, const char *units, const char *end)
{
	char name[80];
	double v = NAN;

	snprintf(name, sizeof(name), "%s%s%s%s", what, *units ? "_" : "", units, end);
	return em_json_number(em_json_get(node, name), &v) ? v : NAN;
}

static int add_line(struct profile *p, const char *name, const struct em_json *node, struct em_error *err)
{
	const struct em_json *distance = find_list(node, "distance_"), *value = find_list(node, NULL);
	size_t n = em_json_size(distance);
	struct line *l = &p->line[p->n];
	char u[40];

	if (!n || !value || !name)
		return 0;
	if (p->n == MOST) {
		p->more++;
		return 0;
	}
	memset(l, 0, sizeof(*l));
	snprintf(l->name, sizeof(l->name), "%s", name);
	snprintf(l->what, sizeof(l->what), "%s", em_json_name(value));
	snprintf(l->units, sizeof(l->units), "%s", em_json_name(distance) + 9);
	l->n = n;
	l->v = malloc(3 * n * sizeof(double));
	if (!l->v)
		return em_error_memory(err, 3 * n * sizeof(double));
	snprintf(u, sizeof(u), "%s_u", l->what);
	read_list(distance, l->v, n);
	read_list(value, l->v + n, n);
	read_list(em_json_get(node, u), l->v + 2 * n, n);
	l->step = number(node, "step", l->units, "");
	l->step_u = number(node, "step", l->units, "_u");
	l->width = number(node, "width", l->units, "");
	l->width_u = number(node, "width", l->units, "_u");
	l->before = number(node, "before", "", "");
	l->after = number(node, "after", "", "");
	p->n++;
	return 0;
}

static int add_lines(struct profile *p, const struct em_record *r, const char *member, const char *list,
                     struct em_error *err)
{
	struct em_json *tree = em_record_tree(r, member);
	const struct em_json *node = em_json_first(em_json_get(tree, list));
	int status = 0;

	for (; node && !status; node = em_json_next(node))
		status = add_line(p, em_json_name(node), em_json_get(node, "profile"), err);
	em_json_free(tree);
	return status;
}

static int profile_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	struct profile *p = plot->state;

	if (p->key || !em_plot_wants(plot, s)) {
		p->passed++;
		return 0;
	}
	if (add_lines(p, &s->record, "eels", "edges", err) || add_lines(p, &s->record, "crystal", "phases", err))
		return -1;
	if (!p->n && (plot->opt.key || plot->opt.nth))
		return em_error_set(err, EM_ERROR_DATA,
		                    "sample %.200s: its record has no profile (eelsquant or "
		                    "emfft-crystallinity with --across)",
		                    s->key);
	if (!p->n) {
		p->passed++;
		return 0;
	}
	p->key = strdup(s->key);
	return p->key ? 0 : em_error_memory(err, strlen(s->key));
}

/* ---- drawing ---- */

struct drawing {
	const struct profile *p;
	struct em_axes axes;
	double band, thick, dot;
	bool relative; /* each by its own largest */
	double unit[MOST];
};

/* Counts of different edges are told apart by their shape only. */
static void choose_units(struct drawing *d)
{
	d->relative = d->p->n > 1 && !strcmp(d->p->line[0].what, "counts");
	for (size_t i = 0; i < d->p->n; i++) {
		const struct line *l = &d->p->line[i];
		double top = 0;

		for (size_t k = 0; d->relative && k < l->n; k++)
			top = l->v[l->n + k] > top ? l->v[l->n + k] : top;
		d->unit[i] = top > 0 ? top : 1;
	}
}

static bool choose_axes(struct drawing *d, const struct em_plot_options *opt)
{
	double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, -INFINITY};

	for (size_t i = 0; i < d->p->n; i++)
		for (size_t k = 0; k < d->p->line[i].n; k++) {
			const struct line *l = &d->p->line[i];
			double at = l->v[k], v = l->v[l->n + k] / d->unit[i], u = l->v[2 * l->n + k] / d->unit[i];
			double half = u > 0 && u < 1e100 ? d->band * u : 0;

			if (isnan(at) || isnan(v))
				continue;
			x[0] = fmin(x[0], at);
			x[1] = fmax(x[1], at);
			y[0] = fmin(y[0], v - half);
			y[1] = fmax(y[1], v + half);
		}
	if (!(x[0] <= x[1]))
		return false;
	em_axis_range_of(&d->axes.x, x[0], x[1], 0.015);
	em_axis_range_of(&d->axes.y, y[0], y[1], 0.05);
	for (int i = 0; i < 2; i++) {
		const double *asked = i ? opt->y_range : opt->x_range;
		struct em_axis_range *axis = i ? &d->axes.y : &d->axes.x;

		if (asked[0] < asked[1]) {
			axis->lo = asked[0];
			axis->hi = asked[1];
		}
	}
	d->axes.x.what = "distance";
	d->axes.x.units = d->p->line[0].units;
	d->axes.y.what = d->relative ? "counts, of the largest" : d->p->line[0].what;
	d->axes.y.units = "";
	return true;
}

static void draw_points(const struct drawing *d, struct em_canvas *c, size_t i)
{
	const struct line *l = &d->p->line[i];

	for (size_t k = 0; k < l->n; k++) {
		double x = em_axes_x(&d->axes, l->v[k]), v = l->v[l->n + k] / d->unit[i];
		double half = d->band * l->v[2 * l->n + k] / d->unit[i], top, y;

		if (isnan(l->v[k]) || isnan(v))
			continue;
		y = em_axes_y(&d->axes, v);
		top = half > 0 ? em_axes_y(&d->axes, v + half) : y;
		if (half > 0)
			em_canvas_fill(
			    c, (struct em_box){x - d->thick / 2, top, d->thick, em_axes_y(&d->axes, v - half) - top},
			    em_color_class(i), 0.45);
		em_canvas_disc(c, x, y, d->dot, em_color_class(i));
	}
}

static void draw_step(const struct drawing *d, struct em_canvas *c, size_t i)
{
	enum { POINTS = 400 };
	const struct line *l = &d->p->line[i];
	double xy[2 * POINTS], first = l->v[0], last = l->v[l->n - 1];
	double bin = l->n > 1 ? (last - first) / (double)(l->n - 1) : 0, s = sqrt(l->width * l->width + bin * bin / 12);

	if (!isfinite(l->step) || !isfinite(s) || !isfinite(l->before) || !isfinite(l->after) || !(s > 0))
		return;
	for (int k = 0; k < POINTS; k++) {
		double at = first + (last - first) * k / (POINTS - 1), t = (at - l->step) / (M_SQRT2 * s);

		xy[2 * k] = em_axes_x(&d->axes, at);
		xy[2 * k + 1] =
		    em_axes_y(&d->axes, (l->before + (l->after - l->before) * (1 + erf(t)) / 2) / d->unit[i]);
	}
	em_canvas_polyline(c, xy, POINTS, d->thick, em_color_class(i));
}

/* "Ti-L23: step at 4.31 ± 0.05 nm, width 0.62 ± 0.07 nm" */
static void put_words(const struct line *l, char *buf, size_t n)
{
	int used = snprintf(buf, n, "%s", l->name);

	if (isfinite(l->step) && used >= 0 && (size_t)used < n)
		used +=
		    snprintf(buf + used, n - (size_t)used, ": step at %.3g ± %.2g %s", l->step, l->step_u, l->units);
	if (isfinite(l->step) && isfinite(l->width) && used >= 0 && (size_t)used < n)
		snprintf(buf + used, n - (size_t)used, ", width %.3g ± %.2g %s", l->width, l->width_u, l->units);
}

/* A line of words for each, above the plane. */
static void draw_legend(const struct drawing *d, struct em_canvas *c, double y)
{
	double t = d->axes.text, row = round(1.5 * t), x = d->axes.plane.x;
	char words[200], shown[200];

	for (size_t i = 0; i < d->p->n; i++, y += row) {
		put_words(&d->p->line[i], words, sizeof(words));
		em_canvas_shorten(c, t, false, words, d->axes.plane.w - 1.5 * t, shown, sizeof(shown));
		em_canvas_disc(c, x + 0.5 * t, y + row / 2, d->dot, em_color_class(i));
		em_canvas_text(c, x + 1.3 * t, y + row / 2 + EM_CANVAS_CAP * t / 2, 0, t, false, EM_RGB_TEXT, shown);
	}
}

static int describe(const struct drawing *d, struct em_canvas *c, const char *title, struct em_error *err)
{
	struct em_text text = {0};
	char words[200];
	int status;

	for (size_t i = 0; i < d->p->n; i++) {
		put_words(&d->p->line[i], words, sizeof(words));
		em_text_printf(&text, "%s%s", i ? "; " : "", words);
	}
	status =
	    em_text_check(&text, err) || em_canvas_describe(c, *title ? title : "profile", em_text_get(&text), err);
	em_text_release(&text);
	return status ? -1 : 0;
}

static int draw_page(struct drawing *d, const struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	const char *title = plot->opt.title ? plot->opt.title : d->p->key;
	double width = plot->opt.width ? (double)plot->opt.width : WIDTH, t = em_axes_text(width), gap = round(0.8 * t);
	double head = *title ? round(1.7 * t) : 0, legend = (double)d->p->n * round(1.5 * t);
	struct em_page page = {.text = t, .gap = gap};

	em_axes_layout(&d->axes, c, width, 2 * gap + head + legend + gap);
	d->thick = fmax(1.5, t / 9);
	d->dot = 1.8 * d->thick;
	if (describe(d, c, title, err) || em_canvas_begin(c, d->axes.width, d->axes.height, err))
		return -1;
	if (*title)
		page.title = (struct em_box){d->axes.plane.x, gap, d->axes.width - d->axes.plane.x - gap, 1.2 * t};
	em_page_title(c, &page, title);
	em_axes_draw(&d->axes, c);
	draw_legend(d, c, 2 * gap + head);
	em_canvas_clip(c, d->axes.plane);
	for (size_t i = 0; i < d->p->n; i++) {
		draw_points(d, c, i);
		draw_step(d, c, i);
	}
	em_canvas_unclip(c);
	return 0;
}

static int profile_draw(struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	const struct profile *p = plot->state;
	struct drawing d = {.p = p, .band = plot->opt.band};

	if (!p->key)
		return plot->opt.key || plot->opt.nth
		           ? em_plot_missing(plot, err)
		           : em_error_set(err, EM_ERROR_DATA,
		                          "no sample's record has a profile: give eelsquant or "
		                          "emfft-crystallinity a line with --across");
	choose_units(&d);
	if (!choose_axes(&d, &plot->opt))
		return em_error_set(err, EM_ERROR_DATA, "sample %.200s: its profiles have no values", p->key);
	if (p->more)
		em_text_printf(&plot->note, "%zu profiles are left out: no more than %d colours can be told apart",
		               p->more, MOST);
	return draw_page(&d, plot, c, err);
}

static void profile_release(void *state)
{
	struct profile *p = state;

	for (size_t i = 0; i < p->n; i++)
		free(p->line[i].v);
	free(p->key);
}

const struct em_plot_kind em_plot_profile = {
    .name = "profile",
    .purpose = "profiles across an interface, with the steps that were fitted",
    .state_size = sizeof(struct profile),
    .take = profile_take,
    .draw = profile_draw,
    .release = profile_release,
};
