/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Materials: lattices, the atoms in a cell, mean free paths. */
#include "scope/sim/world.h"

#include <string.h>

#define NM 1e-9
#define PI 3.14159265358979323846

/* Corner A, middle B, oxygen in the middles of the faces. */
#define PEROVSKITE(a, b)                                                                                               \
	5,                                                                                                             \
	{                                                                                                              \
		{{0, 0, 0}, a}, {{.5, .5, .5}, b}, {{.5, .5, 0}, 8}, {{.5, 0, .5}, 8},                                 \
		{                                                                                                      \
			{0, .5, .5}, 8                                                                                 \
		}                                                                                                      \
	}

/* Of Pbnm, site 4c (x, y, 1/4); written here as (z, x, y), as the long axis of the rods is c and they lie on (010). */
#define PBNM_4C(x, y, z)                                                                                               \
	{{.25, x, y}, z}, {{.75, 1 - (x), 1 - (y)}, z}, {{.75, .5 + (x), .5 - (y)}, z},                                \
	{                                                                                                              \
		{.25, .5 - (x), .5 + (y)}, z                                                                           \
	}

/*
 * MoO3: Kihlborg, Ark. Kemi 21 (1963) 357.  Gold stands on [110]: a body-centred cell of a / sqrt 2, a, a / sqrt 2.
 * Amorphous ones: a cube for each atom, or molecule, that gives the usual density.  Mean free paths are of the order of
 * Malis' formula (J. Electron Microsc. Tech. 8 (1988) 193), those of oxides as in lib/synth.
 */
static const struct em_sim_matter matter[] = {
    {"C", {.2154 * NM, .2154 * NM, .2154 * NM}, true, 150 * NM, {4.8e9, 8.4e9}, NULL, 0, 1, {{{0, 0, 0}, 6}}},
    {"Cu",
     {.3615 * NM, .3615 * NM, .3615 * NM},
     true,
     85 * NM,
     {4.8e9, 7.8e9},
     NULL,
     0,
     4,
     {{{0, 0, 0}, 29}, {{0, .5, .5}, 29}, {{.5, 0, .5}, 29}, {{.5, .5, 0}, 29}}},
    {"Pt",
     {.3924 * NM, .3924 * NM, .3924 * NM},
     true,
     75 * NM,
     {4.4e9, 7.2e9},
     NULL,
     0,
     4,
     {{{0, 0, 0}, 50}, {{0, .5, .5}, 50}, {{.5, 0, .5}, 50}, {{.5, .5, 0}, 50}}}, /* with the carbon of its gas */
    {"Au",
     {.28837 * NM, .40782 * NM, .28837 * NM},
     false,
     80 * NM,
     {4.25e9, 6.9e9},
     NULL,
     0,
     2,
     {{{0, 0, 0}, 79}, {{.5, .5, .5}, 79}}},
    {"MoO3",
     {.3697 * NM, .3963 * NM, 1.3855 * NM},
     false,
     100 * NM,
     {3.0e9, 5.4e9},
     NULL,
     59.1,
     16,
     {PBNM_4C(.0867, .1016, 42), PBNM_4C(.499, .435, 8), PBNM_4C(.521, .087, 8), PBNM_4C(.037, .221, 8)}},
    {"SrTiO3", {.3905 * NM, .3905 * NM, .3905 * NM}, false, 100 * NM, {3.3e9, 5.6e9}, "SrTiO3", 0, PEROVSKITE(38, 22)},
    {"LaMnO3", {.388 * NM, .388 * NM, .388 * NM}, false, 95 * NM, {3.3e9, 5.6e9}, "LaMnO3", 0, PEROVSKITE(57, 25)},
    {"LaFeO3", {.393 * NM, .393 * NM, .393 * NM}, false, 95 * NM, {3.3e9, 5.6e9}, "LaFeO3", 0, PEROVSKITE(57, 26)},
    {"La0.7Sr0.3MnO3",
     {.388 * NM, .388 * NM, .388 * NM},
     false,
     95 * NM,
     {3.3e9, 5.6e9},
     "La0.7Sr0.3MnO3",
     0,
     PEROVSKITE(51.3, 25)},
};

const struct em_sim_matter *em_sim_matter_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(matter) / sizeof(*matter); i++)
		if (strcmp(matter[i].name, name) == 0)
			return &matter[i];
	return NULL;
}

/* 106 F (E / e) / ln(2 beta E / e), F of the electron's speed; E in keV, e the mean loss of 20 eV, beta in mrad. */
static double malis(double kev)
{
	double f = (1 + kev / 1022) / ((1 + kev / 511) * (1 + kev / 511));

	return 106 * f * kev / 20 / log(2 * 36 * kev / 20);
}

double em_sim_matter_lambda(const struct em_sim_matter *m, double voltage)
{
	return m->lambda * malis(voltage / 1e3) / malis(200);
}

double em_sim_matter_density(const struct em_sim_matter *m, double power)
{
	double sum = 0;

	for (size_t i = 0; i < m->atoms; i++)
		sum += pow(m->atom[i].z, power);
	return sum / (m->cell[0] * m->cell[1] * m->cell[2]);
}

void em_sim_matter_structure(const struct em_sim_matter *m, double power, const double hkl[3], double f[2])
{
	double all = 0;

	f[0] = f[1] = 0;
	for (size_t i = 0; i < m->atoms; i++) {
		const double *at = m->atom[i].at;
		double z = pow(m->atom[i].z, power), turn = hkl[0] * at[0] + hkl[1] * at[1] + hkl[2] * at[2];

		f[0] += z * cos(2 * PI * turn);
		f[1] -= z * sin(2 * PI * turn);
		all += z;
	}
	f[0] /= all;
	f[1] /= all;
}

double em_sim_matter_extinction(const struct em_sim_matter *m, const double hkl[3], double gg)
{
	double f[2];

	em_sim_matter_structure(m, 1, hkl, f);
	return 20e-9 * 4.66e30 / em_sim_matter_density(m, 1) / (hypot(f[0], f[1]) * exp(-gg / 60e18) + 1e-9);
}
