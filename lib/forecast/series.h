/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Series of spectra in time: one after the other, on one energy axis, each with what it would be without noise where a
 * simulation knows it.
 */
#ifndef EM_FORECAST_SERIES_H
#define EM_FORECAST_SERIES_H

#include "base/array.h"
#include "base/error.h"
#include "eels/energy.h"
#include "io/stream.h"

#include <stdbool.h>
#include <stddef.h>

/* Where spectra come in time, as their records tell. */
struct em_series_clock {
	double last, step; /* the place of the one before; places from one to the next, 0: not known yet */
	bool known;
};

struct em_series {
	char *name; /* owned */
	struct em_energy energy;
	size_t count, capacity;
	float *frame; /* [count][energy.channels]; NaN: not known */
	float *truth; /* the same, without noise; NULL: not known */
	struct em_series_clock clock;
};
void em_series_release(struct em_series *s); /* of a zeroed one too */

/*
 * A spectrum made fit for a series, in place.  Nothing at all (all of it zero or not finite) becomes NaN, and so do
 * saturated channels: three neighbours or more at the spectrum's greatest value, where it has an upper bound as a
 * detector's integers do.  EM_ERROR_DATA, which says what to do: all channels equal; negative counts beyond what noise
 * about zero gives, a hundredth of the total.
 */
int em_series_clean(float *frame, size_t channels, struct em_error *err);

/* All spectra are on one axis: EM_ERROR_DATA with both where `theirs` is another (by a tenth of a channel anywhere). */
int em_series_same_axis(const struct em_energy *ours, const struct em_energy *theirs, struct em_error *err);

/* A number that other series do not have, to nine digits: to know a series again. */
double em_series_mark(const struct em_series *s);

/* Many series, in the order in which they begin. */
struct em_series_set {
	struct em_series *series;
	size_t count, capacity;
};
void em_series_set_release(struct em_series_set *set);

/*
 * The spectra of a sample, cleaned: one, or a row each (time x energy).  Samples KEY/NAME with one spectrum belong to
 * the series KEY; a sample of rows, or one whose key has no folder, is (or goes on with) the series of that key, or of
 * "". The member "truth" is the same without noise.  Spectra that are absent before it are NaN.  EM_ERROR_DATA: no
 * energy axis, of other axes than those before, more than two dimensions, a truth of another shape, em_series_absent's;
 * EM_ERROR_MEMORY.
 */
int em_series_set_add(struct em_series_set *set, const struct em_sample *s, struct em_error *err);

/* What a sample's spectra are: rows, and each cleaned in frames[rows][channels], to be freed; spikes (eels/spikes.h)
 * are NaN. */
int em_series_read(const struct em_sample *s, struct em_energy *energy, float **frames, size_t *rows,
                   struct em_error *err);
/*
 * How many spectra are absent between the one before and this, by its place in a stack of one dimension ("stack" in
 * the record): 0 where it has none.  Every step-th frame is the rule where they come so; where a place is not a
 * multiple of steps further, another rule begins.  EM_ERROR_DATA: more than 1000.
 */
int em_series_absent(struct em_series_clock *clock, const struct em_sample *s, size_t *absent, struct em_error *err);
/* The name of the series that a sample of so many rows belongs to; cut to n - 1 bytes. */
void em_series_name(const struct em_sample *s, size_t rows, char *name, size_t n);

/*
 * The standard deviation of the noise of a spectrum's channel, in units of the root of its counts: from second
 * differences in time, which steady changes and steady drift leave out; the median over triples of spectra.  1 for
 * counts of Poisson's distribution.  NaN with less than three spectra in a row.
 */
double em_series_noise(const struct em_series *s);

#endif
