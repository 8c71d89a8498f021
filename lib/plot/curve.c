/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers of the records over the samples: one curve a quantity, with bands of its uncertainty. */
#include "plot/axes.h"
#include "plot/kind.h"
#include "plot/page.h"
#include "plot/quantity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 800 /* of the plane, px, unless the user says otherwise */
#define DEFAULT_X "crystal.time_s"
#define PHASES "crystal.phases"

struct curve {
	struct em_quantity y[EM_PLOT_CURVES_MAX], x;
	size_t ny;
	bool numbered;   /* x is the sample's number */
	bool x_found;    /* did any sample have x? */
	enum em_quantity_found best[EM_PLOT_CURVES_MAX]; /* the most that any sample had */
	double *row;     /* n rows of x, then y and its uncertainty of each quantity; NAN: none */
	size_t n, capacity, last;
};

static size_t row_size(const struct curve *cv)
{
	return 1 + 2 * cv->ny;
}

static double *row_at(const struct curve *cv, size_t i)
{
	return cv->row + i * row_size(cv);
}

static int add_quantity(struct curve *cv, const char *text, size_t n, struct em_error *err)
{
	if (cv->ny == EM_PLOT_CURVES_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "more than %d curves cannot be told apart",
		                    EM_PLOT_CURVES_MAX);
	if (em_quantity_parse(&cv->y[cv->ny], text, n, err))
		return -1;
	cv->ny++;
	return 0;
}

/* "a.b,c.d=name" */
static int add_list(struct curve *cv, const char *list, struct em_error *err)
{
	size_t n;

	do {
		n = strcspn(list, ",");
		if (add_quantity(cv, list, n, err))
			return -1;
		list += n + 1;
	} while (list[-1]);
	return 0;
}

/* Can it be a name of a path?  Dots within are. */
static bool is_plain(const char *name)
{
	return name && *name && !strchr(name, '=') && *name != '.' && !strstr(name, "..") &&
	       name[strlen(name) - 1] != '.';
}

/* The fractions of all phases that this record has; none is no failure. */
static int add_fractions(struct curve *cv, const struct em_sample *s, struct em_error *err)
{
	struct em_json *tree = em_record_tree(&s->record, "crystal");
	const struct em_json *phase = em_json_first(em_json_get(tree, "phases"));
	struct em_text path = {0};
	int status = 0;

	for (; phase && !status; phase = em_json_next(phase)) {
		const char *name = em_json_name(phase);

		if (!em_json_get(phase, "fraction") || !is_plain(name))
			continue;
		em_text_clear(&path);
		em_text_printf(&path, PHASES ".%s.fraction=%s", name, name);
		status = em_text_check(&path, err) || add_quantity(cv, path.s, path.len, err) ? -1 : 0;
	}
	if (cv->ny == 1) { /* then the axis says what it is: "film fraction" */
		free(cv->y[0].label);
		cv->y[0].label = NULL;
	}
	em_text_release(&path);
	em_json_free(tree);
	return status;
}

static int choose_x(struct curve *cv, const char *path, const struct em_sample *s, struct em_error *err)
{
	double v, u;

	if (em_quantity_parse(&cv->x, path ? path : DEFAULT_X, strlen(path ? path : DEFAULT_X), err))
		return -1;
	cv->numbered = !path && em_quantity_read(&cv->x, &s->record, &v, &u) != EM_QUANTITY_NUMBER;
	return 0;
}

static int choose(struct curve *cv, const struct em_plot_options *opt, const struct em_sample *s, struct em_error *err)
{
	for (size_t i = 0; i < opt->ny; i++)
		if (add_list(cv, opt->y[i], err))
			return -1;
	if (!opt->ny && add_fractions(cv, s, err))
		return -1;
	return cv->ny && !cv->x.path ? choose_x(cv, opt->x, s, err) : 0;
}

static int add_row(struct curve *cv, double **row, struct em_error *err)
{
	size_t more = cv->capacity ? 2 * cv->capacity : 64, size = row_size(cv) * sizeof(double);
	double *grown;

	if (cv->n == cv->capacity) {
		grown = more < SIZE_MAX / size ? realloc(cv->row, more * size) : NULL;
		if (!grown)
			return em_error_memory(err, more * size);
		cv->row = grown;
		cv->capacity = more;
	}
	*row = row_at(cv, cv->n++);
	for (size_t k = 0; k < row_size(cv); k++)
		(*row)[k] = NAN;
	return 0;
}

