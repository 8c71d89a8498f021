/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The forward model of electron energy-loss spectra: what a specimen is made of, how thick it is and in which state its
 * ions are -> the expected number of electrons in each channel.  Pure functions of their arguments, safe from many
 * threads; nothing of the analysis (lib/eels) is used, so that the two can be held against each other.
 *
 * A spectrum is a sum of components whose density per eV is tabulated once for an axis and a resolution.  A channel
 * holds the component's integral over the channel, wherever a drift has moved it: the sum over channels is the integral
 * from the first border to the last, whatever the axis and the shift.
 *
 * Low loss: a Gaussian zero-loss peak, and n losses with Poisson's weights exp(-t/l) (t/l)^n / n! of the n-fold
 * self-convolution of one distribution, three Drude terms (Egerton, Electron Energy-Loss Spectroscopy in the Electron
 * Microscope, 3rd ed., eqs. 3.41, 4.10): ln(I_total / I_zero) is t/l.  Core loss: a power law, which is what is seen
 * before the edge, its own plural scattering included, and edges: white lines on steps, sections 3.6 and 3.8 there.
 * Edges are convolved with the losses above, in full, unless single scattering is asked for.
 *
 * Energies are in eV.  An element has one edge.
 */
#ifndef EM_SYNTH_SPECTRUM_H
#define EM_SYNTH_SPECTRUM_H

#include "base/error.h"
#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>

enum em_synth_element { EM_SYNTH_O, EM_SYNTH_TI, EM_SYNTH_MN, EM_SYNTH_FE, EM_SYNTH_LA, EM_SYNTH_ELEMENTS };

struct em_synth_edge {
	const char *symbol, *name, *word; /* "Ti", "Ti-L23", "ti-l23" */
	double onset;
	double from, to;   /* a window that holds the white lines and some of the continuum */
	double valence[2]; /* the least and the greatest that there are spectra of */
};
extern const struct em_synth_edge em_synth_edge[EM_SYNTH_ELEMENTS];

/* ---- what the beam goes through ---- */

struct em_synth_specimen {
	double atoms[EM_SYNTH_ELEMENTS];   /* under a square nm */
	double valence[EM_SYNTH_ELEMENTS]; /* of Ti 3 .. 4, Mn 2 .. 4, Fe 2 .. 3; what is beyond counts as the end */
	double vacancy;                    /* share of the O sites that are empty: shapes O-K; atoms[] has it already */
	double thickness;                  /* t / lambda */
	double background;                 /* at 450 eV, per eV and electron of the beam */
	double exponent;                   /* of the power law */
};

/* A compound's place in a foil. */
struct em_synth_compound {
	const char *name;                  /* "SrTiO3" */
	double density[EM_SYNTH_ELEMENTS]; /* atoms in a cubic nm */
	double valence[EM_SYNTH_ELEMENTS];
	double lambda_nm; /* mean free path for inelastic scattering, 200 kV */
};
/* NULL: none of that name, n bytes long.  em_synth_compound_name(i): the names one after the other, NULL at the end. */
const struct em_synth_compound *em_synth_compound_find(const char *name, size_t n);
const char *em_synth_compound_name(size_t i);
/* A foil of it.  The background grows with the thickness, to about twice the Ti-L23 of SrTiO3, as in real spectra. */
struct em_synth_specimen em_synth_compound_foil(const struct em_synth_compound *c, double thickness, double exponent);
/* Side by side, or one in the other: share 0 is a, 1 is b.  Valences are means over the atoms. */
struct em_synth_specimen em_synth_specimen_mix(const struct em_synth_specimen *a, const struct em_synth_specimen *b,
                                               double share);

/* ---- edges of free atoms and ions, single scattering ---- */

/* What the white lines of an edge are like at a valence, by the model's own numbers: areas in barn, and the distance
 * in eV from the centroid of the L3's (M5's) lower lines to that of its upper ones; 0 where it is one line.  O-K: 0. */
struct em_synth_lines {
	double upper, lower;        /* L3 or M5; L2 or M4 */
	double splitting, centroid; /* of L3 or M5 */
};
struct em_synth_lines em_synth_edge_lines(enum em_synth_element element, double valence);

