/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Edges of what lib/synth has no compounds of: carbon, copper, molybdenum, strontium.  Onsets are those of published
 * tables (Ahn and Krivanek, EELS Atlas, 1983); pi* and sigma* of amorphous carbon as in its spectra; heights are on
 * the scale of lib/synth's.  Losses above an edge are scattered again, in full up to twice and the rest as if twice.
 */
#include "scope/sim/loss_edges.h"

#include <stdlib.h>

#define BARN 1e-10  /* square nm */
#define WIDTH 0.425 /* rms of a Gaussian of full width 1 at half its height */
#define LINES 2
#define PI 3.14159265358979323846

/* A step of `height` barn per eV that falls as energy^-decay; delayed: it is reached within `rise` eV. */
static const struct {
	double z, onset, height, decay, rise;
	struct {
		double at, width, area; /* eV, barn */
	} line[LINES];
} edge[EM_SIM_EDGES] = {
    {6, 288, 60, 4, 0, {{285.3, 1.7, 120}, {294, 8, 400}}},
    {29, 933, 6, 3, 12, {{0, 0, 0}}},
    {38, 1943, 2, 3, 0, {{1943, 3, 20}, {2010, 3.5, 12}}},
    {42, 230, 90, 3, 45, {{397, 5, 120}, {415, 6, 60}}},
};

void em_sim_edges_count(const struct em_sim_matter *m, double thickness, double atoms[EM_SIM_EDGES])
{
	double cell = m->cell[0] * m->cell[1] * m->cell[2] * 1e27;

	for (size_t e = 0; e < EM_SIM_EDGES; e++)
		for (size_t i = 0; i < m->atoms; i++)
			atoms[e] += m->atom[i].z == edge[e].z ? thickness * 1e9 / cell : 0;
}

static double density(size_t e, double energy, double resolution)
{
	double x = energy - edge[e].onset, sum = 0;

	if (x > -5 * resolution - 5)
		sum = edge[e].height * pow(energy / edge[e].onset, -edge[e].decay) * 0.5 *
		      erfc(-x / (WIDTH * 1.4142 * hypot(resolution, 1.5)));
	if (edge[e].rise > 0)
		sum *= x > 0 ? 1 - 0.9 * exp(-x / edge[e].rise) : 0.1;
	for (int i = 0; i < LINES; i++) {
		double s = WIDTH * hypot(edge[e].line[i].width, resolution), off = (energy - edge[e].line[i].at) / s;

		if (edge[e].line[i].area > 0 && fabs(off) < 8)
			sum += edge[e].line[i].area * exp(-off * off / 2) / (s * sqrt(2 * PI));
	}
	return sum;
}

/* once[n] += what one and two losses more make of it; work: [2 n]. */
static int scatter(double *once, size_t n, double step, double thickness, double *work, struct em_error *err)
{
	double none = exp(-thickness), one = thickness * none, two = 1 - none - one;
	size_t taps;
	double *p = em_synth_loss_distribution(step, &taps, err);

	if (!p)
		return -1;
	em_synth_loss_convolve(once, n, p, taps, step, work);
	em_synth_loss_convolve(work, n, p, taps, step, work + n);
	for (size_t i = 0; i < n; i++)
		once[i] = none * once[i] + one * work[i] + two * work[n + i];
	free(p);
	return 0;
}

int em_sim_edges_add(const struct em_sim_view *v, const double atoms[EM_SIM_EDGES], double thickness, double electrons,
                     double *counts, struct em_error *err)
{
	double resolution = hypot(v->energy_fwhm, 2.355 * v->blur * v->dispersion), any = 0;
	double *once = calloc(3 * v->width, sizeof(*once));

	if (!once)
		return em_error_memory(err, 3 * v->width * sizeof(*once));
	for (size_t e = 0; e < EM_SIM_EDGES; e++)
		for (size_t i = 0; i < v->width && atoms[e] > 0; i++) {
			double energy = v->energy_offset + (double)i * v->dispersion;

			if (energy > edge[e].onset - 30)
				any += once[i] += atoms[e] * BARN * density(e, energy, resolution);
		}
	if (any > 0 && scatter(once, v->width, v->dispersion, thickness, once + v->width, err)) {
		free(once);
		return -1;
	}
	for (size_t i = 0; i < v->width; i++)
		counts[i] += electrons * v->dispersion * once[i];
	free(once);
	return 0;
}
