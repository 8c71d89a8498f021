/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of components for one axis, and spectra from them. */
#include "synth/spectrum.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846
#define SIGMA 0.42466090014400953 /* of a Gaussian of full width 1 */
#define REFERENCE 450             /* eV: where the background is given */
#define BEFORE 15                 /* eV before an onset that the tables begin: white lines have tails */
#define BARN 1e-10                /* square nm */
#define SPREAD_CUT 50             /* channels */

/* ---- options ---- */

static int check(const struct em_synth_loss_options *o, struct em_error *err)
{
	const struct {
		const char *name;
		double value, lo, hi;
	} bounds[] = {{"channels", (double)o->axis.channels, 2, 65536},
	              {"eV a channel", o->axis.scale, 1e-3, 10},
	              {o->low ? "the axis' first energy" : "a core loss axis' first energy", o->axis.offset,
	               o->low ? -1000 : 100, 3000},
	              {"the axis' last energy", o->axis.offset + o->axis.scale * (double)o->axis.channels, -1000, 3000},
	              {"the resolution", o->resolution, 0.01, 20},
	              {"the detector's spread", o->spread, 0, 20},
	              {"t/lambda", o->thickest, 0, 5},
	              {"the energy's drift", o->margin, 0, 20}};

	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++)
		if (!(bounds[i].value >= bounds[i].lo && bounds[i].value <= bounds[i].hi))
			return em_error_set(err, EM_ERROR_USAGE, "%s %.9g: expected %g to %g", bounds[i].name,
			                    bounds[i].value, bounds[i].lo, bounds[i].hi);
	return 0;
}

static double border(const struct em_synth_axis *a, double channel)
{
	return a->offset + (channel - 0.5) * a->scale;
}

/* Nodes a fifth of the finest feature apart, from before the first edge or the axis to its end. */
static void set_nodes(struct em_synth_loss *m)
{
	const struct em_synth_loss_options *o = &m->o;
	double pad = o->margin + (double)m->half * o->axis.scale,
	       last = border(&o->axis, (double)o->axis.channels) + pad;

	m->step = fmin(fmax(o->resolution, 0.4) / 5, 0.5);
	m->start = border(&o->axis, 0) - pad;
	for (int e = 0; e < EM_SYNTH_ELEMENTS && !o->low; e++)
		if (em_synth_edge[e].onset < last)
			m->start = fmin(m->start, em_synth_edge[e].onset - BEFORE);
	if (o->low) /* a node at 0: losses are multiples of the step */
		m->start = m->step * floor(fmin(m->start, -6 * SIGMA * o->resolution) / m->step);
	m->nodes = (size_t)((fmax(last, m->start) - m->start) / m->step) + 4;
}

/* ---- tables ---- */

/* C[i + 1] - C[i] from the cubic through four densities; a trapezium at the ends. */
static void integrate(const double *c, size_t n, double step, double *integral)
{
	integral[0] = 0;
	for (size_t i = 0; i + 1 < n; i++) {
		double part =
		    i > 0 && i + 2 < n ? (13 * (c[i] + c[i + 1]) - c[i - 1] - c[i + 2]) / 24 : (c[i] + c[i + 1]) / 2;

		integral[i + 1] = integral[i] + step * part;
	}
}

static void tabulate_edges(struct em_synth_loss *m)
{
	for (size_t k = 0; k < EM_SYNTH_COMPONENTS; k++) {
		double onset = em_synth_edge[em_synth_edge_element(k)].onset;
		double *c = m->density + k * m->orders * m->nodes;

		for (size_t i = 0; i < m->nodes; i++) {
			double energy = m->start + (double)i * m->step;

			if (energy > onset - BEFORE - m->o.resolution)
				c[i] = em_synth_edge_density(k, energy, m->o.resolution);
		}
	}
	for (size_t i = 0; i < m->nodes; i++)
		m->log_energy[i] = log((m->start + (double)i * m->step) / REFERENCE);
}

/* The zero-loss peak's share of each step, and what each loss makes of it: the peak itself is narrow, and added in
 * closed form, so that order 0 stays empty in the end. */
