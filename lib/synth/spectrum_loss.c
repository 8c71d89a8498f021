/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plural scattering: the distribution of one loss, its powers and their weights. */
#include "synth/spectrum.h"

#include <math.h>
#include <stdlib.h>

#define LONGEST 150 /* eV: no loss of this kind is greater */

/* Drude's Im(-1/eps) of a plasmon E and a width, in shares of the whole: of SrTiO3, whose plasmon at 30 eV stands among
 * interband transitions and the Sr and Ti semi-core levels. */
static const struct {
	double energy, width, share;
} term[] = {{13.7, 5, 0.12}, {22, 9, 0.07}, {30, 7, 0.27}, {47, 14, 0.14}, {60, 50, 0.4}};

double *em_synth_loss_distribution(double step, size_t *n, struct em_error *err)
{
	size_t taps = (size_t)(LONGEST / step) + 1;
	double *p = calloc(taps, sizeof(*p)), whole = 0;

	if (!p) {
		em_error_memory(err, taps * sizeof(*p));
		return NULL;
	}
	for (size_t k = 0; k < sizeof(term) / sizeof(*term); k++)
		for (size_t i = 1; i < taps; i++) {
			double e = (double)i * step, gap = term[k].energy * term[k].energy - e * e;
			double damped = e * term[k].width;

			/* its integral over all energies is near pi E / 2 */
			p[i] += term[k].share * term[k].energy * e * term[k].width / (gap * gap + damped * damped);
		}
	for (size_t i = 0; i < taps; i++)
		whole += p[i] * step;
	for (size_t i = 0; i < taps; i++)
		p[i] /= whole;
	*n = taps;
	return p;
}

void em_synth_loss_convolve(const double *in, size_t n, const double *distribution, size_t taps, double step,
                            double *out)
{
	size_t first = 0;

	while (first < n && in[first] == 0)
		first++;
	for (size_t i = 0; i < n; i++)
		out[i] = 0;
	for (size_t i = first; i < n; i++) {
		size_t last = taps < n - i ? taps : n - i;
		double much = in[i] * step, *to = out + i;

		for (size_t k = 0; k < last; k++)
			to[k] += much * distribution[k];
	}
}

void em_synth_loss_weights(double thickness, size_t orders, double *t)
{
	double rest = 1;

	t[0] = exp(-thickness);
	for (size_t n = 1; n < orders; n++)
		t[n] = t[n - 1] * thickness / (double)n;
	for (size_t n = 0; n + 1 < orders; n++)
		rest -= t[n];
	t[orders - 1] = rest;
}

size_t em_synth_loss_orders(double thickness)
{
	double term_n = exp(-thickness), rest = 1 - term_n;
	size_t n = 1;

	for (; rest > 1e-6 && n < 64; n++) {
		term_n *= thickness / (double)n;
		rest -= term_n;
	}
	return n;
}
