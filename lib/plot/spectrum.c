/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A spectrum over energy (of many spectra their mean), with the edges, windows and backgrounds of eelsquant. */
#include "plot/axes.h"
#include "plot/kind.h"
#include "plot/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 800 /* of the plane, px, unless the user says otherwise */
#define EDGES 32  /* labelled at most */

static const struct em_rgb line_color = {40, 40, 40}, fit_color = {150, 150, 150};

struct edge {
	char name[32];
	double onset;               /* NAN: not known */
	double fit[2], signal[2];   /* eV; equal: none */
	double amplitude, exponent; /* of all spectra together, counts an eV: amplitude E^-exponent; NAN: none */
};

struct spectrum {
	char *key;     /* of the sample drawn; NULL until it comes */
	size_t passed; /* samples not drawn */
	size_t channels, spectra;
	double summed;   /* spectra that amplitudes are of */
	double *mean;    /* counts, of those that are numbers; owned */
	double *band[2]; /* its interval, [channels] each; owned; NULL: none */
	struct em_axis energy;
	double ev; /* in its unit */
	struct edge edge[EDGES];
	size_t nedges;
};

/* ---- what came ---- */

/* To be freed. */
static double *mean_of(const struct em_array *a, size_t channels, struct em_error *err)
{
	size_t spectra = em_array_count(a) / channels;
	double *mean = calloc(channels, sizeof(*mean));

	if (!mean)
		em_error_memory(err, channels * sizeof(*mean));
	for (size_t k = 0; mean && k < channels; k++) {
		size_t used = 0;

		for (size_t i = 0; i < spectra; i++) {
			double v = em_array_get(a, i * channels + k);

			used += isfinite(v) ? 1 : 0;
			mean[k] += isfinite(v) ? v : 0;
		}
		mean[k] = used ? mean[k] / (double)used : NAN;
	}
	return mean;
}

static int take_mean(struct spectrum *sp, const struct em_array *a, struct em_error *err)
{
	size_t channels = a->ndim ? a->shape[a->ndim - 1] : 0;

	if (channels < 2)
		return em_error_set(err, EM_ERROR_DATA, "no spectrum: less than two channels");
	sp->mean = mean_of(a, channels, err);
	if (!sp->mean)
		return -1;
	sp->channels = channels;
	sp->spectra = em_array_count(a) / channels;
	sp->energy = a->axis[a->ndim - 1];
	sp->ev = !strcmp(sp->energy.units, "keV") ? 1e3 : !strcmp(sp->energy.units, "meV") ? 1e-3 : 1;
	return 0;
}

/* Arrays NAME-low and NAME-high, as eelsforecast makes them. */
static int take_band(struct spectrum *sp, const struct em_sample *s, const char *name, struct em_error *err)
{
	static const char *const ends[2] = {"low", "high"};

	for (int k = 0; k < 2; k++) {
		struct em_array a = {0};
		char array[80], member[96];
		int status = 0;

		snprintf(array, sizeof(array), "%.64s-%s", name, ends[k]);
		snprintf(member, sizeof(member), "%s.npy", array);
		if (!em_sample_member(s, member))
			return 0;
		if (em_sample_array(s, array, &a, err))
			return -1;
		if (em_array_count(&a) != sp->spectra * sp->channels)
			status = em_error_set(err, EM_ERROR_DATA, "%s has another shape than %s", array, name);
		else if (!(sp->band[k] = mean_of(&a, sp->channels, err)))
			status = -1;
		em_array_release(&a);
		if (status)
			return -1;
	}
	return 0;
}

static double number(const struct em_json *node, const char *name)
{
	double v = NAN;

	return em_json_number(em_json_get(node, name), &v) ? v : NAN;
}

/* A window in the unit of the axis; both ends 0: none. */
static void read_window(const struct spectrum *sp, const struct em_json *node, const char *name, double window[2])
{
	bool there = em_json_numbers(em_json_get(node, name), window, 2) == 2;

	for (int i = 0; i < 2; i++)
		window[i] = there ? window[i] / sp->ev : 0;
}

