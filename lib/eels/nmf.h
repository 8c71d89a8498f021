/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Spectra as sums of a few unknown spectra, nothing negative: X = amounts components.  The components are NOT UNIQUE:
 * where no pixel is pure and no channel belongs to one component alone, other sets describe the data as well, and
 * they need not be spectra of substances.  Compare with references (unmix.h) before giving them names.
 */
#ifndef EM_EELS_NMF_H
#define EM_EELS_NMF_H

#include "eels/basis.h"

#include <stdbool.h>
#include <stddef.h>

struct em_nmf {
	size_t count, spectra, channels;
	double *component; /* [count][channels], >= 0, each of total 1; owned */
	double *amount;    /* [spectra][count], >= 0, in the total's unit, counts; owned */
	double residual;   /* what of the basis's part of the data is left, relative: |S C - W H| / |S C| */
	size_t sweeps;
	/* what is left is 1/100 of the noise's part, or fell by 1e-5 of itself at most; else 2,000 sweeps end */
	bool converged;
};

/*
 * From the scores[spectra][basis->rank] of the spectra in a basis that is not centred: noise outside of it is gone, the
 * weights make it about the likeliest for Poisson counts, and a sweep costs next to nothing (low-rank NMF: Zhou,
 * Cichocki & Xie, IEEE Trans. Signal Process. 60 (2012) 2928).  Hierarchical alternating least squares (Cichocki &
 * Phan, IEICE Trans. E92-A (2009) 708) from the start NNDSVD (Boutsidis & Gallopoulos, Pattern Recogn. 41 (2008) 1350):
 * no chance in it, the same every time.  Components come by falling total amount.
 * The result is the caller's to release.  EM_ERROR_USAGE: a centred basis, no component, more than the rank;
 * EM_ERROR_DATA: scores that are not finite, or a component that is nothing.
 */
int em_nmf_run(struct em_nmf *nmf, const struct em_basis *basis, const double *scores, size_t spectra, size_t count,
               struct em_error *err);
void em_nmf_release(struct em_nmf *nmf);

#endif