static int read_one(struct curve *cv, size_t k, const struct em_sample *s, double *v, double *u, struct em_error *err)
{
	const struct em_quantity *q = k < cv->ny ? &cv->y[k] : &cv->x;
	enum em_quantity_found found = em_quantity_read(q, &s->record, v, u);

	if (found == EM_QUANTITY_OTHER)
		return em_error_set(err, EM_ERROR_DATA, "sample %.200s: %.200s is no number", s->key, q->path);
	if (k < cv->ny)
		cv->best[k] = found > cv->best[k] ? found : cv->best[k];
	else
		cv->x_found = cv->x_found || !isnan(*v);
	return 0;
}

static int curve_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	struct curve *cv = plot->state;
	double *row, u;

	if (!cv->ny && choose(cv, &plot->opt, s, err))
		return -1;
	if (!cv->ny)
		return 0;
	/* samples that an earlier tool failed on: the curve must not run over them */
	if (cv->n && plot->seen > cv->last + 1 && add_row(cv, &row, err))
		return -1;
	if (add_row(cv, &row, err))
		return -1;
	cv->last = plot->seen;
	row[0] = (double)plot->seen;
	if (!cv->numbered && read_one(cv, cv->ny, s, &row[0], &u, err))
		return -1;
	for (size_t k = 0; k < cv->ny; k++)
		if (read_one(cv, k, s, &row[1 + 2 * k], &row[2 + 2 * k], err))
			return -1;
	return 0;
}

/* ---- what came ---- */

struct range {
	double lo, hi;
	bool any;
};

static void widen(struct range *r, double lo, double hi)
{
	r->lo = r->any ? fmin(r->lo, lo) : lo;
	r->hi = r->any ? fmax(r->hi, hi) : hi;
	r->any = true;
}

static bool is_point(const double *row, size_t k)
{
	return !isnan(row[0]) && !isnan(row[1 + 2 * k]);
}

/* Half the height of the band at a point; 0 for none. */
static double half_band(const double *row, size_t k, double factor)
{
	double half = factor * row[2 + 2 * k];

	return half > 0 ? fmin(half, EM_QUANTITY_LARGEST) : 0;
}

static void measure(const struct curve *cv, double factor, struct range *x, struct range *y)
{
	for (size_t i = 0; i < cv->n; i++)
		for (size_t k = 0; k < cv->ny; k++) {
			const double *row = row_at(cv, i);
			double v = row[1 + 2 * k], half = half_band(row, k, factor);

			if (is_point(row, k)) {
				widen(x, row[0], row[0]);
				widen(y, v - half, v + half);
			}
		}
}

static bool has_points(const struct curve *cv, size_t k)
{
	for (size_t i = 0; i < cv->n; i++)
		if (is_point(row_at(cv, i), k))
			return true;
	return false;
}

/* A path that no sample knows is a mistake, whatever the others give; one without values is told of. */
static int check(struct em_plot *plot, struct em_error *err)
{
	const struct curve *cv = plot->state;
	size_t empty = 0, at = 0;

	if (!cv->ny)
		return em_error_set(err, EM_ERROR_DATA, "no sample has fractions of phases (%s.*.fraction) to draw: "
		                    "name what to draw with -y", PHASES);
	for (size_t k = 0; k < cv->ny; k++)
		if (cv->best[k] == EM_QUANTITY_ABSENT)
			return em_error_set(err, EM_ERROR_DATA, "no sample's record has %.200s", cv->y[k].path);
	if (!cv->numbered && !cv->x_found)
		return em_error_set(err, EM_ERROR_DATA, "no sample's record has a number %.200s", cv->x.path);
	for (size_t k = 0; k < cv->ny; k++)
		if (!has_points(cv, k)) {
			empty++;
			at = k;
		}
	if (empty == cv->ny)
		return em_error_set(err, EM_ERROR_DATA, "nothing to draw: %.200s has no value in any sample",
		                    cv->y[0].path);
	if (empty)
		em_text_printf(&plot->note, "%s has no value in any sample%s", cv->y[at].path,
		               empty > 1 ? ", nor have others" : "");
	return 0;
}

/* ---- drawing ---- */

struct drawing {
	const struct curve *cv;
	struct em_axes axes;
	double factor;       /* of the uncertainties */
	double x_unit;       /* what x is divided by */
	double thick, dot;   /* of the lines; radius of points */
	bool dots;           /* few points: each is shown */
	double *xy;          /* scratch: room for twice the points */
	char (*name)[EM_QUANTITY_NAME];
};

static double x_of(const struct drawing *d, size_t i)
{
	return em_axes_x(&d->axes, row_at(d->cv, i)[0] / d->x_unit);
}