static void take_edges(struct spectrum *sp, const struct em_record *r)
{
	struct em_json *tree = em_record_tree(r, "eels");
	const struct em_json *node = em_json_first(em_json_get(tree, "edges"));
	double left_out = number(tree, "left_out");

	sp->summed = (double)sp->spectra - (left_out < (double)sp->spectra ? left_out : 0);

	for (; node && sp->nedges < EDGES; node = em_json_next(node)) {
		struct edge *e = &sp->edge[sp->nedges];

		if (!em_json_name(node) || !em_json_is_object(node))
			continue;
		e->onset = number(node, "onset_ev") / sp->ev;
		e->amplitude = number(node, "amplitude");
		e->exponent = number(node, "exponent");
		snprintf(e->name, sizeof(e->name), "%s", em_json_name(node));
		read_window(sp, node, "fit_ev", e->fit);
		read_window(sp, node, "signal_ev", e->signal);
		sp->nedges++;
	}
	em_json_free(tree);
}

/* Of an array of rows, as a forecast's path: its last dimension is the sample's energy where it is as long. */
static void take_axis(struct em_array *a, const struct em_sample *s)
{
	struct em_array view, owned = {0};
	struct em_error none;
	int last = a->ndim - 1;

	em_record_get_axes(&s->record, a);
	if (*a->axis[last].units || em_sample_data(s, &view, &owned, &none))
		return;
	if (view.ndim > 0 && view.shape[view.ndim - 1] == a->shape[last])
		a->axis[last] = view.axis[view.ndim - 1];
	em_array_release(&owned);
}

static int spectrum_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err)
{
	struct spectrum *sp = plot->state;
	struct em_array view, owned = {0};
	int status;

	if (sp->key || !em_plot_wants(plot, s)) {
		sp->passed++;
		return 0;
	}
	if (plot->opt.array) {
		status = em_sample_array(s, plot->opt.array, &owned, err);
		if (!status && owned.ndim > 0)
			take_axis(&owned, s);
		view = owned;
	} else {
		status = em_sample_data(s, &view, &owned, err);
	}
	if (!status)
		status = take_mean(sp, &view, err);
	if (!status && plot->opt.array)
		status = take_band(sp, s, plot->opt.array, err);
	em_array_release(&owned);
	if (status)
		return em_error_prefix(err, "sample %.200s: ", s->key);
	take_edges(sp, &s->record);
	sp->key = strdup(s->key);
	return sp->key ? 0 : em_error_memory(err, strlen(s->key));
}

/* ---- drawing ---- */

static double energy_at(const struct spectrum *sp, double channel)
{
	return sp->energy.offset + sp->energy.scale * channel;
}

/* The channels that are shown: first .. last, both within. */
static int choose_x(const struct spectrum *sp, const double asked[2], struct em_axes *axes, struct em_error *err)
{
	double a = energy_at(sp, 0), b = energy_at(sp, (double)(sp->channels - 1));

	axes->x.lo = fmin(a, b);
	axes->x.hi = fmax(a, b);
	if (asked[0] < asked[1]) {
		if (asked[1] <= axes->x.lo || asked[0] >= axes->x.hi)
			return em_error_set(err, EM_ERROR_DATA,
			                    "nothing of the spectrum (%.6g to %.6g %s) lies "
			                    "between %.6g and %.6g",
			                    axes->x.lo, axes->x.hi, sp->energy.units, asked[0], asked[1]);
		axes->x.lo = asked[0];
		axes->x.hi = asked[1];
	}
	return axes->x.lo < axes->x.hi ? 0 : em_error_set(err, EM_ERROR_DATA, "the energy axis has no extent");
}

static int choose_y(const struct spectrum *sp, const double asked[2], struct em_axes *axes, struct em_error *err)
{
	double lo = INFINITY, hi = -INFINITY;

	for (size_t k = 0; k < sp->channels; k++) {
		double e = energy_at(sp, (double)k), v[3] = {sp->mean[k], sp->mean[k], sp->mean[k]};

		if (sp->band[1]) {
			v[1] = sp->band[0][k];
			v[2] = sp->band[1][k];
		}
		for (int i = 0; i < 3 && e >= axes->x.lo && e <= axes->x.hi; i++)
			if (fabs(v[i]) <= 1e100) {
				lo = fmin(lo, v[i]);
				hi = fmax(hi, v[i]);
			}
	}
	if (!(lo <= hi))
		return em_error_set(err, EM_ERROR_DATA, "no channel that would be shown has a number");
	/* counts are seen best from zero, with room for the labels above */
	em_axis_range_of(&axes->y, lo > 0 && lo < 0.7 * hi ? 0 : lo, hi, 0.02);
	axes->y.hi += 0.12 * (axes->y.hi - axes->y.lo);
	if (asked[0] < asked[1]) {
		axes->y.lo = asked[0];
		axes->y.hi = asked[1];
	}
	return 0;
}

