/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Bragg components of a frame, of all spots of each phase, over the mean intensity nearby:
 *
 *     psi_g(r) / I(r) ,    c^2(r) = (sum over spots |psi_g|^2 - noise_g) / I^2 .
 *
 * psi_g is the Bragg component (component.h), I that of g = 0: thickness, beam and the window's fall to the border
 * cancel.  Closer to the border than 0.4 blurs, or where the window is below 0.03, nothing is known: spectra are
 * periodic, and masks mix in what stands at the opposite border, whose lattice is out of step.  noise_g is what the
 * mask lets through of matter without a lattice and of counting: the power in discs at the same |g| that no spot is
 * near, of the mask's size where there is room, spread over the frame as the window does. Frames whose mean is not
 * positive (processed pictures) are not divided by it: I is the window.
 *
 * Masks are as wide as they can be, half of the way to the nearest other spot: they blur over two or three spacings,
 * and what noise they let through averages out in every sum over a region.  All have one radius, so that all blur
 * alike.
 */
#ifndef EM_CRYSTAL_ORDER_H
#define EM_CRYSTAL_ORDER_H

#include "crystal/component.h"
#include "crystal/spectrum.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_ORDER_PHASES 8
#define EM_ORDER_SPOTS 32    /* of a phase */
#define EM_ORDER_DISCS 8     /* beside a spot, that hold no spot; their median counts */
#define EM_ORDER_LEAST 1.5   /* coefficients of the spectrum, a mask's radius at least */
#define EM_ORDER_RADIUS 0.45 /* of a mask, of its |g|, at most: blurs over 2.2 of its spacings */

struct em_order_phase {
	char name[32];
	struct em_spot spot[EM_ORDER_SPOTS];
	size_t count;
};

/* Phases, grid and discs of one movie; many threads may use it. */
struct em_order_plan;

/*
 * The phases are copied; 1 <= count <= EM_ORDER_PHASES.  Masks have radius * |g|, but reach no more than half of the
 * way to another spot, nor to one of the n others (y, x in cycles a pixel; the picture's, of no phase), nor to the
 * middle, nor to the opposite of any of them, which for fine spots is near as spectra repeat; and EM_MASK_MOST at most.
 * EM_ERROR_DATA for a spot beyond Nyquist's frequency or too near to the middle or to another one to be told apart.
 */
struct em_order_plan *em_order_plan_new(size_t height, size_t width, const struct em_order_phase *phases, size_t count,
                                        double radius, const double (*others)[2], size_t n, struct em_error *err);
void em_order_plan_free(struct em_order_plan *plan); /* NULL allowed */
const struct em_map_grid *em_order_plan_grid(const struct em_order_plan *plan);
size_t em_order_plan_phases(const struct em_order_plan *plan);
const struct em_order_phase *em_order_plan_phase(const struct em_order_plan *plan, size_t phase); /* radii as used */
/* Pixels over which maps blur: 1 / radius. */
double em_order_plan_blur(const struct em_order_plan *plan);

/* The columns that em_order_cut needs of spectra: see em_spectrum_want. */
void em_order_want(const struct em_order_plan *plan, bool *wanted);

/* What a frame says of one phase. */
struct em_order_map {
	float *contrast2; /* [rows][columns] c^2, may be below 0; NaN where the frame does not reach or is dark */
	float *noise2;    /* [rows][columns] what was taken off, over I^2 */
	float *psi;       /* [spots][2][rows][columns] psi_g / I: real parts, then imaginary ones */
};

/* One frame on its way; a zeroed struct may be released. */
struct em_order_frame {
	float *band;   /* cut-outs of all spots, and of g = 0 */
	double *noise; /* of each spot: what of |psi|^2 is noise where the window is 1 */
	double mean;   /* of the frame */
	struct em_order_map map[EM_ORDER_PHASES];
};

/* Cut out what is needed of a spectrum, which may then go. */
int em_order_cut(const struct em_order_plan *plan, const struct em_spectrum *s, struct em_order_frame *f,
                 struct em_error *err);
/* Make the maps, of the specimen moved back by drift (y, x; px).  Once a frame. */
int em_order_form(const struct em_order_plan *plan, const double drift[2], struct em_order_frame *f,
                  struct em_error *err);
void em_order_frame_release(struct em_order_frame *f);

#endif
