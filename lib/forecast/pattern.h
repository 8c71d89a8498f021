/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A detector's gain pattern, from spectra that drift over it: what stays with the channels is the detector's.
 *
 * Spectra are components times scores, each at its place, times 1 + g.  Pattern and places are found at once, by linear
 * least squares about what is known of both; whatever the components or the scores may take up is taken out first
 * (variable projection: Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973) 413), for no datum speaks of it.  A pattern's
 * channels are independent of each other with one variance, which the short waves tell, as drift by a channel shows
 * these well; so the long ones, of which drift shows little, are kept from becoming greater than they may be, and how
 * uncertain each remains is known.
 *
 * Not all that is left is noise: reactions that few components do not quite describe pull as well, each series its own
 * way.  So much as series disagree by more than noise lets them, so much less a datum is worth in what is left open
 * (the sandwich of Huber, Proc. Fifth Berkeley Symp. 1 (1967) 221, by series).
 */
#ifndef EM_FORECAST_PATTERN_H
#define EM_FORECAST_PATTERN_H

#include "base/error.h"
#include "eels/basis.h"

#include <stddef.h>

#define EM_PATTERN_VEILS 48
/* With fewer nobody can say whether they agree, and what drift and reaction do together passes for a pattern. */
#define EM_PATTERN_SERIES 3

/* What is not known of a pattern: the covariance of g is the sum of the veils' outer products, and `rest` of each
 * channel by itself; both are of whoever asks. */
struct em_pattern_doubt {
	double *veil; /* [EM_PATTERN_VEILS][channels] */
	double *rest; /* [channels] */
};

struct em_pattern_spectra {
	size_t count;
	const float *aligned; /* [count][channels]: by the pattern so far, without gaps; a row with NaN is missing */
	double *shift;        /* [count], channels: datum i of a spectrum is at channel i + shift */
	const struct em_basis *basis; /* of these, not centred */
	const size_t *first;          /* [series + 1]: where each series begins */
	size_t series;
	int threads;
};

/*
 * flat[channels], the pattern so far, about 1, and the shifts become better; *variance is the prior's, and becomes what
 * was found (0: there is no pattern to be seen).  doubt: NULL, or what the result leaves open, by the variance that
 * came in; asked for when the pattern has settled.  EM_ERROR_MEMORY.
 */
int em_pattern_improve(const struct em_pattern_spectra *s, double *flat, double *variance,
                       struct em_pattern_doubt *doubt, struct em_error *err);

#endif
