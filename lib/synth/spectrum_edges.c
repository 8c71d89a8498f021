/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Edges of ions in perovskites.  Energies of lines are those of published spectra: Ti of SrTiO3 and LaTiO3 and their
 * O-K (Ohtomo et al., Nature 419 (2002) 378; Muller et al., Nature 430 (2004) 657), the shift of Ti by about 2 eV with
 * the valence (Stoyanov et al., Am. Mineral. 92 (2007) 577), Mn and Fe (Tan et al., Ultramicroscopy 116 (2012) 24).
 * Heights are near those of measured SrTiO3 and LaMnO3; cross sections are of that order, not a reference.
 */
#include "synth/spectrum.h"

#include <math.h>

#define PI 3.14159265358979323846
#define SIGMA 0.42466090014400953 /* of a Gaussian of full width 1 */
#define LINES 6

const struct em_synth_edge em_synth_edge[EM_SYNTH_ELEMENTS] = {
    [EM_SYNTH_O] = {"O", "O-K", "o-k", 530, 528, 568, {-2, -2}},
    [EM_SYNTH_TI] = {"Ti", "Ti-L23", "ti-l23", 456, 454, 494, {3, 4}},
    [EM_SYNTH_MN] = {"Mn", "Mn-L23", "mn-l23", 639, 636, 676, {2, 4}},
    [EM_SYNTH_FE] = {"Fe", "Fe-L23", "fe-l23", 707, 704, 744, {2, 3}},
    [EM_SYNTH_LA] = {"La", "La-M45", "la-m45", 831, 828, 868, {3, 3}},
};

/* A line: Gaussian of the crystal and Lorentzian of the hole's life, full widths at half maximum. */
struct line {
	double at, gauss, lorentz, area; /* barn */
};

/* height (E / at)^-decay behind an error function; less `dip` at the onset, which wears off within `rise` eV: the f
 * states' centrifugal barrier. */
struct step {
	double at, width, height, decay, dip, rise; /* height: barn per eV */
};

/* Lines up to `split` are the lower ones of L3 (M5), up to `pair` the upper ones, the rest L2 (M4); of O-K no matter.
 */
struct component {
	enum em_synth_element element;
	double valence;
	struct line line[LINES];
	int split, pair;
	struct step step[2];
};

enum { O_TITANATE, O_REDUCED, O_LATE, TI_3, TI_4, MN_2, MN_3, MN_4, FE_2, FE_3, LA_3 };

#define O_STEP                                                                                                         \
	{                                                                                                              \
		536, 2.5, 5, 3.5, 0, 1                                                                                 \
	}
#define TI_STEPS(s)                                                                                                    \
	{                                                                                                              \
		{460 + (s), 1.2, 20, 2.6, 0, 1},                                                                       \
		{                                                                                                      \
			466 + (s), 1.6, 10, 2.6, 0, 1                                                                  \
		}                                                                                                      \
	}
#define MN_STEPS(s)                                                                                                    \
	{                                                                                                              \
		{642 + (s), 1.5, 6, 3, 0, 1},                                                                          \
		{                                                                                                      \
			653 + (s), 1.8, 3, 3, 0, 1                                                                     \
		}                                                                                                      \
	}
#define FE_STEPS(s)                                                                                                    \
	{                                                                                                              \
		{709.5 + (s), 1.5, 4.7, 3, 0, 1},                                                                      \
		{                                                                                                      \
			722.5 + (s), 1.8, 2.3, 3, 0, 1                                                                 \
		}                                                                                                      \
	}

