/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Spectrum images and line scans across an interface, whose truth is known: compound A on the left, B on the right, and
 * the share of B an error function of x, 1/2 (1 + erf((x - position) / (sqrt(2) width))).  Pixel (row, column) lies at
 * x = column * pixel.
 */
#ifndef EM_SYNTH_EELS_H
#define EM_SYNTH_EELS_H

#include "io/stream.h"
#include "synth/spectrum.h"

/* What spectra of every kind are recorded with.  NAN, and an axis of no channels: as is usual for the kind. */
struct em_synth_recording {
	struct em_synth_axis axis;
	double resolution, spread; /* eV; channels */
	double gain, readout;      /* shares; counts */
	double dose;               /* electrons of the beam that a spectrum takes */
	bool single;               /* no plural scattering of core losses */
};

struct em_synth_eels_options {
	uint64_t seed;
	size_t rows, columns;
	struct em_synth_recording recording;
	const struct em_synth_compound *compound[2]; /* A, B; NULL: LaFeO3, SrTiO3 */
	/* NAN: 0.2, 0.6, the middle; 0.5, 3; 0; 0 */
	double pixel_nm, width_nm, position_nm;
	double thickness, exponent; /* t / lambda; of the background */
	double conversion; /* Ti that is 3+ at the interface: this share times exp(-(x - position)^2 / 2 width^2) */
	double drift;      /* eV, from the first pixel to the last, row by row */
	bool low;          /* the low loss of each pixel as well: a thousandth of the electrons */
};

/* "A/B": two names of compounds.  EM_ERROR_USAGE. */
int em_synth_eels_pair(const char *text, const struct em_synth_compound *pair[2], struct em_error *err);
/* "OFFSET:SCALE:CHANNELS" in eV.  EM_ERROR_USAGE where it does not say three numbers. */
int em_synth_axis_parse(const char *text, struct em_synth_axis *axis, struct em_error *err);

struct em_synth_eels {
	struct em_synth_eels_options o;
	struct em_synth_loss core, low; /* low: zeroed unless asked for */
	struct em_synth_detector detector, low_detector;
	struct em_synth_specimen side[2];
};

/* EM_ERROR_USAGE: numbers out of bounds, more than EM_SYNTH_EELS_BYTES of spectra. */
#define EM_SYNTH_EELS_BYTES ((size_t)1 << 31)
int em_synth_eels_init(struct em_synth_eels *m, const struct em_synth_eels_options *o, struct em_error *err);
void em_synth_eels_release(struct em_synth_eels *m); /* zeroed: allowed */

/* What the beam goes through in a pixel; and by how much its energies are moved. */
struct em_synth_specimen em_synth_eels_specimen(const struct em_synth_eels *m, size_t column);
double em_synth_eels_shift(const struct em_synth_eels *m, size_t row, size_t column);

/*
 * Image i of the seed: KEY.data.npy, float32 [rows][columns][channels], counts; [columns][channels] where there is one
 * row, KEY.spectrum.npy where there is one pixel.  KEY.truth.npy, the same without noise and gain; with the core loss
 * KEY.truth-EDGE.npy (ti-l23, o-k, ...), float32 [rows][columns]: net counts of the edge in its window, where
 * the axis holds that and one of the compounds the element.  The record has "axes", "truth" and "synth".  The key is
 * sSEED/eels-I, with em_synth_eels_options.low sSEED/eels-I/core and .../low.  On up to `threads` threads; the caller
 * releases *s.
 */
int em_synth_eels_image(const struct em_synth_eels *m, size_t i, bool low, int threads, struct em_sample *s,
                        struct em_error *err);

/* ---- between the files ---- */

void em_synth_eels_print(const struct em_synth_eels *m, size_t i, bool low, struct em_text *truth,
                         struct em_text *synth);
/* Members of an object: what the recording was like; a number. */
void em_synth_recording_print(const struct em_synth_recording *r, struct em_text *out);
void em_synth_put(struct em_text *out, const char *name, double v);
/* Is a window of that edge on the axis, and the element in one of n specimens?  Its borders of channels. */
bool em_synth_edge_window(const struct em_synth_axis *axis, enum em_synth_element element,
                          const struct em_synth_specimen *s, size_t n, double window[2]);
/* "windows":{"Ti-L23":[a,b],...} of these. */
void em_synth_windows_print(const struct em_synth_axis *axis, const struct em_synth_specimen *s, size_t n,
                            struct em_text *out);
/* A number, or what to take for NAN.  What was not given, from the usual one. */
double em_synth_given(double v, double otherwise);
struct em_synth_recording em_synth_recording_fill(const struct em_synth_recording *r,
                                                  const struct em_synth_recording *usual);
/* Bounds of the numbers that the two kinds share: dose, gain, ...  EM_ERROR_USAGE. */
int em_synth_bound(const char *name, double value, double lo, double hi, struct em_error *err);
int em_synth_recording_check(const struct em_synth_recording *r, struct em_error *err);
#endif
