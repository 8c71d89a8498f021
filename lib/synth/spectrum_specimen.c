/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compounds, foils of them, and mixtures of foils. */
#include "synth/spectrum.h"

#include <string.h>

/*
 * Densities are atoms in a unit cell over its volume: SrTiO3 0.3905 nm, LaFeO3 0.393 nm (pseudocubic), LaMnO3 0.388 nm
 * (pseudocubic), La0.7Sr0.3MnO3 0.388 nm, LaTiO3 0.397 nm (pseudocubic), TiO2 rutile 0.0624 nm^3 for two, La2Ti2O7
 * 0.557 nm^3 for four.  Mean free paths are of the order of Malis' formula (J. Electron Microsc. Tech. 8 (1988) 193).
 */
#define CELL(a, o, ti, mn, fe, la)                                                                                     \
	{                                                                                                              \
		(o) / ((a) * (a) * (a)), (ti) / ((a) * (a) * (a)), (mn) / ((a) * (a) * (a)), (fe) / ((a) * (a) * (a)), \
		    (la) / ((a) * (a) * (a))                                                                           \
	}
static const struct em_synth_compound compound[] = {
    {"SrTiO3", CELL(0.3905, 3, 1, 0, 0, 0), {-2, 4, 3, 3, 3}, 100},
    {"LaFeO3", CELL(0.393, 3, 0, 0, 1, 1), {-2, 4, 3, 3, 3}, 95},
    {"LaMnO3", CELL(0.388, 3, 0, 1, 0, 1), {-2, 4, 3, 3, 3}, 95},
    {"La0.7Sr0.3MnO3", CELL(0.388, 3, 0, 1, 0, 0.7), {-2, 4, 3.3, 3, 3}, 95},
    {"LaTiO3", CELL(0.397, 3, 1, 0, 0, 1), {-2, 3, 3, 3, 3}, 95},
    {"TiO2", {64.1, 32.05, 0, 0, 0}, {-2, 4, 3, 3, 3}, 105},
    {"La2Ti2O7", {50.3, 14.4, 0, 0, 14.4}, {-2, 4, 3, 3, 3}, 95},
};
#define COMPOUNDS (sizeof(compound) / sizeof(*compound))

const struct em_synth_compound *em_synth_compound_find(const char *name, size_t n)
{
	for (size_t i = 0; i < COMPOUNDS; i++)
		if (strlen(compound[i].name) == n && strncmp(compound[i].name, name, n) == 0)
			return &compound[i];
	return NULL;
}

const char *em_synth_compound_name(size_t i)
{
	return i < COMPOUNDS ? compound[i].name : NULL;
}

#define BACKGROUND 1.7e-5 /* per eV and t / lambda at 450 eV */

struct em_synth_specimen em_synth_compound_foil(const struct em_synth_compound *c, double thickness, double exponent)
{
	struct em_synth_specimen s = {
	    .thickness = thickness, .background = BACKGROUND * thickness, .exponent = exponent};

	for (int e = 0; e < EM_SYNTH_ELEMENTS; e++) {
		s.atoms[e] = c->density[e] * c->lambda_nm * thickness;
		s.valence[e] = c->valence[e];
	}
	return s;
}

struct em_synth_specimen em_synth_specimen_mix(const struct em_synth_specimen *a, const struct em_synth_specimen *b,
                                               double share)
{
	double rest = 1 - share, sites = rest * a->atoms[EM_SYNTH_O], more = share * b->atoms[EM_SYNTH_O];
	struct em_synth_specimen s = {.thickness = rest * a->thickness + share * b->thickness,
	                              .background = rest * a->background + share * b->background,
	                              .exponent = rest * a->exponent + share * b->exponent};

	for (int e = 0; e < EM_SYNTH_ELEMENTS; e++) {
		double of_a = rest * a->atoms[e], of_b = share * b->atoms[e];

		s.atoms[e] = of_a + of_b;
		s.valence[e] =
		    of_a + of_b > 0 ? (of_a * a->valence[e] + of_b * b->valence[e]) / (of_a + of_b) : a->valence[e];
	}
	s.vacancy = sites + more > 0 ? (sites * a->vacancy + more * b->vacancy) / (sites + more) : 0;
	return s;
}
