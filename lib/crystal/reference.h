/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Order: how much of a phase's lattice stands at each place of a frame, beside the reference frames.
 *
 * The reference is the mean over some frames of what order.h makes of them, psi_ref, and its power less the noise's,
 * c_ref^2.  At each place those frames count whose contrast there is nearly the strongest's, 0.85 or less as noise
 * asks for: what loses its order while the reference is taken was in order.  Two measures:
 *
 *     amplitude(r) = c(r) / level(r)
 *     order(r)     = Re sum over spots psi_g(r) exp(-i theta_g(r)) conj psi_ref,g(r) / level^2(r)
 *
 * The first asks for a lattice of these spacings, the second for the reference's lattice in its place; matter without
 * one has any phase, so that its share in `order` is 0 on average and not only small.  Being linear in the frame,
 * order's mean over a region is the share of the region's area that is crystalline, whatever the mask blurs and however
 * small the domains are; counting the area above a threshold is not (by 2 to 4 points for domains of 5 spacings). theta
 * is a plane for each spot, fitted over the region: what the lattice is strained and rotated by, what registration left
 * of the drift and what the optics turn the phase by are no disorder.
 *
 * level is c_ref, but where that is below half of what the phase has where it is (`typical`), that: what was disordered
 * in the reference counts as disordered.  typical is the median of c_ref where it is above half of its 98th percentile,
 * and then of what is above 0.8 of that, so that borders, which blur, do not count; a phase is seen if it fills a
 * fiftieth of the frame.  A single picture is its own reference: the level is `typical` all over, and only the
 * amplitude says something.
 *
 * Along a straight border of crystalline matter both are 1/2, so maps are parted there: EM_ORDER_THRESHOLD.
 */
#ifndef EM_CRYSTAL_REFERENCE_H
#define EM_CRYSTAL_REFERENCE_H

#include "crystal/order.h"

#define EM_ORDER_THRESHOLD 0.5

struct em_reference_phase { /* all [rows][columns] */
	float *psi;         /* means: [spots][2], as in order.h */
	float *contrast2;   /* mean c^2 */
	float *noise2;      /* mean noise / I^2 */
	float *count;       /* frames that count there */
	float *level2;      /* level^2; NaN where no frame reaches */
	float *there; /* 1 where the phase is, half of `typical` or more; else 0.  Of a single picture 1 all over */
	double typical;
};

struct em_reference {
	struct em_reference_phase phase[EM_ORDER_PHASES];
};

/* Of n frames that have been formed.  single: it is a picture by itself. */
int em_reference_init(struct em_reference *ref, const struct em_order_plan *plan,
                      const struct em_order_frame *const *frames, size_t n, bool single, struct em_error *err);
void em_reference_release(struct em_reference *ref); /* of a zeroed one too */

/* amplitude[rows][columns]; NaN where the frame or the reference does not reach. */
void em_reference_amplitude(const struct em_reference *ref, const struct em_order_plan *plan,
                            const struct em_order_frame *f, size_t phase, float *amplitude);

/* theta_g(r) = angle + slope . (r - middle), in px of the reference. */
struct em_order_plane {
	double angle, slope[2], middle[2];
	double slope_u[2]; /* standard uncertainties; 0: no slope could be fitted */
	double
	    coherence; /* |sum of psi exp(-i theta) conj psi_ref| / sum of |psi psi_ref|: 1 the same lattice, 0 none */
};

/* The planes of a phase's spots over a region: weight[rows][columns] from 0 to 1. */
int em_reference_fit(const struct em_reference *ref, const struct em_order_plan *plan, const struct em_order_frame *f,
                     size_t phase, const float *weight, struct em_order_plane planes[EM_ORDER_SPOTS],
                     struct em_error *err);

/* order, and across: the same with Im for Re, which is 0 for a lattice in its place and as noisy. */
int em_reference_order(const struct em_reference *ref, const struct em_order_plan *plan, const struct em_order_frame *f,
                       size_t phase, const struct em_order_plane *planes, float *order, float *across,
                       struct em_error *err);

#endif
