/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/fine.h"
#include "eels/fine_model.h"
#include "eels/unmix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS_APART 4 /* at least, between the two lines */
#define SIGNIFICANT 3.0
#define PLAIN 5.0 /* standard errors, where the greatest of many is chosen */

/* A mean of channels of `around` eV about `ev`, and its variance. */
static double mean_about(const struct em_energy *e, const double *counts, const double *variance, double ev,
                         double around, double *mean_variance)
{
	double first = fmax(ceil(em_energy_channel(e, ev - around / 2)), 0),
	       last = fmin(floor(em_energy_channel(e, ev + around / 2)), (double)e->channels - 1);
	double sum = 0, v = 0, n = last - first + 1;

	for (size_t j = (size_t)first; (double)j <= last; j++) {
		sum += counts[j];
		v += variance[j];
	}
	*mean_variance = v / (n * n);
	return sum / n;
}

static int check_settings(const struct em_energy *e, const double *counts, const double *variance,
                          const struct em_fine_lines_settings *s, struct em_error *err)
{
	struct em_energy_span span;

	if (em_energy_span(e, &s->search, &span, err))
		return -1;
	if (!(s->apart >= CHANNELS_APART * e->scale))
		return em_error_set(err, EM_ERROR_USAGE, "lines %.9g eV apart need at least %d channels in between",
		                    s->apart, CHANNELS_APART);
	if (!(s->search.to - s->search.from > 1.5 * s->apart))
		return em_error_set(err, EM_ERROR_USAGE, "no room for lines %.9g eV apart in %.9g-%.9g eV", s->apart,
		                    s->search.from, s->search.to);
	return em_fine_check(e, counts, variance, &span, err);
}

/* How far from the middle of three the parabola through them has its extreme, in their distance: at most half of it. */
static double extreme(double before, double at, double after)
{
	double bend = before - 2 * at + after;

	return bend != 0 ? fmax(-0.5, fmin(0.5, (before - after) / (2 * bend))) : 0;
}

/* The lines' smoothed counts where the first is at ev, and the variance of that. */
static double both_lines(const struct em_energy *e, const double *counts, const double *variance, double ev,
                         double apart, double *sum_variance)
{
	double v1, v2,
	    sum = mean_about(e, counts, variance, ev, apart / 2, &v1) +
	          mean_about(e, counts, variance, ev + apart, apart / 2, &v2);

	*sum_variance = v1 + v2;
	return sum;
}

/* Where the counts, smoothed over `around`, are least within so much of the middle. */
static double valley(const struct em_energy *e, const double *counts, const double *variance, double middle,
                     double around)
{
	double least = INFINITY, at = middle, unused;

	for (double ev = middle - around; ev <= middle + around; ev += e->scale) {
		double mean = mean_about(e, counts, variance, ev, around, &unused);
		if (mean < least) {
			least = mean;
			at = ev;
		}
	}
	return at;
}

int em_fine_lines_place(const struct em_energy *e, const double *counts, const double *variance,
                        const struct em_fine_lines_settings *s, struct em_fine_lines_windows *windows,
                        struct em_error *err)
{
	double best = -INFINITY, at = 0, noise = 0, apart = s->apart, end = em_energy_at(e, (double)e->channels),
	       middle, unused;

	if (check_settings(e, counts, variance, s, err))
		return -1;
	for (double ev = s->search.from + apart / 4; ev + 1.25 * apart <= s->search.to; ev += e->scale) {
		double sum_variance, sum = both_lines(e, counts, variance, ev, apart, &sum_variance);

		if (sum > best) {
			best = sum;
			at = ev;
			noise = sqrt(sum_variance);
		}
	}
	if (!(best > PLAIN * noise))
		return em_error_set(err, EM_ERROR_DATA, "no edge in %.9g-%.9g eV: its channels are noise",
		                    s->search.from, s->search.to);
	if (at - apart < e->offset || at + 3 * apart > end)
		return em_error_set(err, EM_ERROR_DATA, "the lines at %.4g and %.4g eV are too near to the axis's end",
		                    at, at + apart);
	if (at - apart / 4 - e->scale > s->search.from && at + 1.25 * apart + e->scale < s->search.to)
		at += e->scale * extreme(both_lines(e, counts, variance, at - e->scale, apart, &unused), best,
		                         both_lines(e, counts, variance, at + e->scale, apart, &unused));
	middle = valley(e, counts, variance, at + apart / 2, apart / 4);
	*windows = (struct em_fine_lines_windows){.first = {at - apart, middle},
	                                          .second = {middle, at + 2 * apart},
	                                          .after = {at + 2 * apart, fmin(at + 4 * apart, end)},
	                                          .position = {at, at + apart}};
	return 0;
}

