/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/fine.h"
#include "eels/fine_model.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIGNIFICANT 3.0

int em_fine_windows_ratio(const struct em_energy *e, const double *counts, const double *variance,
                          const struct em_energy_window *a, const struct em_energy_window *b,
                          struct em_fine_value *ratio, double *slope, struct em_error *err)
{
	struct em_energy_span s[2];
	double area[2] = {0}, v[2] = {0}, common = 0, r;

	for (int i = 0; i < 2; i++) {
		if (em_energy_span(e, i ? b : a, &s[i], err) || em_fine_check(e, counts, variance, &s[i], err))
			return -1;
		for (size_t j = s[i].first; j < s[i].first + s[i].count; j++) {
			area[i] += counts[j];
			v[i] += variance[j];
			common += i && j - s[0].first < s[0].count ? variance[j] : 0;
		}
	}
	if (!(area[1] > SIGNIFICANT * sqrt(v[1])))
		return em_error_set(err, EM_ERROR_DATA, "nothing to compare with in %.9g-%.9g eV: %.3g +- %.3g counts",
		                    b->from, b->to, area[1], sqrt(v[1]));
	r = area[0] / area[1];
	*ratio = (struct em_fine_value){r, sqrt(v[0] + r * r * v[1] - 2 * r * common) / area[1]};
	if (!slope)
		return 0;
	memset(slope, 0, e->channels * sizeof(*slope));
	for (int i = 0; i < 2; i++)
		for (size_t j = s[i].first; j < s[i].first + s[i].count; j++)
			slope[j] += (i ? -r : 1) / area[1];
	return 0;
}

struct em_fine_value em_fine_area_ratio(const struct em_fine_fit *f, size_t a, size_t na, size_t b, size_t nb)
{
	double above = 0, below = 0, v = 0, r;

	for (size_t i = a; i < a + na; i++)
		above += f->peak[i].area.value;
	for (size_t i = b; i < b + nb; i++)
		below += f->peak[i].area.value;
	r = above / below;
	/* of above - r below, each peak with what it counts in that */
	for (size_t i = 0; i < f->peaks; i++)
		for (size_t k = 0; k < f->peaks; k++) {
			double wi = (i - a < na) - r * (i - b < nb), wk = (k - a < na) - r * (k - b < nb);
			v += wi * wk * f->area_covariance[i * f->peaks + k];
		}
	return (struct em_fine_value){r, sqrt(fmax(v, 0)) / fabs(below)};
}

struct em_fine_value em_fine_distance(const struct em_fine_fit *f, size_t a, size_t b)
{
	const double *c = f->position_covariance;
	double v = c[a * f->peaks + a] + c[b * f->peaks + b] - 2 * c[a * f->peaks + b];

	return (struct em_fine_value){f->peak[b].position.value - f->peak[a].position.value, sqrt(fmax(v, 0))};
}

/* The channels of all windows, each once. */
struct points {
	size_t count;
	double *ev, *counts, *variance;
};

static int collect(const struct em_energy *e, const double *counts, const double *variance,
                   const struct em_energy_span *span, size_t windows, struct points *p, struct em_error *err)
{
	p->ev = malloc(3 * e->channels * sizeof(*p->ev));
	if (!p->ev)
		return em_error_memory(err, 3 * e->channels * sizeof(*p->ev));
	p->counts = p->ev + e->channels;
	p->variance = p->counts + e->channels;
	for (size_t j = 0; j < e->channels; j++) {
		size_t in = 0;

		while (in < windows && !(j >= span[in].first && j - span[in].first < span[in].count))
			in++;
		if (in == windows)
			continue;
		p->ev[p->count] = em_energy_at(e, (double)j);
		p->counts[p->count] = counts[j];
		p->variance[p->count++] = variance[j];
	}
	return 0;
}

/* Position and width from the counts' centre and area over the window: a peak that fills it is 0.5 to 1 of it wide. */
static struct em_fine_peak begin(const struct em_energy *e, const double *counts, const struct em_energy_span *s)
{
	double area = 0, moment = 0, width = (double)s->count * e->scale / 2, middle;

	for (size_t j = s->first; j < s->first + s->count; j++) {
		double c = fmax(counts[j], 0);
		area += c;
		moment += c * em_energy_at(e, (double)j);
	}
	middle = em_energy_at(e, (double)s->first + (double)(s->count - 1) / 2);
	return (struct em_fine_peak){.position.value = area > 0 ? moment / area : middle,
	                             .width.value = fmax(width, e->scale),
	                             .area.value = area};
}

static int check_peaks(const struct em_fine_fit *f, const struct em_energy_window *w, struct em_error *err)
{
	for (size_t i = 0; i < f->peaks; i++) {
		const struct em_fine_peak *p = &f->peak[i];

		if (!(p->area.value > SIGNIFICANT * p->area.error) || !(p->position.value >= w[i].from) ||
		    !(p->position.value <= w[i].to))
			return em_error_set(err, EM_ERROR_DATA,
			                    "no peak in %.9g-%.9g eV: the fit has %.3g +- %.3g counts at %.5g eV",
			                    w[i].from, w[i].to, p->area.value, p->area.error, p->position.value);
	}
	return 0;
}

int em_fine_peaks_fit(const struct em_energy *e, const double *counts, const double *variance,
                      const struct em_energy_window *windows, size_t count, enum em_fine_shape shape,
                      struct em_fine_fit *fit, struct em_error *err)
{
	struct em_energy_span span[EM_FINE_PEAKS_MAX];
	struct em_fine_fit f = {.peaks = count};
	struct points p = {0};
	int status;

	if (!count || count > EM_FINE_PEAKS_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "%zu peaks: give windows for 1 to %d", count,
		                    EM_FINE_PEAKS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (em_energy_span(e, &windows[i], &span[i], err) || em_fine_check(e, counts, variance, &span[i], err))
			return -1;
		f.peak[i] = begin(e, counts, &span[i]);
	}
	if (collect(e, counts, variance, span, count, &p, err))
		return -1;
	const struct em_fine_model m = {.peaks = count,
	                                .shape = shape,
	                                .channel = e->scale,
	                                .points = p.count,
	                                .ev = p.ev,
	                                .counts = p.counts,
	                                .variance = p.variance};
	status = em_fine_model_fit(&m, &f, err) || check_peaks(&f, windows, err) ? -1 : 0;
	free(p.ev);
	if (!status)
		*fit = f;
	return status;
}
