/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/lowrank.h"

#include "base/random.h"

#include <stdlib.h>

/* veil[VEILS][n], and the sum of their squares. */
static void draw(const struct em_pattern_doubt *doubt, size_t n, double *wave, double *veil, double *variance)
{
	for (size_t i = 0; i < n; i++)
		variance[i] = doubt->rest;
	for (size_t a = 0; a < EM_PATTERN_BASE; a++) {
		em_pattern_wave(a, n, wave);
		for (size_t k = 0; k < EM_PATTERN_VEILS; k++)
			for (size_t i = 0; i < n; i++)
				veil[k * n + i] += doubt->veil[k][a] * wave[i];
	}
	for (size_t k = 0; k < EM_PATTERN_VEILS; k++)
		for (size_t i = 0; i < n; i++)
			variance[i] += veil[k * n + i] * veil[k * n + i];
}

int em_lowrank_set_doubt(struct em_lowrank *lr, const struct em_pattern_doubt *doubt, struct em_error *err)
{
	size_t n = lr->energy.channels, all = (2 * EM_PATTERN_VEILS + 1) * n;
	double *room = calloc(all, sizeof(*room));
	struct em_random r;

	if (!room)
		return em_error_memory(err, all * sizeof(*room));
	free(lr->veil);
	lr->doubt = *doubt;
	lr->veil = room;
	lr->grain = room + EM_PATTERN_VEILS * n;
	lr->unknown = lr->grain + EM_PATTERN_VEILS * n;
	draw(doubt, n, lr->grain, lr->veil, lr->unknown);
	em_random_seed(&r, 1, 0); /* always the same */
	for (size_t i = 0; i < EM_PATTERN_VEILS * n; i++)
		lr->grain[i] = em_random_normal(&r);
	return 0;
}