/* A window with fractions of channels at its ends: it moves smoothly with the lines.  In whole channels it is that of
 * em_energy_span. */
struct part {
	double first, end; /* channels, of which j reaches from j to j + 1 */
};

static double share_of(const struct part *p, size_t j)
{
	return fmax(0, fmin(p->end, (double)j + 1) - fmax(p->first, (double)j));
}

static double sum_of(const double *x, const struct part *p, int power)
{
	double sum = 0;

	for (size_t j = (size_t)p->first; (double)j < p->end; j++)
		sum += x[j] * pow(share_of(p, j), power);
	return sum;
}

/* How many whole steps the part holds. */
static double whole_steps(const struct em_energy *e, const struct part *p, const struct em_fine_lines_windows *w,
                          double share)
{
	double steps = 0;

	for (int line = 0; line < 2; line++) {
		double from = fmax(em_energy_channel(e, w->position[line]) + 0.5, p->first);

		steps += fmax(0, p->end - from) * (line ? 1 - share : share);
	}
	return steps;
}

/* The two lines above their steps: area = sum of the window's counts - steps x the mean of `after`. */
struct lines {
	struct part part[3];
	double area[2], variance[2], steps[2], after, after_variance;
};

static int place_parts(const struct em_energy *e, const double *counts, const double *variance,
                       const struct em_fine_lines_windows *w, struct part part[3], struct em_error *err)
{
	const struct em_energy_window *const window[3] = {&w->first, &w->second, &w->after};
	struct em_energy_span span;
	double n = (double)e->channels;

	for (int i = 0; i < 3; i++) {
		if (em_energy_span(e, window[i], &span, err) || em_fine_check(e, counts, variance, &span, err))
			return -1;
		part[i].first = fmax(0, fmin(n, em_energy_channel(e, window[i]->from)));
		part[i].end = fmax(part[i].first, fmin(n, em_energy_channel(e, window[i]->to)));
	}
	return 0;
}

static int sum_lines(const struct em_energy *e, const double *counts, const double *variance,
                     const struct em_fine_lines_windows *w, double first_share, struct lines *l, struct em_error *err)
{
	double share = first_share > 0 ? first_share : 2.0 / 3, channels;

	if (place_parts(e, counts, variance, w, l->part, err))
		return -1;
	channels = l->part[2].end - l->part[2].first;
	l->after = sum_of(counts, &l->part[2], 1) / channels;
	l->after_variance = sum_of(variance, &l->part[2], 2) / (channels * channels);
	for (int i = 0; i < 2; i++) {
		double steps = whole_steps(e, &l->part[i], w, share);

		l->steps[i] = steps;
		l->area[i] = sum_of(counts, &l->part[i], 1) - steps * l->after;
		l->variance[i] = sum_of(variance, &l->part[i], 2);
		if (!(l->area[i] > SIGNIFICANT * sqrt(l->variance[i] + steps * steps * l->after_variance)))
			return em_error_set(err, EM_ERROR_DATA, "no white line above the step at %.4g eV: %.3g counts",
			                    w->position[i], l->area[i]);
	}
	return 0;
}

int em_fine_lines_ratio(const struct em_energy *e, const double *counts, const double *variance,
                        const struct em_fine_lines_windows *w, double first_share, struct em_fine_value *ratio,
                        struct em_error *err)
{
	struct lines l;
	double r;

	if (sum_lines(e, counts, variance, w, first_share, &l, err))
		return -1;
	r = l.area[0] / l.area[1];
	/* windows that share no channel but the one that their border cuts; the step is common to both */
	*ratio = (struct em_fine_value){
	    r, sqrt(l.variance[0] + r * r * l.variance[1] + pow(l.steps[0] - r * l.steps[1], 2) * l.after_variance) /
	           l.area[1]};
	return 0;
}

int em_fine_lines_ratio_slopes(const struct em_energy *e, const double *counts, const double *variance,
                               const struct em_fine_lines_windows *w, double first_share, double *slope,
                               struct em_error *err)
{
	struct lines l;
	double r, each[3];

	if (sum_lines(e, counts, variance, w, first_share, &l, err))
		return -1;
	r = l.area[0] / l.area[1];
	each[0] = 1 / l.area[1];
	each[1] = -r / l.area[1];
	each[2] = (r * l.steps[1] - l.steps[0]) / l.area[1] / (l.part[2].end - l.part[2].first);
	memset(slope, 0, e->channels * sizeof(*slope));
	for (int i = 0; i < 3; i++)
		for (size_t j = (size_t)l.part[i].first; (double)j < l.part[i].end; j++)
			slope[j] += each[i] * share_of(&l.part[i], j);
	return 0;
}