static const struct component component[EM_SYNTH_COMPONENTS] = {
    [O_TITANATE] = {EM_SYNTH_O,
                    -2,
                    {{531.4, 1.1, 0.15, 18},
                     {534.2, 2.2, 0.2, 14},
                     {537.4, 3.6, 0.3, 30},
                     {544.3, 4.2, 0.4, 32},
                     {551, 5, 0.4, 8}},
                    0,
                    0,
                    {O_STEP}},
    [O_REDUCED] =
        {EM_SYNTH_O,
         -2,
         {{531.6, 1.9, 0.15, 8}, {534, 3, 0.2, 12}, {537.6, 4.6, 0.3, 33}, {544.1, 5.4, 0.4, 34}, {551, 6, 0.4, 8}},
         0,
         0,
         {O_STEP}},
    [O_LATE] = {EM_SYNTH_O,
                -2,
                {{529.8, 1.6, 0.15, 10}, {531.4, 1.8, 0.15, 6}, {535.6, 3.4, 0.3, 26}, {542.6, 5.2, 0.4, 40}},
                0,
                0,
                {O_STEP}},
    [TI_3] = {EM_SYNTH_TI,
              3,
              {{457, 1.9, 0.2, 135}, {459, 2.2, 0.2, 165}, {462.5, 2.1, 0.3, 150}, {464.3, 2.4, 0.3, 190}},
              1,
              2,
              TI_STEPS(-1.7)},
    [TI_4] = {EM_SYNTH_TI,
              4,
              {{458.3, 0.45, 0.15, 85}, {460.6, 1, 0.15, 175}, {463.8, 1.05, 0.3, 130}, {466, 1.5, 0.3, 260}},
              1,
              2,
              TI_STEPS(0)},
    [MN_2] = {EM_SYNTH_MN, 2, {{640.3, 1.8, 0.3, 320}, {652, 2.4, 0.4, 85}}, 0, 1, MN_STEPS(-1.6)},
    [MN_3] = {EM_SYNTH_MN, 3, {{642, 3, 0.3, 268}, {653.1, 3, 0.4, 112}}, 0, 1, MN_STEPS(0)},
    [MN_4] =
        {EM_SYNTH_MN, 4, {{640.9, 1.2, 0.3, 40}, {643.6, 2.4, 0.3, 205}, {654.2, 3, 0.4, 120}}, 1, 2, MN_STEPS(1.4)},
    [FE_2] = {EM_SYNTH_FE, 2, {{708, 2, 0.2, 225}, {721, 2.8, 0.4, 55}}, 0, 1, FE_STEPS(-1.6)},
    [FE_3] = {EM_SYNTH_FE, 3, {{708.4, 1, 0.2, 50}, {709.9, 1.6, 0.2, 190}, {723, 3, 0.4, 60}}, 1, 2, FE_STEPS(0)},
    [LA_3] = {EM_SYNTH_LA,
              3,
              {{833, 1.4, 0.2, 400}, {849.7, 1.8, 0.25, 520}},
              0,
              1,
              {{836, 2, 3.6, 2.5, 0.8, 20}, {853, 2, 2.4, 2.5, 0.8, 20}}},
};

/* ---- shapes ---- */

/* Voigt's profile of unit area, as the sum of a Lorentzian and a Gaussian of one width (Thompson, Cox and Hastings, J.
 * Appl. Cryst. 20 (1987) 79). */
static double profile(double x, double gauss, double lorentz)
{
	double g = gauss, l = lorentz, g2 = g * g, l2 = l * l, f, q, mix, sigma;

	f = pow(g2 * g2 * g + 2.69269 * g2 * g2 * l + 2.42843 * g2 * g * l2 + 4.47163 * g2 * l2 * l +
	            0.07842 * g * l2 * l2 + l2 * l2 * l,
	        0.2);
	q = l / f;
	mix = q * (1.36603 - q * (0.47719 - q * 0.11116));
	sigma = SIGMA * f;
	return mix * f / (2 * PI * (x * x + f * f / 4)) +
	       (1 - mix) * exp(-x * x / (2 * sigma * sigma)) / (sigma * sqrt(2 * PI));
}

static double climb(const struct step *s, double energy)
{
	double x = energy - s->at;

	return s->height * pow(energy / s->at, -s->decay) * (1 - (x > 0 ? s->dip * exp(-x / s->rise) : s->dip));
}

static double step_density(const struct step *s, double energy, double resolution)
{
	double sigma = SIGMA * hypot(s->width, resolution), x = (energy - s->at) / sigma;

	return s->height > 0 && x > -8 ? climb(s, energy) * 0.5 * erfc(-x / sqrt(2)) : 0;
}

double em_synth_edge_density(size_t k, double energy, double resolution)
{
	const struct component *c = &component[k];
	double sum = step_density(&c->step[0], energy, resolution) + step_density(&c->step[1], energy, resolution);

	for (int i = 0; i < LINES && c->line[i].area > 0; i++)
		sum += c->line[i].area *
		       profile(energy - c->line[i].at, hypot(c->line[i].gauss, resolution), c->line[i].lorentz);
	return sum;
}

