/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/region.h"

#include <math.h>
#include <stdlib.h>

#define MAX_SWEEPS 50

static bool takes_part(const struct em_region_map *map, size_t cell, size_t nclasses)
{
	return cell != EM_NO_CELL && map->cells[cell].placed && map->cells[cell].label < nclasses;
}

/* The energy of each class in this cell, its neighbours as they are now. */
static void energies(const struct em_region_map *map, size_t cell, const double *probability, size_t nclasses,
                     double beta, double *energy)
{
	for (size_t k = 0; k < nclasses; k++)
		energy[k] = -log(fmax(probability[cell * nclasses + k], 1e-300));
	for (int d = 0; d < 4; d++) {
		size_t other = map->cells[cell].neighbour[d];

		if (!takes_part(map, other, nclasses))
			continue;
		for (size_t k = 0; k < nclasses; k++)
			energy[k] += k != map->cells[other].label ? beta : 0;
	}
}

/* The class of least energy; the present one where it is among the least, or two could swap for ever. */
static size_t least(const double *energy, size_t nclasses, size_t present)
{
	size_t best = present;

	for (size_t k = 0; k < nclasses; k++)
		if (energy[k] < energy[best])
			best = k;
	return best;
}

static double conditional(const double *energy, size_t nclasses, size_t label)
{
	double sum = 0;

	for (size_t k = 0; k < nclasses; k++)
		sum += exp(energy[label] - energy[k]);
	return 1 / sum;
}

int em_region_map_smooth(struct em_region_map *map, const double *probability, size_t nclasses, double beta,
                         struct em_error *err)
{
	double *energy = malloc((nclasses + 1) * sizeof(*energy));
	bool changed = true;

	if (!energy)
		return em_error_memory(err, nclasses * sizeof(*energy));
	for (int sweep = 0; changed && sweep < MAX_SWEEPS; sweep++) {
		changed = false;
		for (size_t i = 0; i < map->count; i++) {
			size_t label;

			if (!takes_part(map, i, nclasses))
				continue;
			energies(map, i, probability, nclasses, beta, energy);
			label = least(energy, nclasses, map->cells[i].label);
			changed = changed || label != map->cells[i].label;
			map->cells[i].label = label;
		}
	}
	for (size_t i = 0; i < map->count; i++)
		if (takes_part(map, i, nclasses)) {
			energies(map, i, probability, nclasses, beta, energy);
			map->cells[i].p = conditional(energy, nclasses, map->cells[i].label);
		}
	free(energy);
	return 0;
}