/* Starts to try: both lines alike. */
struct trial {
	double first, apart, splitting, width;
};

/* reference[peaks + 1][points]: the step and the peaks of a trial. */
static void draw(const struct em_fine_model *m, const struct trial *t, double *reference)
{
	size_t each = m->peaks / 2;

	for (size_t i = 0; i < m->points; i++) {
		double d = m->ev[i] - t->first, k = 1.665 / t->width, middle = each > 1 ? t->splitting / 2 : 0;

		reference[i] = 0.5 * (m->first_share * erfc(-k * (d - middle)) +
		                      (1 - m->first_share) * erfc(-k * (d - middle - t->apart)));
		for (size_t p = 0; p < m->peaks; p++)
			reference[(p + 1) * m->points + i] =
			    m->channel *
			    em_fine_gauss(d - (p >= each) * t->apart - (p % each ? t->splitting : 0), t->width);
	}
}

/* Is it better than the best so far, with every peak there? */
static void try_start(const struct em_fine_model *m, const struct trial *t, double *reference, double *best,
                      struct em_fine_fit *fit)
{
	const struct em_unmix u = {reference, m->peaks + 1, m->points};
	struct em_unmix_quality q;
	double amount[EM_FINE_PEAKS_MAX + 1];
	size_t each = m->peaks / 2;

	draw(m, t, reference);
	if (em_unmix_fit(&u, m->counts, m->variance, amount, NULL, &q, NULL) || !(q.chi2 < *best))
		return;
	for (size_t p = 0; p < m->peaks; p++)
		if (amount[p + 1] <= 0)
			return;
	*best = q.chi2;
	fit->step.value = amount[0];
	for (size_t p = 0; p < m->peaks; p++) {
		fit->peak[p].position.value = t->first + (p >= each) * t->apart + (p % each ? t->splitting : 0);
		fit->peak[p].width.value = t->width;
		fit->peak[p].area.value = amount[p + 1];
	}
}

/* The best of a grid: the first peak's place, the lines' distance, the splitting, and a width for all. */
static int begin(const struct em_fine_model *m, const struct em_fine_lines_settings *s, double line,
                 struct em_fine_fit *fit, struct em_error *err)
{
	double *reference = malloc((m->peaks + 1) * m->points * sizeof(*reference)), best = INFINITY;
	const int places = 10, distances = 3, splittings = s->split ? 5 : 1, widths = 4;

	if (!reference)
		return em_error_memory(err, (m->peaks + 1) * m->points * sizeof(*reference));
	for (int n = 0; n < places * distances * splittings * widths; n++) {
		int place = n % places, distance = n / places % distances,
		    splitting = n / (places * distances) % splittings, width = n / (places * distances * splittings);
		const struct trial t = {
		    .first = line + s->apart * ((s->split ? -0.55 : -0.33) + 0.07 * place),
		    .apart = s->apart * (0.85 + 0.1 * distance),
		    .splitting = s->apart * (0.16 + 0.09 * splitting),
		    .width = fmax(s->apart / 16 * (1 << width), 1.5 * m->channel),
		};

		try_start(m, &t, reference, &best, fit);
	}
	free(reference);
	return isfinite(best)
	           ? 0
	           : em_error_set(err, EM_ERROR_DATA, "nothing like %zu peaks around %.4g eV", m->peaks, line);
}

/* Is each peak there, where it belongs? */
static int check_peaks(const struct em_energy *e, const struct em_fine_fit *f, const struct em_fine_lines_windows *w,
                       struct em_error *err)
{
	for (size_t i = 0; i < f->peaks; i++) {
		const struct em_fine_peak *p = &f->peak[i];
		const struct em_energy_window *in = i < f->peaks / 2 ? &w->first : &w->second;

		if (!(p->area.value > SIGNIFICANT * p->area.error))
			return em_error_set(err, EM_ERROR_DATA, "no peak at %.5g eV: its area is %.3g +- %.3g",
			                    p->position.value, p->area.value, p->area.error);
		if (!(p->position.value > in->from && p->position.value < in->to) || p->width.value < e->scale)
			return em_error_set(err, EM_ERROR_DATA,
			                    "a peak went to %.5g eV and a width of %.3g: not one of its line's",
			                    p->position.value, p->width.value);
	}
	return 0;
}