#define EM_SYNTH_COMPONENTS 11
/* Which shares of the components a specimen has: atoms under a square nm. */
void em_synth_edge_shares(const struct em_synth_specimen *s, double shares[EM_SYNTH_COMPONENTS]);
enum em_synth_element em_synth_edge_element(size_t component);
/* dsigma/dE in barn per eV at `energy`, seen with a resolution (full width at half maximum). */
double em_synth_edge_density(size_t component, double energy, double resolution);
/* The same without the Lorentzian and Gaussian widths of steps: the closed form far above the onset. */
double em_synth_edge_continuum(size_t component, double energy);
/* The total area of its lines, barn. */
double em_synth_edge_area(size_t component);

/* ---- the model of one axis ---- */

struct em_synth_axis {
	double offset, scale; /* the middle of channel 0; of a channel */
	size_t channels;
};

struct em_synth_loss_options {
	struct em_synth_axis axis;
	double resolution; /* of the zero-loss peak, full width at half maximum */
	double spread;     /* of the detector: full width of a Lorentzian in channels, cut at 50; 0: none */
	double thickest;   /* the greatest t / lambda that will be asked for */
	double margin;     /* the greatest shift that will be asked for */
	bool low;          /* the low loss, else the core loss */
	bool single;       /* core losses are scattered once */
};

struct em_synth_loss {
	struct em_synth_loss_options o;
	double start, step; /* of the tables */
	size_t nodes, orders;
	/* table[(component * orders + order) * nodes + node]: density and integral from the first node.  Low loss: one
	 * component.  Owned */
	double *density, *integral;
	double *log_energy; /* of nodes, of 450 eV: 0.  Core loss.  Owned */
	double *spread;     /* of the detector, 2 * half + 1.  Owned */
	size_t half;
};

/*
 * EM_ERROR_USAGE: numbers out of bounds: 2 .. 65536 channels of 0.001 .. 10 eV, up to 3000 eV; core loss from 100 eV
 * on; resolution 0.01 .. 20 eV; spread 0 .. 20; thickness 0 .. 5; margin 0 .. 20.
 */
int em_synth_loss_init(struct em_synth_loss *m, const struct em_synth_loss_options *o, struct em_error *err);
void em_synth_loss_release(struct em_synth_loss *m); /* zeroed: allowed */

/* counts[channels] = the expected electrons of `electrons` in the beam (with low: of the low loss), all energies moved
 * by `shift`. */
int em_synth_loss_expect(const struct em_synth_loss *m, const struct em_synth_specimen *s, double electrons,
                         double shift, double *counts, struct em_error *err);
/* Of these the electrons of one element's edge between two energies on the axis, before the detector spreads them. */
double em_synth_loss_net(const struct em_synth_loss *m, const struct em_synth_specimen *s, double electrons,
                         double shift, enum em_synth_element element, double from, double to);
/* A window moved to the nearest borders of channels, as channels are chosen by lib/eels: *from and *to become energies
 * of borders.  False, both untouched, where it is not wholly on the axis. */
bool em_synth_axis_window(const struct em_synth_axis *axis, double *from, double *to);

/* ---- the detector ---- */

struct em_synth_detector {
	float *gain; /* of each channel, mean 1: a fixed pattern.  Owned */
	size_t channels;
	double readout;
};
/* The pattern belongs to the seed: normal, of standard deviation `gain`, within four of them.  `readout`: of the noise
 * that each reading adds, in counts.  EM_ERROR_USAGE: gain not 0 .. 0.2, readout not 0 .. 1e6. */
int em_synth_detector_init(struct em_synth_detector *d, uint64_t seed, size_t channels, double gain, double readout,
                           struct em_error *err);
void em_synth_detector_release(struct em_synth_detector *d);
/* out[channels] = gain times Poisson's number of what is expected, and readout noise. */
void em_synth_detector_expose(const struct em_synth_detector *d, const double *expected, struct em_random *r,
                              float *out);

/* ---- between the files of the model ---- */

/* t[n] for n = 0 .. orders - 1: Poisson's weights; the last has all of what remains, so that their sum is 1. */
void em_synth_loss_weights(double thickness, size_t orders, double *t);
/* How many orders it takes for less than 10^-6 to remain. */
size_t em_synth_loss_orders(double thickness);
/* The distribution of one loss at 0, step, 2 step, ...: sum times step is 1.  *n: how many.  The caller frees it. */
double *em_synth_loss_distribution(double step, size_t *n, struct em_error *err);
/* out[n] = (in * distribution), causal: in[i] moves to i, i + 1, ... */
void em_synth_loss_convolve(const double *in, size_t n, const double *distribution, size_t taps, double step,
                            double *out);

#endif
