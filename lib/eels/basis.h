/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A few components that describe many spectra: principal components after the noise of all channels and spectra was
 * made equal.  Counts are Poisson, their variance is the mean: every element is divided by the root of what the mean
 * spectrum and its own spectrum's total let expect (Keenan & Kotula, Surf. Interface Anal. 36 (2004) 203).  Without it,
 * the first components of an EELS series describe the noise of its most intense channels.
 */
#ifndef EM_EELS_BASIS_H
#define EM_EELS_BASIS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct em_basis_settings {
	size_t rank;     /* components; 0: those that stand out of the noise, at most rank_max */
	size_t rank_max; /* 0: 16; more where rank is more */
	bool centred;    /* the mean spectrum is taken off first; else the components describe it, too */
	/* [channels]: the variance of a channel, the same in all spectra.  NULL: Poisson, from the mean and the totals
	 */
	const double *variance;
	int threads; /* 0: one */
};

struct em_basis {
	size_t channels, rank;
	size_t spectra; /* that it was made of: without the missing */
	bool centred;
	double *mean; /* [channels]; zeros where not centred */
	double
	    *weight; /* [channels]: 1 / standard deviation in the mean spectrum; 0: a channel that is not described */
	double *component; /* [rank][channels]: orthonormal vectors of weighted spectra */
	double *value; /* [values]: singular values, falling: the scree; each of the noise's about value / edge <= 1 */
	size_t values; /* >= rank */
	double noise;  /* standard deviation of a weighted element, measured; 1 for counts of Poisson's distribution */
	double edge;   /* the greatest singular value that noise alone has, about */
	double threshold; /* components with greater values stand out */
};

/*
 * From spectra[count][channels].  Spectra that hold something not finite, or a total that is not positive (without
 * variance), are missing: left out.  Channels without counts (mean <= 0) or with a variance of 0 have no weight.
 *
 * noise^2 is what `rank` components leave, by its degrees of freedom.  Noise of its own in each of n spectra and m
 * channels has singular values up to noise (sqrt n + sqrt m) = edge (Marchenko & Pastur); a component is worth having
 * from threshold = noise sqrt(max(n, m)) lambda(min / max), eq. 11 of Gavish & Donoho, IEEE Trans. Inf. Theory 60
 * (2014) 5040.  The rank is the number of values beyond it, found together with the noise from 0 upwards.
 *
 * The basis is the caller's to release.  EM_ERROR_USAGE: no spectra or channels, more components than spectra or
 * channels, a variance that is no variance; EM_ERROR_DATA: fewer than two spectra that are not missing, no channel with
 * weight; EM_ERROR_MEMORY.
 */
int em_basis_make(struct em_basis *basis, const float *spectra, size_t count, size_t channels,
                  const struct em_basis_settings *settings, struct em_error *err);
void em_basis_release(struct em_basis *basis);

/*
 * scores[rank]: weighted least squares of a spectrum; the standard error of each is basis->noise times the root of
 * the spectrum's total by the mean's.  Channels that are not finite are left out, the others still give all scores.
 * EM_ERROR_DATA where too few are left to tell the components apart.
 */
int em_basis_project(const struct em_basis *basis, const float *spectrum, double *scores, struct em_error *err);

/* spectrum[channels] = mean + sum of scores[rank] times components; the mean in channels without weight. */
void em_basis_reconstruct(const struct em_basis *basis, const double *scores, double *spectrum);

#endif
