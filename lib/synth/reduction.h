/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * In situ series of spectra whose truth is known: SrTiO3 that loses oxygen, Ti4+ becoming Ti3+ by a law of kinetics,
 * while the foil thins, the energy and the beam's current drift, and the detector adds its own.  Made after the series
 * of the published forecasts: 120 to 160 frames of 0.4 s, 0.1 eV a channel, 435 to 625 eV.
 *
 * What is not asked for (NAN, or frames 0) is drawn anew for each series.  Series j of a seed is the same however many
 * there are; frame i is a function of it, whatever was made before.
 */
#ifndef EM_SYNTH_REDUCTION_H
#define EM_SYNTH_REDUCTION_H

#include "synth/eels.h"

/* ---- kinetics: how much has reacted after a time ---- */

enum em_synth_kinetic_law {
	EM_SYNTH_ZERO_ORDER,  /* k t, at most 1 */
	EM_SYNTH_FIRST_ORDER, /* 1 - exp(-k t) */
	EM_SYNTH_PARABOLIC,   /* sqrt(k t), at most 1: diffusion through what has formed */
	EM_SYNTH_AVRAMI,      /* 1 - exp(-(k t)^n): nuclei that grow (Avrami, J. Chem. Phys. 7 (1939) 1103) */
	EM_SYNTH_SIGMOID,     /* (S(t) - S(0)) / (1 - S(0)), S = 1 / (1 + exp(-k (t - t0))): induction */
	EM_SYNTH_LAWS
};
extern const char *const em_synth_kinetics_name[EM_SYNTH_LAWS];
struct em_synth_kinetics {
	enum em_synth_kinetic_law law;
	double rate;      /* k, 1/s */
	double shape;     /* n of Avrami's */
	double induction; /* t0 of the sigmoid, s */
};
/* 0 .. 1, never falling; 0 at and before time 0. */
double em_synth_kinetics_at(const struct em_synth_kinetics *k, double seconds);
/* Set the rate such that `extent` (0 < extent < 1) has reacted after `seconds`; not the sigmoid's, which is how steep
 * it is. */
void em_synth_kinetics_fit(struct em_synth_kinetics *k, double seconds, double extent);

/* ---- the series ---- */

struct em_synth_reduction_options {
	uint64_t seed;
	size_t series, frames; /* frames 0: 120 .. 160 */
	struct em_synth_recording recording;
	double frame_s;             /* NAN: 0.4 */
	int law;                    /* EM_SYNTH_LAWS: one of them by chance */
	double conversion;          /* share of the Ti that is 3+ in the last frame; NAN: 0.3 .. 0.9 */
	double thickness, exponent; /* t / lambda at the start; of the background; NAN: 0.35 .. 0.6, 2.6 .. 3.3 */
	double thinning;            /* share of the thickness that is lost by the last frame; NAN: 0.02 .. 0.15 */
	double current;             /* the beam's, relative, from the first frame to the last; NAN: -0.05 .. 0.05 */
	double drift, walk; /* eV, to the last frame: straight, and a random walk's standard deviation there; NAN: -0.5
	                       .. 0.5, 0.02 .. 0.1 */
};

#define EM_SYNTH_STRIDES 32

/* A series' own numbers. */
struct em_synth_series_plan {
	size_t first, frames; /* of the frames of all series */
	struct em_synth_kinetics valence, vacancy;
	double conversion, thickness, exponent, thinning, current, drift;
	double stride[EM_SYNTH_STRIDES]; /* the walk: sum of stride sin((k + 1/2) pi tau), Karhunen and Loeve */
};

struct em_synth_reduction {
	struct em_synth_reduction_options o;
	struct em_synth_loss loss;
	struct em_synth_detector detector;
	struct em_synth_specimen foil;     /* SrTiO3 of t / lambda 1 */
	struct em_synth_series_plan *plan; /* owned */
	size_t frames;                     /* of all series */
};

/* EM_ERROR_USAGE: numbers out of bounds, more than 10^5 series of 10^6 frames. */
int em_synth_reduction_init(struct em_synth_reduction *m, const struct em_synth_reduction_options *o,
                            struct em_error *err);
void em_synth_reduction_release(struct em_synth_reduction *m); /* zeroed: allowed */
/* The series that frame i of all belongs to. */
size_t em_synth_reduction_series(const struct em_synth_reduction *m, size_t i);

/* One frame's truth. */
struct em_synth_instant {
	double time_s;
	double ti3, vacancy; /* share of the Ti; of the O sites: at most a sixth, half an O for each Ti */
	double intensity;    /* of the beam, relative */
	double shift;        /* eV */
	struct em_synth_specimen specimen;
};
struct em_synth_instant em_synth_reduction_at(const struct em_synth_reduction *m, size_t series, size_t frame);

/*
 * Frame i of all: KEY.spectrum.npy, float32, counts; KEY.truth.npy, the same without noise and gain; and a record with
 * "axes", "acquisition", "stack" (the time), "truth" and "synth".  The key is sSEED/reduction-SERIES/fFRAME.  Safe from
 * many threads.  The caller releases *s.
 */
int em_synth_reduction_frame(const struct em_synth_reduction *m, size_t i, struct em_sample *s, struct em_error *err);

#endif
