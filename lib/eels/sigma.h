/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cross sections of inner-shell ionisation by the hydrogenic model, for K and L shells, as Egerton's SIGMAK and SIGMAL
 * have them: R. F. Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd ed. (Springer 2011),
 * sections 3.2.2, 3.6.1 and appendix B; Ultramicroscopy 4 (1979) 169; Proc. EMSA 1981, 198.
 *
 * L edges have white lines where d states are empty (Z < 29, and in compounds); the hydrogenic model has none, so that
 * a window of less than 50 eV after the onset counts too much: use 50 to 100 eV.  M shells have no such model:
 * k-factors.
 */
#ifndef EM_EELS_SIGMA_H
#define EM_EELS_SIGMA_H

#include "base/error.h"
#include "eels/energy.h"

struct em_sigma_beam {
	double kv;          /* of the beam, 1 to 3000 */
	double convergence; /* mrad, half angle of a cone that is evenly filled; 0: a parallel beam */
	double collection;  /* mrad, half angle, > 0 */
};

enum em_sigma_shell {
	EM_SIGMA_K,
	EM_SIGMA_L,
};

struct em_sigma_edge {
	int z;
	enum em_sigma_shell shell;
	double onset; /* eV, as measured: of L shells L3's */
};

/*
 * "K"; "L", "L3", "L23" are all of L.  EM_ERROR_USAGE: "M45" and the like, for which there is no hydrogenic model, L1
 * alone, K of more or L of less than the model is for (K: Z 2 to 40; L: 11 to 56), an onset below 1 eV or above 50 keV.
 */
int em_sigma_edge_set(struct em_sigma_edge *edge, int z, const char *shell, double onset, struct em_error *err);

/*
 * The generalised oscillator strength a eV and atom, of an energy loss and of (q a0)^2: Egerton, eqs. 3.125-3.128.  L
 * shells: the 2p electrons below the L1 edge, all eight above it, with Egerton's correction to the absorption of
 * X-rays.
 */
double em_sigma_gos(const struct em_sigma_edge *edge, double ev, double qa0_squared);
/* The same of the shell of a hydrogen-like atom of nuclear charge zs, not corrected: two 1s electrons; six 2p or, with
 * 2s, eight. */
double em_sigma_gos_1s(double zs, double ev, double qa0_squared);
double em_sigma_gos_2p(double zs, double ev, double qa0_squared);
double em_sigma_gos_2s2p(double zs, double ev, double qa0_squared);

/*
 * barn a eV and atom, relativistic (eqs. 3.138-3.146 there): 4 pi a0^2 R^2 / (E T) times the integral of the GOS over
 * ln (q a0)^2, T = m v^2 / 2.  Each angle counts by the share of the beam's cone that it takes into the collecting one,
 * which is the area that two discs share; for the dipole's Lorentzian this is the correction of Scheinfein and
 * Isaacson (Egerton, eq. 4.65).  0 below the onset.
 */
double em_sigma_density(const struct em_sigma_edge *edge, const struct em_sigma_beam *beam, double ev);

/* Integrated from the greater of window->from and the onset to window->to, barn an atom.  EM_ERROR_USAGE: a beam or
 * window of no sense, one that ends below the onset. */
int em_sigma_partial(const struct em_sigma_edge *edge, const struct em_sigma_beam *beam,
                     const struct em_energy_window *window, double *barns, struct em_error *err);

/* The model's relative standard uncertainty: 0.1 for K, 0.2 for L (Egerton, section 3.7: "10 %", "about 20 %"). */
double em_sigma_uncertainty(const struct em_sigma_edge *edge);

#endif
