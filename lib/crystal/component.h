/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Bragg component of a frame: what it holds near one spot g of its spectrum, as a complex image
 *
 *     psi(r) = 1 / (height width) * sum over k of M(|k - g|) F(k) exp(2 pi i ((k - c).r + k.shift)) ,
 *     M(q) = (1 + cos(pi q / radius)) / 2 within the radius, 0 beyond,
 *
 * c being the coefficient next to g.  Where a lattice a cos(2 pi g.r + phi) stands, |psi| is w a / 2, w the window; its
 * phase turns with what g misses of c, and with every displacement u of the lattice, by 2 pi g.u (geometric phase:
 * Hytch, Snoeck & Kilaas, Ultramicroscopy 74 (1998) 131).  What psi sees blurs over about 1 / radius pixels, which is
 * the width at half height of M's transform.
 *
 * As nothing lies beyond the radius, the image is made on a coarse grid of at least four points a blur: a small
 * transform of a cut-out of F holds all that a full one would.
 */
#ifndef EM_CRYSTAL_COMPONENT_H
#define EM_CRYSTAL_COMPONENT_H

#include "crystal/spectrum.h"

#include <stddef.h>

struct em_spot {
	double y, x;   /* g in cycles a pixel: its modulus below 0.5 in either; 0, 0: the local mean */
	double radius; /* of the mask, cycles a pixel */
};

/* A grid over frames of one size: its point (j, i) stands at the pixel (j height / rows, i width / columns). */
struct em_map_grid;

/* Fine enough for masks of this radius, 0 < radius <= EM_MASK_MOST. */
#define EM_MASK_MOST 0.25
struct em_map_grid *em_map_grid_new(size_t height, size_t width, double radius, struct em_error *err);
void em_map_grid_free(struct em_map_grid *grid); /* NULL allowed */
size_t em_map_grid_rows(const struct em_map_grid *grid);
size_t em_map_grid_columns(const struct em_map_grid *grid);
void em_map_grid_step(const struct em_map_grid *grid, double step[2]); /* from point to point: y, x; px */

/* A spot's mask in the spectra of one size: which coefficients it takes in, and how much of each. */
struct em_mask;

struct em_mask *em_mask_new(size_t height, size_t width, const struct em_spot *spot, struct em_error *err);
void em_mask_free(struct em_mask *mask);          /* NULL allowed */
double em_mask_power(const struct em_mask *mask); /* sum of M^2 */

/* The columns that it needs of the spectrum: see em_spectrum_want. */
void em_mask_want(const struct em_mask *mask, size_t width, bool *wanted);

/* The power of the spectrum under the mask, sum of M^2 |F|^2. */
double em_component_power(const struct em_mask *mask, const struct em_spectrum *s);
/* The cut-out of the spectrum, [rows][columns] pairs from em_fft_alloc. */
void em_component_cut(const struct em_map_grid *grid, const struct em_mask *mask, const struct em_spectrum *s,
                      float *band);
/* psi, [rows][columns] pairs from em_fft_alloc, of the specimen moved back by shift (y, x; px).  Spoils the band. */
void em_component_image(const struct em_map_grid *grid, const struct em_mask *mask, const double shift[2], float *band,
                        float *psi);

#endif