static void tabulate_peak(struct em_synth_loss *m)
{
	double sigma = SIGMA * m->o.resolution * sqrt(2);

	for (size_t i = 0; i < m->nodes; i++) {
		double lo = (m->start + ((double)i - 0.5) * m->step) / sigma, hi = lo + m->step / sigma;

		m->density[i] = (erfc(-hi) - erfc(-lo)) / (2 * m->step);
	}
}

static int scatter(struct em_synth_loss *m, size_t components, struct em_error *err)
{
	size_t taps;
	double *p = em_synth_loss_distribution(m->step, &taps, err);

	if (!p)
		return -1;
	for (size_t k = 0; k < components; k++)
		for (size_t n = 1; n < m->orders; n++) {
			double *c = m->density + (k * m->orders + n) * m->nodes;

			em_synth_loss_convolve(c - m->nodes, m->nodes, p, taps, m->step, c);
		}
	free(p);
	return 0;
}

static int tabulate(struct em_synth_loss *m, struct em_error *err)
{
	size_t components = m->o.low ? 1 : EM_SYNTH_COMPONENTS, all = components * m->orders;

	m->density = calloc(all * m->nodes, sizeof(double)); /* 11 * 64 * 4 10^4 at most */
	m->integral = calloc(all * m->nodes, sizeof(double));
	m->log_energy = calloc(m->nodes, sizeof(double));
	if (!m->density || !m->integral || !m->log_energy)
		return em_error_memory(err, 2 * all * m->nodes * sizeof(double));
	if (m->o.low)
		tabulate_peak(m);
	else
		tabulate_edges(m);
	if (scatter(m, components, err))
		return -1;
	if (m->o.low)
		memset(m->density, 0, m->nodes * sizeof(double));
	for (size_t k = 0; k < all; k++)
		integrate(m->density + k * m->nodes, m->nodes, m->step, m->integral + k * m->nodes);
	return 0;
}

/* A Lorentzian over channels; what it has beyond the cut goes to the rest. */
static int set_spread(struct em_synth_loss *m, struct em_error *err)
{
	double sum = 0;

	m->half = m->o.spread > 0 ? SPREAD_CUT : 0;
	m->spread = calloc(2 * m->half + 1, sizeof(double));
	if (!m->spread)
		return em_error_memory(err, (2 * m->half + 1) * sizeof(double));
	m->spread[0] = 1;
	for (size_t i = 0; i < 2 * m->half + 1 && m->half; i++) {
		double x = 2 * ((double)i - (double)m->half) / m->o.spread, h = 1 / m->o.spread;

		m->spread[i] = atan(x + h) - atan(x - h);
		sum += m->spread[i];
	}
	for (size_t i = 0; i < 2 * m->half + 1 && m->half; i++)
		m->spread[i] /= sum;
	return 0;
}

int em_synth_loss_init(struct em_synth_loss *m, const struct em_synth_loss_options *o, struct em_error *err)
{
	*m = (struct em_synth_loss){.o = *o};
	if (check(o, err))
		return -1;
	m->orders = o->single && !o->low ? 1 : em_synth_loss_orders(o->thickest);
	if (set_spread(m, err) == 0) {
		set_nodes(m);
		if (tabulate(m, err) == 0)
			return 0;
	}
	em_synth_loss_release(m);
	return -1;
}

void em_synth_loss_release(struct em_synth_loss *m)
{
	free(m->density);
	free(m->integral);
	free(m->log_energy);
	free(m->spread);
	*m = (struct em_synth_loss){0};
}

/* ---- spectra ---- */

/* The integral up to an energy: Hermite's cubic between nodes, which has their densities as slopes; level beyond. */
static double reach(const struct em_synth_loss *m, const double *density, const double *integral, double energy)
{
	double x = (energy - m->start) / m->step, u, v;
	size_t i;

	if (!(x > 0))
		return 0;
	if (x >= (double)(m->nodes - 1))
		return integral[m->nodes - 1];
	i = (size_t)x;
	u = x - (double)i;
	v = 1 - u;
	return integral[i] + (integral[i + 1] - integral[i]) * u * u * (3 - 2 * u) +
	       m->step * u * v * (density[i] * v - density[i + 1] * u);
}

