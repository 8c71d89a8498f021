/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/drift.h"

#include "crystal/drift_band.h"
#include "crystal/drift_peak.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* What two frames of one specimen do not have in common, as a share of its power: of one where it is looked for, so
 * that spots do not outvote the rest; of little where the place is measured, as spots tell it best. */
static const double STRANGE_SEARCH = 1, STRANGE_MEASURE = 0.05;
/* Standard deviations of chance that a frame's likelihood has to stand above, and that a block has to have. */
static const double CHANCE = 6, DOUBT = 3;
/* One spot or two cannot be so far from chance, as they make the whole power: frames that have this correlation are of
 * one specimen all the same. */
static const double ALIKE = 0.7;
/* What the window spreads into a block has the place of the spot it comes from: so many times its mean power is nothing
 * known (arms of several spots add up as amplitudes), and so many times is noise. */
static const double SPREAD = 2, SPREAD_NOISE = 10;
/* Below this share of the strongest block's power are only the window's far tails and what floats round. */
static const double FLOOR = 1e-3;
/* How fast the mean speed follows. */
static const double HASTE = 0.3;
static const double TURN = 6.28318530717958647692;
/* Blocks that em_drift_band_smooth means over. */
static const double AROUND = 9;

struct em_drift {
	struct em_drift_band band;
	struct em_drift_search search;
	size_t frames; /* that the reference has learned, up to EM_DRIFT_MEMORY */
	size_t lost;   /* frames in a row that showed something unknown */
	double drift[2], speed[2];
	double centre[2];           /* of the drifts in the reference */
	double *common;             /* [blocks], smoothed: cross power at the drift found, running mean */
	double *known;              /* [blocks]: of that, what the window did not spread there from elsewhere */
	double *spread;             /* [blocks]: what it did */
	double *own;                /* [blocks], smoothed: of the reference */
	double *power;              /* [blocks], smoothed: of the frame */
	double *scratch;            /* [blocks] */
	double *weight;             /* [blocks] */
	struct em_drift_term *term; /* [blocks]: room */
};

struct em_drift *em_drift_new(size_t height, size_t width, struct em_error *err)
{
	struct em_drift *d;
	size_t n;

	if (height < EM_SPECTRUM_LEAST || width < EM_SPECTRUM_LEAST) {
		em_error_set(err, EM_ERROR_DATA, "%zu x %zu pixels are too few to see a lattice: at least %d a side",
		             width, height, EM_SPECTRUM_LEAST);
		return NULL;
	}
	if (height > INT_MAX || width > INT_MAX || height > SIZE_MAX / (8 * sizeof(float)) / width) {
		em_error_set(err, EM_ERROR_DATA, "%zu x %zu pixels are too many to register", width, height);
		return NULL;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		em_error_memory(err, sizeof(*d));
		return NULL;
	}
	if (em_drift_band_init(&d->band, height, width, err) || em_drift_search_init(&d->search, err)) {
		em_drift_free(d);
		return NULL;
	}
	n = d->band.blocks;
	d->common = calloc(7 * n, sizeof(double));
	d->term = calloc(n, sizeof(*d->term));
	if (!d->common || !d->term) {
		em_error_memory(err, n * (7 * sizeof(double) + sizeof(*d->term)));
		em_drift_free(d);
		return NULL;
	}
	d->own = d->common + n;
	d->power = d->common + 2 * n;
	d->scratch = d->common + 3 * n;
	d->weight = d->common + 4 * n;
	d->known = d->common + 5 * n;
	d->spread = d->common + 6 * n;
	return d;
}

void em_drift_free(struct em_drift *d)
{
	if (!d)
		return;
	em_drift_band_release(&d->band);
	em_drift_search_release(&d->search);
	free(d->common);
	free(d->term);
	free(d);
}

void em_drift_want(const struct em_drift *d, bool *wanted)
{
	const size_t columns = d->band.size[1] / 2 + 1;

	em_spectrum_want(wanted, 0, d->band.bins[1]);
	em_spectrum_want(wanted, em_drift_band_noise_from(columns), columns - 1);
}

