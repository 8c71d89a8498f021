/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/lowrank.h"

#include <stdlib.h>
#include <string.h>

int em_lowrank_set_doubt(struct em_lowrank *lr, const struct em_pattern_doubt *doubt, struct em_error *err)
{
	size_t n = lr->energy.channels, size = EM_PATTERN_VEILS * n;
	double *veil = malloc((size + 2 * n) * sizeof(*veil)), *rest = veil + size;

	if (!veil)
		return em_error_memory(err, (size + 2 * n) * sizeof(*veil));
	memcpy(veil, doubt->veil, size * sizeof(*veil));
	memcpy(rest, doubt->rest, n * sizeof(*rest));
	free(lr->doubt.veil);
	lr->doubt = (struct em_pattern_doubt){veil, rest};
	lr->unknown = rest + n;
	for (size_t i = 0; i < n; i++) {
		lr->unknown[i] = rest[i];
		for (size_t k = 0; k < EM_PATTERN_VEILS; k++)
			lr->unknown[i] += veil[k * n + i] * veil[k * n + i];
	}
	return 0;
}
