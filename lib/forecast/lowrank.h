/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Spectra seen through a low-rank basis: where on the energy axis each lies, and a few scores instead of its channels.
 *
 * A spectrum y and the basis b_k: y(i + shift) = sum of score_k b_k(i) + noise.  The shift, with a fraction, is what
 * makes the weighted squares of the residual least (Gauss-Newton, on the reconstruction's slope and beside what changes
 * of the scores explain), so that a chemical shift of one edge is no drift.
 *
 * What stays with the channels while spectra drift over them is the detector's: its gain pattern is learned as well and
 * divided out, where that makes a series' residual smaller (it may be of another detector).
 */
#ifndef EM_FORECAST_LOWRANK_H
#define EM_FORECAST_LOWRANK_H

#include "base/error.h"
#include "eels/basis.h"
#include "eels/energy.h"
#include "forecast/pattern.h"
#include "forecast/series.h"

#include <stdbool.h>
#include <stddef.h>

struct em_lowrank_settings {
	size_t rank;                    /* 0: those that stand out of the noise, at most rank_max */
	size_t rank_max;                /* 0: 8 */
	size_t reach;                   /* drift, channels to each side; 0: spectra do not drift */
	bool whole;                     /* drift in whole channels, as published */
	struct em_energy_window window; /* shifts are measured here; both 0: everywhere */
	int threads;
};

struct em_lowrank {
	struct em_energy energy;
	struct em_basis basis; /* not centred */
	size_t reach;
	bool whole;
	struct em_energy_span window;
	double *shape; /* [rank][channels]: components without their weights */
	double *slope; /* its derivative, a channel */
	double *flat;  /* [channels]: the detector's gain pattern, about 1 */
	/* what of the pattern is not in `flat` but in the basis; veil is NULL where it was not asked */
	struct em_pattern_doubt doubt;
	double *unknown; /* [channels]: its variance, of veils and rest, in the same memory */
};

/*
 * From series (count >= 1) on one axis: align, take components, align to these, and so on.  EM_ERROR_DATA: fewer than
 * two spectra that are not missing; EM_ERROR_USAGE: a window outside of the axis, more components than spectra.
 */
int em_lowrank_learn(struct em_lowrank *lr, const struct em_series *const *series, size_t count,
                     const struct em_lowrank_settings *settings, struct em_error *err);
/* From a basis (taken over where this succeeds), as read from a file. */
int em_lowrank_init(struct em_lowrank *lr, struct em_basis *basis, const struct em_energy *energy,
                    const struct em_lowrank_settings *settings, struct em_error *err);
/* Copies it, and sets what goes with it. */
int em_lowrank_set_doubt(struct em_lowrank *lr, const struct em_pattern_doubt *doubt, struct em_error *err);
int em_lowrank_copy(struct em_lowrank *dst, const struct em_lowrank *src, struct em_error *err);
void em_lowrank_release(struct em_lowrank *lr); /* of a zeroed one too */

/* What was seen of a spectrum; kept from spectrum to spectrum of a series, whose shift begins where the last ended. */
struct em_observation {
	bool missing;    /* nothing was seen; shift and gain are those before */
	bool begun;      /* a spectrum was seen */
	double shift;    /* channels */
	double gain;     /* variance of a channel by its counts, from the residual */
	double level;    /* total counts by those of the basis's mean spectrum */
	double variance; /* of each score */
	double *score;   /* [rank] */
	float *aligned;  /* [channels]: the spectrum without its shift, channels that are not known reconstructed */
	float *frame;    /* [channels]: the spectrum, by the gain pattern where `flat` */
	bool flat;       /* the pattern is this series' */
	double *model;   /* [channels]: the scores' spectrum where the frame is */
	double *work;    /* [2][channels] */
};
int em_observation_init(struct em_observation *o, const struct em_lowrank *lr, struct em_error *err);
void em_observation_release(struct em_observation *o);

/* frame[channels], in counts; NaN: not known.  Less than half of the channels known, or NULL: missing. */
void em_lowrank_observe(const struct em_lowrank *lr, const float *frame, struct em_observation *o);
/* The same at a given shift; of a spectrum that is not missing, in o->frame already. */
void em_lowrank_observe_at(const struct em_lowrank *lr, double shift, struct em_observation *o);

/* spectrum[channels] = the scores' sum of shapes. */
void em_lowrank_reconstruct(const struct em_lowrank *lr, const double *score, double *spectrum);

#endif