static void add(double *to, const double *from, size_t n, double times)
{
	for (size_t i = 0; i < n && times != 0; i++)
		to[i] += times * from[i];
}

/* The density of everything but the zero-loss peak, of one electron. */
static void mix(const struct em_synth_loss *m, const struct em_synth_specimen *s, double *density)
{
	double weight[64], share[EM_SYNTH_COMPONENTS] = {1};
	size_t components = m->o.low ? 1 : EM_SYNTH_COMPONENTS;

	em_synth_loss_weights(s->thickness, m->orders, weight);
	if (!m->o.low) {
		em_synth_edge_shares(s, share);
		for (size_t i = 0; i < m->nodes && s->background > 0; i++)
			density[i] = s->background * exp(-s->exponent * m->log_energy[i]);
	}
	for (size_t k = 0; k < components; k++)
		for (size_t n = 0; n < m->orders && share[k] > 0; n++)
			add(density, m->density + (k * m->orders + n) * m->nodes, m->nodes,
			    weight[n] * share[k] * (m->o.low ? 1 : BARN));
}

/* to[i] = the electrons in channel i - half. */
static void collect(const struct em_synth_loss *m, const double *density, const double *integral, double peak,
                    double electrons, double shift, double *to)
{
	double sigma = SIGMA * m->o.resolution * sqrt(2), before = 0;

	for (size_t i = 0; i <= m->o.axis.channels + 2 * m->half; i++) {
		double energy = border(&m->o.axis, (double)i - (double)m->half) - shift;
		double now = reach(m, density, integral, energy);

		if (peak > 0)
			now += peak * 0.5 * erfc(-energy / sigma);
		if (i > 0)
			to[i - 1] = fmax(0, electrons * (now - before));
		before = now;
	}
}

static void blur(const struct em_synth_loss *m, const double *from, double *to)
{
	for (size_t i = 0; i < m->o.axis.channels; i++) {
		double sum = 0;

		for (size_t k = 0; k <= 2 * m->half; k++)
			sum += m->spread[k] * from[i + k];
		to[i] = sum;
	}
}

int em_synth_loss_expect(const struct em_synth_loss *m, const struct em_synth_specimen *s, double electrons,
                         double shift, double *counts, struct em_error *err)
{
	size_t channels = m->o.axis.channels + 2 * m->half, all = 2 * m->nodes + channels;
	double *density = calloc(all, sizeof(double)), *integral = density + m->nodes, *sharp = integral + m->nodes;

	if (!density)
		return em_error_memory(err, all * sizeof(double));
	mix(m, s, density);
	integrate(density, m->nodes, m->step, integral);
	collect(m, density, integral, m->o.low ? exp(-s->thickness) : 0, electrons, shift, m->half ? sharp : counts);
	if (m->half)
		blur(m, sharp, counts);
	free(density);
	return 0;
}

double em_synth_loss_net(const struct em_synth_loss *m, const struct em_synth_specimen *s, double electrons,
                         double shift, enum em_synth_element element, double from, double to)
{
	double weight[64], share[EM_SYNTH_COMPONENTS], sum = 0;

	if (m->o.low)
		return 0;
	em_synth_loss_weights(s->thickness, m->orders, weight);
	em_synth_edge_shares(s, share);
	for (size_t k = 0; k < EM_SYNTH_COMPONENTS; k++)
		for (size_t n = 0; n < m->orders && share[k] > 0 && em_synth_edge_element(k) == element; n++) {
			const double *c = m->density + (k * m->orders + n) * m->nodes;
			const double *i = m->integral + (k * m->orders + n) * m->nodes;

			sum += weight[n] * share[k] * (reach(m, c, i, to - shift) - reach(m, c, i, from - shift));
		}
	return electrons * BARN * sum;
}

bool em_synth_axis_window(const struct em_synth_axis *axis, double *from, double *to)
{
	double first = round((*from - axis->offset) / axis->scale), end = round((*to - axis->offset) / axis->scale);

	if (!(first >= 0 && end <= (double)axis->channels && first < end))
		return false;
	*from = border(axis, first);
	*to = border(axis, end);
	return true;
}