static int describe(struct em_fine_lines *l, struct em_error *err)
{
	size_t each = l->fit.peaks / 2;

	l->ratio = em_fine_area_ratio(&l->fit, 0, each, each, each);
	for (size_t line = 0; line < 2; line++) {
		const struct em_fine_peak *p = l->fit.peak + line * each;

		l->splitting[line] = (struct em_fine_value){NAN, NAN};
		if (each < 2)
			continue;
		l->splitting[line] = em_fine_distance(&l->fit, 2 * line, 2 * line + 1);
		if (!(l->splitting[line].value > SIGNIFICANT * l->splitting[line].error))
			return em_error_set(err, EM_ERROR_DATA, "no splitting is resolved at %.5g eV: %.3g +- %.3g eV",
			                    p->position.value, l->splitting[line].value, l->splitting[line].error);
	}
	return 0;
}

static struct em_fine_model model_of(const struct em_energy *e, const struct em_fine_lines_settings *s, size_t peaks)
{
	return (struct em_fine_model){.peaks = peaks,
	                              .stepped = true,
	                              .same_width = s->same_width,
	                              .first_share = s->first_share > 0 ? s->first_share : 2.0 / 3,
	                              .shape = s->shape,
	                              .step = s->step,
	                              .channel = e->scale};
}

void em_fine_lines_curve(const struct em_energy *e, const struct em_fine_lines_settings *s,
                         const struct em_fine_lines *lines, double *curve)
{
	const struct em_fine_model m = model_of(e, s, lines->fit.peaks);

	for (size_t j = 0; j < e->channels; j++)
		curve[j] = em_fine_model_at(&m, &lines->fit, em_energy_at(e, (double)j));
}

/* The model with the channels that are fitted; *ev is to be freed, also after an error. */
static int model_on(const struct em_energy *e, const double *counts, const double *variance,
                    const struct em_fine_lines_settings *s, size_t peaks, struct em_fine_lines_windows *w,
                    struct em_energy_span *span, struct em_fine_model *m, double **ev, struct em_error *err)
{
	*ev = NULL;
	if (em_fine_lines_place(e, counts, variance, s, w, err))
		return -1;
	const struct em_energy_window whole = {w->first.from, w->second.to};
	if (em_energy_span(e, &whole, span, err) || em_fine_check(e, counts, variance, span, err))
		return -1;
	*ev = malloc(span->count * sizeof(**ev));
	if (!*ev)
		return em_error_memory(err, span->count * sizeof(**ev));
	for (size_t j = 0; j < span->count; j++)
		(*ev)[j] = em_energy_at(e, (double)(span->first + j));
	*m = model_of(e, s, peaks);
	m->points = span->count;
	m->ev = *ev;
	m->counts = counts + span->first;
	m->variance = variance + span->first;
	return 0;
}

int em_fine_lines_fit(const struct em_energy *e, const double *counts, const double *variance,
                      const struct em_fine_lines_settings *s, const struct em_fine_lines *start,
                      struct em_fine_lines *lines, struct em_error *err)
{
	struct em_fine_lines_windows w;
	struct em_energy_span span;
	struct em_fine_lines l = {.fit.peaks = s->split ? 4 : 2};
	struct em_fine_model m;
	double *ev;
	int status = model_on(e, counts, variance, s, l.fit.peaks, &w, &span, &m, &ev, err);

	if (!status && start && start->fit.peaks == l.fit.peaks)
		l = *start;
	else if (!status)
		status = begin(&m, s, w.position[0], &l.fit, err);
	status = status || em_fine_model_fit(&m, &l.fit, err) || check_peaks(e, &l.fit, &w, err) || describe(&l, err)
	             ? -1
	             : 0;
	free(ev);
	if (!status)
		*lines = l;
	return status;
}

int em_fine_lines_splitting_slopes(const struct em_energy *e, const double *counts, const double *variance,
                                   const struct em_fine_lines_settings *s, const struct em_fine_lines *lines,
                                   double *slope, struct em_error *err)
{
	struct em_fine_lines_windows w;
	struct em_energy_span span;
	struct em_fine_model m;
	double *ev;
	int status;

	if (lines->fit.peaks != 4)
		return em_error_set(err, EM_ERROR_USAGE, "lines that are not split have no splitting");
	status = model_on(e, counts, variance, s, lines->fit.peaks, &w, &span, &m, &ev, err);
	memset(slope, 0, e->channels * sizeof(*slope));
	if (!status)
		status = em_fine_model_distance_slopes(&m, &lines->fit, 0, 1, slope + span.first, err);
	free(ev);
	return status;
}