static void shade(const struct em_axes *a, struct em_canvas *c, const double window[2], struct em_rgb color,
                  double alpha)
{
	double x0 = em_axes_x(a, window[0]), x1 = em_axes_x(a, window[1]);

	if (window[0] < window[1])
		em_canvas_fill(c, (struct em_box){x0, a->plane.y, x1 - x0, a->plane.h}, color, alpha);
}

/* Over the window where it was fitted and the one where it was taken off. */
static void draw_background(const struct spectrum *sp, const struct em_axes *a, struct em_canvas *c,
                            const struct edge *e, double thick)
{
	enum { POINTS = 64 };
	double xy[2 * POINTS], from = e->fit[0], to = fmax(e->fit[1], e->signal[1]);
	double share = fabs(sp->energy.scale) * sp->ev / sp->summed; /* a channel's, of one spectrum */

	if (!(from > 0) || !(from < to) || !isfinite(e->amplitude) || !isfinite(e->exponent))
		return;
	for (int i = 0; i < POINTS; i++) {
		double at = from + (to - from) * i / (POINTS - 1);

		xy[2 * i] = em_axes_x(a, at);
		xy[2 * i + 1] = em_axes_y(a, share * e->amplitude * pow(at * sp->ev, -e->exponent));
	}
	em_canvas_polyline(c, xy, POINTS, thick, em_color_class(1));
}

static void draw_line(const struct spectrum *sp, const struct em_axes *a, struct em_canvas *c, double *xy, double thick)
{
	size_t n = 0;

	for (size_t k = 0; k <= sp->channels; k++) {
		bool gap = k == sp->channels || !isfinite(sp->mean[k]);

		if (gap && n > 1)
			em_canvas_polyline(c, xy, n, thick, line_color);
		if (gap) {
			n = 0;
			continue;
		}
		xy[2 * n] = em_axes_x(a, energy_at(sp, (double)k));
		xy[2 * n++ + 1] = em_axes_y(a, sp->mean[k]);
	}
}

/* In pieces, each between gaps: to the right along one end, back along the other. */
static void draw_band(const struct spectrum *sp, const struct em_axes *a, struct em_canvas *c, double *xy)
{
	size_t n = 0;

	for (size_t k = 0; k <= sp->channels; k++) {
		bool gap = k == sp->channels || !isfinite(sp->band[0][k] + sp->band[1][k]);

		if (!gap) {
			xy[2 * n] = em_axes_x(a, energy_at(sp, (double)k));
			xy[2 * n++ + 1] = em_axes_y(a, sp->band[0][k]);
		}
		if (!gap || !n)
			continue;
		for (size_t i = 0; i < n; i++) {
			xy[2 * (n + i)] = xy[2 * (n - 1 - i)];
			xy[2 * (n + i) + 1] = em_axes_y(a, sp->band[1][k - 1 - i]);
		}
		em_canvas_polygon(c, xy, 2 * n, em_color_class(0), 0.35);
		n = 0;
	}
}

/* Names at the top of the plane, each beside a thin line at its onset, in as many rows as they need. */
static void draw_names(const struct spectrum *sp, const struct em_axes *a, struct em_canvas *c)
{
	double free_from[3] = {-INFINITY, -INFINITY, -INFINITY}, row = 1.35 * a->text, gap = 0.3 * a->text;

	for (size_t i = 0; i < sp->nedges; i++) {
		const struct edge *e = &sp->edge[i];
		double at = isnan(e->onset) ? e->signal[0] : e->onset, x = em_axes_x(a, at);
		double wide = em_canvas_measure(c, a->text, false, e->name), left = x + gap;
		size_t k = 0;

		if (!(at > a->x.lo && at < a->x.hi))
			continue;
		if (left + wide > a->plane.x + a->plane.w)
			left = x - gap - wide;
		while (k < 2 && left < free_from[k])
			k++;
		em_canvas_fill(c, (struct em_box){x - a->line / 2, a->plane.y, a->line, a->plane.h}, em_color_class(0),
		               0.7);
		em_canvas_text(c, left, a->plane.y + row * (double)(k + 1) - gap, 0, a->text, false, em_color_class(0),
		               e->name);
		free_from[k] = left + wide + 2 * gap;
	}
}

