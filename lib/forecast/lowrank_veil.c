/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/lowrank.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>

#define TURN 6.28318530717958647692

/* Waves 1 .. n / 2 of n channels, each of variance 2 / n of its band's, in phases at random. */
static void draw(struct em_random *r, const double *missing, size_t n, double *out)
{
	size_t waves = n / 2;

	for (size_t k = 1; k <= waves; k++) {
		double power = missing[(k - 1) * EM_LOWRANK_BANDS / waves] * EM_LOWRANK_BANDS / (double)waves,
		       c = sqrt(power) * em_random_normal(r), s = sqrt(power) * em_random_normal(r),
		       turn = TURN * (double)k / (double)n, by_c = cos(turn), by_s = sin(turn);

		for (size_t i = 0; i < n && power > 0; i++) {
			double next = c * by_c - s * by_s;

			out[i] += c;
			s = s * by_c + c * by_s;
			c = next;
		}
	}
}

int em_lowrank_set_missing(struct em_lowrank *lr, const double missing[EM_LOWRANK_BANDS], struct em_error *err)
{
	size_t n = lr->energy.channels;
	double *room = calloc(2 * EM_LOWRANK_VEILS * n, sizeof(*room)), all = 0;
	struct em_random r;

	if (!room)
		return em_error_memory(err, 2 * EM_LOWRANK_VEILS * n * sizeof(*room));
	for (int b = 0; b < EM_LOWRANK_BANDS; b++) {
		lr->missing[b] = missing[b];
		all += missing[b];
	}
	lr->unknown = sqrt(all);
	free(lr->veil);
	lr->veil = room;
	lr->grain = room + EM_LOWRANK_VEILS * n;
	em_random_seed(&r, 1, 0);
	for (size_t k = 0; k < EM_LOWRANK_VEILS; k++) {
		draw(&r, missing, n, lr->veil + k * n);
		for (size_t i = 0; i < n; i++)
			lr->grain[k * n + i] = em_random_normal(&r);
	}
	return 0;
}