static double bins_a_block(const struct em_drift *d)
{
	return (double)(d->band.width[0] * d->band.width[1]);
}

/* ---- how much a block counts ---- */

/* 2 Re(F conj(S)) / variance is the likelihood's, a bin: S is the part of the reference that has been common so far,
 * the variance what is not common in the frame, and a share of what is. */
static void weigh(struct em_drift *d, double strange)
{
	const double n = bins_a_block(d);
	double most = 0;

	for (size_t i = 0; i < d->band.blocks; i++)
		most = d->power[i] > most ? d->power[i] : most;
	for (size_t i = 0; i < d->band.blocks; i++) {
		double own = d->power[i] - (1 - strange) * d->known[i];
		double variance = fmax(own, strange * d->power[i]) + SPREAD_NOISE * d->spread[i] + FLOOR * most;
		double share = d->own[i] > 0 ? fmin(d->known[i] / d->own[i], 1) : 0;

		d->weight[i] = variance > 0 ? share * n / variance : 0;
	}
}

/* What blocks that count add to the likelihood. */
static size_t list_terms(struct em_drift *d)
{
	const struct em_drift_band *b = &d->band;
	const size_t across = b->reach[1] + 1;
	size_t n = 0;

	for (size_t i = 0; i < b->blocks; i++) {
		double times = i % across > 0 ? 2 : 1, w = times * d->weight[i];

		if (w > 0)
			d->term[n++] = (struct em_drift_term){.row = i / across,
			                                      .column = i % across,
			                                      .y = TURN * em_drift_band_frequency(b, 0, i / across),
			                                      .x = TURN * em_drift_band_frequency(b, 1, i % across),
			                                      .re = w * b->cross[2 * i],
			                                      .im = w * b->cross[2 * i + 1]};
	}
	return n;
}

/* Of the step from `at` on, blocks having the weights that they have now. */
static struct em_drift_likelihood describe(struct em_drift *d, const double at[2])
{
	struct em_drift_likelihood l = {.band = &d->band, .term = d->term, .terms = list_terms(d)};

	for (int a = 0; a < 2; a++) {
		double n = (double)d->band.size[a], taper = EM_SPECTRUM_TAPER * n;

		l.away[a] = at[a] - d->centre[a];
		l.limit[a] = taper / 2;
		/* The window's correlation with itself at a distance x of less than a taper T: 1 - pull x^2, pull half
		 * the integral of w'^2, pi^2 / (4 T), by that of w^2, n - 5 T / 4. */
		l.pull[a] = 9.8696044010893586 / (8 * taper) / (n - 1.25 * taper);
	}
	return l;
}

/* The likelihood in standard deviations of what a frame of the same power without anything common would have, and the
 * correlation. */
static double judge(const struct em_drift *d, const struct em_drift_likelihood *l, const double r[2], double *quality)
{
	const struct em_drift_band *b = &d->band;
	const size_t across = b->reach[1] + 1;
	double value = em_drift_likelihood(l, r), chance = 0, frame = 0, reference = 0;

	for (size_t i = 0; i < b->blocks; i++) {
		double times = i % across > 0 ? 2 : 1, w = d->weight[i];

		chance += times * w * w * b->power[i] * b->own[i] / bins_a_block(d);
		frame += times * w * b->power[i];
		reference += times * w * b->own[i];
	}
	*quality = frame > 0 && reference > 0 ? fmin(fmax(value / sqrt(frame * reference), 0), 1) : 0;
	return chance > 0 ? value / sqrt(chance) : 0;
}

/* ---- a frame ---- */

/* Something beside white noise, in the powers of the frame's blocks; pixels beyond what floats can square show none. */
static bool shows(const struct em_drift *d, const struct em_spectrum *s)
{
	const double n = bins_a_block(d), noise = n * em_drift_band_noise(s);
	double sum = 0, most = 0;

	for (size_t i = 0; i < d->band.blocks; i++) {
		sum += d->power[i];
		most = fmax(most, d->power[i]);
	}
	return isfinite(sum) && most > noise * (1 + CHANCE / sqrt(AROUND * n));
}