/* The points from i on that follow each other without a gap; with bands: that have one each. */
static size_t run_length(const struct drawing *d, size_t i, size_t k, bool bands)
{
	size_t n = 0;

	while (i + n < d->cv->n && is_point(row_at(d->cv, i + n), k) &&
	       (!bands || half_band(row_at(d->cv, i + n), k, d->factor) > 0))
		n++;
	return n;
}

/* Up along the upper edge, back along the lower one; a point by itself has a bar. */
static void draw_band(const struct drawing *d, struct em_canvas *c, size_t i, size_t n, size_t k)
{
	for (size_t j = 0; j < n; j++) {
		const double *row = row_at(d->cv, i + j);
		double v = row[1 + 2 * k], half = half_band(row, k, d->factor);

		d->xy[2 * j] = d->xy[2 * (2 * n - 1 - j)] = x_of(d, i + j);
		d->xy[2 * j + 1] = em_axes_y(&d->axes, v + half);
		d->xy[2 * (2 * n - 1 - j) + 1] = em_axes_y(&d->axes, v - half);
	}
	if (n > 1)
		em_canvas_polygon(c, d->xy, 2 * n, em_color_class(k), 0.22);
	else
		em_canvas_fill(c, (struct em_box){d->xy[0] - d->thick / 2, d->xy[1], d->thick, d->xy[3] - d->xy[1]},
		               em_color_class(k), 0.45);
}

static void draw_line(const struct drawing *d, struct em_canvas *c, size_t i, size_t n, size_t k)
{
	for (size_t j = 0; j < n; j++) {
		d->xy[2 * j] = x_of(d, i + j);
		d->xy[2 * j + 1] = em_axes_y(&d->axes, row_at(d->cv, i + j)[1 + 2 * k]);
		if (d->dots || n == 1)
			em_canvas_disc(c, d->xy[2 * j], d->xy[2 * j + 1], d->dot, em_color_class(k));
	}
	if (n > 1)
		em_canvas_polyline(c, d->xy, n, d->thick, em_color_class(k));
}

/* All bands first, so that none hides a line. */
static void draw_curves(const struct drawing *d, struct em_canvas *c)
{
	for (int bands = 1; bands >= 0; bands--)
		for (size_t k = 0; k < d->cv->ny; k++)
			for (size_t i = 0, n; i < d->cv->n; i += n ? n : 1) {
				n = run_length(d, i, k, bands);
				if (n && bands)
					draw_band(d, c, i, n, k);
				else if (n)
					draw_line(d, c, i, n, k);
			}
}

/* The names of the curves in lines above the plane, each behind a piece of its line.  Returns the height; draws where
 * `draw` is set. */
static double legend(const struct drawing *d, struct em_canvas *c, struct em_box box, double t, bool draw)
{
	double head = 2.1 * t, gap = 1.6 * t, row = round(1.5 * t), widest = 0, all = 0, x = box.x, y = box.y;
	char shown[EM_QUANTITY_NAME + 4];

	if (d->cv->ny < 2)
		return 0;
	for (size_t k = 0; k < d->cv->ny; k++) {
		double words = head + em_canvas_measure(c, t, false, d->name[k]) + gap;

		widest = fmin(fmax(widest, words), box.w + gap);
		all += words;
	}
	for (size_t k = 0; k < d->cv->ny; k++) {
		double middle = y + row / 2, wide;

		em_canvas_shorten(c, t, false, d->name[k], box.w - head, shown, sizeof(shown));
		/* in one line where they fit, else in columns */
		wide = all - gap <= box.w ? head + em_canvas_measure(c, t, false, shown) + gap : widest;
		if (draw) {
			em_canvas_fill(c, (struct em_box){x, middle - d->thick / 2, head - 0.5 * t, d->thick},
			               em_color_class(k), 1);
			em_canvas_text(c, x + head, middle + EM_CANVAS_CAP * t / 2, 0, t, false, EM_RGB_TEXT, shown);
		}
		x += wide;
		if (k + 1 < d->cv->ny && x + wide - gap > box.x + box.w + 1 && all - gap > box.w) {
			x = box.x;
			y += row;
		}
	}
	return y + row - box.y;
}

/* Times read better in hours or minutes where they are long. */
static void choose_x_unit(struct drawing *d, const struct range *x)
{
	d->x_unit = 1;
	d->axes.x.units = d->cv->numbered ? "" : d->cv->x.units;
	if (!strcmp(d->axes.x.units, "s"))
		d->x_unit = em_scale_time(fmax(fabs(x->lo), fabs(x->hi)), &d->axes.x.units);
}