double em_synth_edge_continuum(size_t k, double energy)
{
	double sum = 0;

	for (int i = 0; i < 2; i++)
		if (component[k].step[i].height > 0 && energy >= component[k].step[i].at)
			sum += climb(&component[k].step[i], energy);
	return sum;
}

double em_synth_edge_area(size_t k)
{
	double sum = 0;

	for (int i = 0; i < LINES; i++)
		sum += component[k].line[i].area;
	return sum;
}

enum em_synth_element em_synth_edge_element(size_t k)
{
	return component[k].element;
}

/* ---- which of them a specimen has ---- */

/* The components of an element lie one after the other by valence: the two beside v, and the upper one's share. */
static double beside(enum em_synth_element element, double v, size_t *lower)
{
	size_t k = 0;

	while (component[k].element != element)
		k++;
	while (k + 2 < EM_SYNTH_COMPONENTS && component[k + 2].element == element && v > component[k + 1].valence)
		k++;
	*lower = k;
	if (k + 1 == EM_SYNTH_COMPONENTS || component[k + 1].element != element)
		return 0;
	v = fmin(fmax(v, component[k].valence), component[k + 1].valence);
	return (v - component[k].valence) / (component[k + 1].valence - component[k].valence);
}

/*
 * Oxygen's 2p is seen through the metals that it is bound to.  Beside Ti the first peaks wane as 3d fills (half of it)
 * and as neighbours are missing: a sixth of the sites empty leaves nothing of them.
 */
static void share_oxygen(const struct em_synth_specimen *s, double *shares)
{
	double late = s->atoms[EM_SYNTH_MN] + s->atoms[EM_SYNTH_FE], metals = late + s->atoms[EM_SYNTH_TI];
	double ti = metals > 0 ? s->atoms[EM_SYNTH_TI] / metals : 0, filled = 4 - s->valence[EM_SYNTH_TI];
	double reduced = fmin(1, fmax(0, 0.5 * fmin(fmax(filled, 0), 1) + 3 * s->vacancy));

	shares[O_TITANATE] = s->atoms[EM_SYNTH_O] * ti * (1 - reduced);
	shares[O_REDUCED] = s->atoms[EM_SYNTH_O] * ti * reduced;
	shares[O_LATE] = s->atoms[EM_SYNTH_O] * (1 - ti);
}

void em_synth_edge_shares(const struct em_synth_specimen *s, double shares[EM_SYNTH_COMPONENTS])
{
	for (size_t k = 0; k < EM_SYNTH_COMPONENTS; k++)
		shares[k] = 0;
	share_oxygen(s, shares);
	for (int e = EM_SYNTH_TI; e < EM_SYNTH_ELEMENTS; e++) {
		size_t k;
		double upper = beside((enum em_synth_element)e, s->valence[e], &k);

		shares[k] = s->atoms[e] * (1 - upper);
		if (upper > 0)
			shares[k + 1] = s->atoms[e] * upper;
	}
}

struct em_synth_lines em_synth_edge_lines(enum em_synth_element element, double valence)
{
	double area[3] = {0}, moment[3] = {0}, part[2];
	size_t lower;

	if (element == EM_SYNTH_O)
		return (struct em_synth_lines){0};
	part[1] = beside(element, valence, &lower);
	part[0] = 1 - part[1];
	for (size_t j = 0; j < 2 && lower + j < EM_SYNTH_COMPONENTS; j++) {
		const struct component *c = &component[lower + j];

		for (int i = 0; i < LINES; i++) {
			int where = i < c->split ? 0 : i < c->pair ? 1 : 2;

			area[where] += part[j] * c->line[i].area;
			moment[where] += part[j] * c->line[i].area * c->line[i].at;
		}
	}
	return (struct em_synth_lines){
	    .upper = area[0] + area[1],
	    .lower = area[2],
	    .splitting = area[0] > 0 && area[1] > 0 ? moment[1] / area[1] - moment[0] / area[0] : 0,
	    .centroid = area[0] + area[1] > 0 ? (moment[0] + moment[1]) / (area[0] + area[1]) : 0};
}