/* Where in the frame the reference lies, from the guess at `at` on; false where it does not. */
static bool find(struct em_drift *d, const struct em_spectrum *s, double at[2], double *quality)
{
	const double guess[2] = {at[0], at[1]};
	double r[2], far = INFINITY, sure = 0;

	*quality = 0;
	for (int i = 0; i < 5 && far > 0.05; i++) {
		struct em_drift_likelihood l;

		em_drift_band_compare(&d->band, s, at, far > 2 ? NULL : d->known);
		em_drift_band_smooth(&d->band, d->band.power, d->power);
		r[0] = r[1] = 0;
		if (far > 2) {
			weigh(d, STRANGE_SEARCH);
			l = describe(d, at);
			em_drift_search(&d->search, &l, (double[2]){guess[0] - at[0], guess[1] - at[1]}, r);
			sure = judge(d, &l, r, quality);
		}
		weigh(d, STRANGE_MEASURE);
		l = describe(d, at);
		em_drift_climb(&l, r);
		far = hypot(r[0], r[1]);
		at[0] += r[0];
		at[1] += r[1];
	}
	return sure > CHANCE || *quality > ALIKE;
}

/* The reference from now on: this frame, or its share in the mean. */
static void learn(struct em_drift *d, const struct em_spectrum *s, bool anew)
{
	const double n = bins_a_block(d), noise = anew ? n * em_drift_band_noise(s) : 0;
	double share;

	d->frames = anew ? 1 : d->frames + (d->frames < EM_DRIFT_MEMORY);
	share = 1 / (double)d->frames;
	for (size_t i = 0; i < d->band.blocks; i++)
		d->scratch[i] = d->band.cross[2 * i];
	if (!anew) {
		em_drift_band_smooth(&d->band, d->scratch, d->weight);
		for (size_t i = 0; i < d->band.blocks; i++)
			d->common[i] += share * (d->weight[i] - d->common[i]);
	}
	em_drift_band_learn(&d->band, s, d->drift, share);
	em_drift_band_smooth(&d->band, d->band.own, d->own);
	for (size_t i = 0; i < d->band.blocks && anew; i++)
		d->common[i] = fmax(d->own[i] - noise, 0);
	em_drift_band_spread(&d->band, d->common, d->spread);
	for (size_t i = 0; i < d->band.blocks; i++) {
		double doubt = sqrt(d->power[i] * d->own[i] / (2 * AROUND * n) * share);

		d->known[i] = fmax(d->common[i] - SPREAD * d->spread[i] - DOUBT * doubt, 0);
	}
	for (int a = 0; a < 2; a++)
		d->centre[a] += share * (d->drift[a] - d->centre[a]);
	d->lost = 0;
}

static double follow(struct em_drift *d, const struct em_spectrum *s)
{
	double at[2] = {d->drift[0] + d->speed[0], d->drift[1] + d->speed[1]}, quality;

	if (!find(d, s, at, &quality)) {
		d->speed[0] = d->speed[1] = 0;
		if (shows(d, s) && ++d->lost >= EM_DRIFT_MEMORY / 2)
			learn(d, s, true);
		return 0;
	}
	for (int a = 0; a < 2; a++) {
		d->speed[a] += HASTE * (at[a] - d->drift[a] - d->speed[a]);
		d->drift[a] = at[a];
	}
	learn(d, s, false);
	return quality;
}

static double begin(struct em_drift *d, const struct em_spectrum *s)
{
	em_drift_band_compare(&d->band, s, d->drift, NULL);
	em_drift_band_smooth(&d->band, d->band.power, d->power);
	if (!shows(d, s))
		return 0;
	learn(d, s, true);
	return 1;
}

int em_drift_next(struct em_drift *d, const struct em_spectrum *s, double drift[2], double *quality,
                  struct em_error *err)
{
	if (s->height != d->band.size[0] || s->width != d->band.size[1])
		return em_error_set(err, EM_ERROR_DATA, "a frame of %zu x %zu pixels among frames of %zu x %zu",
		                    s->width, s->height, d->band.size[1], d->band.size[0]);
	*quality = d->frames ? follow(d, s) : begin(d, s);
	drift[0] = d->drift[0];
	drift[1] = d->drift[1];
	return 0;
}