static void choose_axes(struct drawing *d, const struct em_plot *plot)
{
	struct range x = {0}, y = {0};
	const double *asked = plot->opt.y_range;

	measure(d->cv, d->factor, &x, &y);
	choose_x_unit(d, &x);
	d->axes.x.whole = d->cv->numbered;
	em_axis_range_of(&d->axes.x, x.lo / d->x_unit, x.hi / d->x_unit, 0.015);
	em_axis_range_of(&d->axes.y, y.lo, y.hi, 0.05);
	if (asked[0] < asked[1]) {
		d->axes.y.lo = asked[0];
		d->axes.y.hi = asked[1];
	}
}

static const char *units_of_all(const struct curve *cv)
{
	for (size_t k = 1; k < cv->ny; k++)
		if (strcmp(cv->y[k].units, cv->y[0].units) != 0)
			return "";
	return cv->y[0].units;
}

static int describe(const struct drawing *d, struct em_canvas *c, const char *title, struct em_error *err)
{
	struct em_text text = {0};
	int status;

	for (size_t k = 0; k < d->cv->ny; k++) {
		struct range r = {0};

		for (size_t i = 0; i < d->cv->n; i++)
			if (is_point(row_at(d->cv, i), k))
				widen(&r, row_at(d->cv, i)[1 + 2 * k], row_at(d->cv, i)[1 + 2 * k]);
		em_text_printf(&text, "%s%s: ", k ? "; " : "", d->name[k]);
		em_text_printf(&text, r.any ? "%.4g to %.4g" : "no values", r.lo, r.hi);
	}
	status = em_text_check(&text, err) || em_canvas_describe(c, *title ? title : "curves", em_text_get(&text), err);
	em_text_release(&text);
	return status ? -1 : 0;
}

static int draw_page(struct drawing *d, const struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	const char *title = plot->opt.title ? plot->opt.title : "";
	double width = plot->opt.width ? (double)plot->opt.width : WIDTH, t = em_axes_text(width), gap = round(0.8 * t);
	struct em_page page = {.text = t, .gap = gap};
	struct em_box above = {0, 0, width, 0}, clip;

	above.h = legend(d, c, above, t, false);
	em_axes_layout(&d->axes, c, width, 2 * gap + (*title ? round(1.7 * t) : 0) + (above.h > 0 ? above.h + gap : 0));
	above.x = d->axes.plane.x;
	above.y = d->axes.plane.y - gap - above.h;
	d->thick = fmax(1.5, t / 7);
	d->dot = 1.6 * d->thick;
	d->dots = (double)d->cv->n * 5 * d->dot < width;
	if (describe(d, c, title, err) || em_canvas_begin(c, d->axes.width, d->axes.height, err))
		return -1;
	if (*title)
		page.title = (struct em_box){above.x, gap, d->axes.width - above.x - gap, 1.2 * t};
	em_page_title(c, &page, title);
	em_axes_draw(&d->axes, c);
	legend(d, c, above, t, true);
	/* a little more than the plane: points on its edge are whole */
	clip = d->axes.plane;
	clip = (struct em_box){clip.x - d->dot, clip.y - d->dot, clip.w + 2 * d->dot, clip.h + 2 * d->dot};
	em_canvas_clip(c, clip);
	draw_curves(d, c);
	em_canvas_unclip(c);
	return 0;
}

static int curve_draw(struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	const struct curve *cv = plot->state;
	char name[EM_PLOT_CURVES_MAX][EM_QUANTITY_NAME], what[EM_QUANTITY_NAME], x_name[EM_QUANTITY_NAME];
	struct drawing d = {.cv = cv, .factor = plot->opt.band, .name = name};
	int status;

	if (check(plot, err))
		return -1;
	d.xy = malloc(4 * cv->n * sizeof(double));
	if (!d.xy)
		return em_error_memory(err, 4 * cv->n * sizeof(double));
	em_quantity_names(cv->y, cv->ny, name, what);
	if (cv->ny == 1) {
		em_quantity_name(&cv->y[0], what);
		snprintf(name[0], sizeof(name[0]), "%s", what);
	}
	em_quantity_name(&cv->x, x_name);
	d.axes.x.what = cv->numbered ? "sample" : x_name;
	d.axes.y.what = what;
	d.axes.y.units = units_of_all(cv);
	choose_axes(&d, plot);
	status = draw_page(&d, plot, c, err);
	free(d.xy);
	return status;
}

static void curve_release(void *state)
{
	struct curve *cv = state;

	for (size_t k = 0; k < cv->ny; k++)
		em_quantity_release(&cv->y[k]);
	em_quantity_release(&cv->x);
	free(cv->row);
}

const struct em_plot_kind em_plot_curve = {
	.name = "curve",
	.purpose = "numbers of the records over time or samples, with their uncertainty",
	.state_size = sizeof(struct curve),
	.take = curve_take,
	.draw = curve_draw,
	.release = curve_release,
};