static void draw_plane(const struct spectrum *sp, const struct em_axes *a, struct em_canvas *c, double *xy)
{
	double thick = fmax(1.5, a->text / 8);

	em_canvas_clip(c, a->plane);
	for (size_t i = 0; i < sp->nedges; i++) {
		shade(a, c, sp->edge[i].fit, fit_color, 0.25);
		shade(a, c, sp->edge[i].signal, em_color_class(0), 0.18);
	}
	if (sp->band[1])
		draw_band(sp, a, c, xy);
	draw_line(sp, a, c, xy, thick);
	for (size_t i = 0; i < sp->nedges; i++)
		draw_background(sp, a, c, &sp->edge[i], thick);
	draw_names(sp, a, c);
	em_canvas_unclip(c);
}

static int describe(const struct spectrum *sp, struct em_canvas *c, const char *title, struct em_error *err)
{
	struct em_text text = {0};
	int status;

	em_text_printf(&text, "%zu channels from %.6g to %.6g %s", sp->channels, energy_at(sp, 0),
	               energy_at(sp, (double)(sp->channels - 1)), sp->energy.units);
	if (sp->spectra > 1)
		em_text_printf(&text, ", mean of %zu spectra", sp->spectra);
	if (sp->band[1])
		em_text_append(&text, ", with an interval");
	for (size_t i = 0; i < sp->nedges; i++)
		em_text_printf(&text, "%s%s", i ? ", " : "; edges: ", sp->edge[i].name);
	status =
	    em_text_check(&text, err) || em_canvas_describe(c, *title ? title : "spectrum", em_text_get(&text), err);
	em_text_release(&text);
	return status ? -1 : 0;
}

static int draw_page(const struct em_plot *plot, struct em_canvas *c, double *xy, struct em_error *err)
{
	const struct spectrum *sp = plot->state;
	const char *title = plot->opt.title ? plot->opt.title : sp->key;
	double width = plot->opt.width ? (double)plot->opt.width : WIDTH, t = em_axes_text(width), gap = round(0.8 * t);
	struct em_axes axes = {.x = {.what = *sp->energy.name ? sp->energy.name : "channel", .units = sp->energy.units},
	                       .y = {.what = plot->opt.array ? plot->opt.array : "counts", .units = ""}};
	struct em_page page = {.text = t, .gap = gap};

	if (choose_x(sp, plot->opt.x_range, &axes, err) || choose_y(sp, plot->opt.y_range, &axes, err))
		return -1;
	em_axes_layout(&axes, c, width, 2 * gap + (*title ? round(1.7 * t) : 0));
	if (describe(sp, c, title, err) || em_canvas_begin(c, axes.width, axes.height, err))
		return -1;
	if (*title)
		page.title = (struct em_box){axes.plane.x, gap, axes.width - axes.plane.x - gap, 1.2 * t};
	em_page_title(c, &page, title);
	em_axes_draw(&axes, c);
	draw_plane(sp, &axes, c, xy);
	return 0;
}

static int spectrum_draw(struct em_plot *plot, struct em_canvas *c, struct em_error *err)
{
	const struct spectrum *sp = plot->state;
	double *xy;
	int status;

	if (!sp->key)
		return em_plot_missing(plot, err);
	xy = malloc(4 * sp->channels * sizeof(double));
	if (!xy)
		return em_error_memory(err, 4 * sp->channels * sizeof(double));
	status = draw_page(plot, c, xy, err);
	free(xy);
	em_plot_note_passed(plot, sp->key, sp->passed);
	return status;
}

static void spectrum_release(void *state)
{
	struct spectrum *sp = state;

	free(sp->key);
	free(sp->mean);
	free(sp->band[0]);
	free(sp->band[1]);
}

const struct em_plot_kind em_plot_spectrum = {
    .name = "spectrum",
    .purpose = "one spectrum, or the mean of many, with the edges that were quantified",
    .state_size = sizeof(struct spectrum),
    .take = spectrum_take,
    .draw = spectrum_draw,
    .release = spectrum_release,
};
