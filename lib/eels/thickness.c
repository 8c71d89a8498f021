/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/thickness.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

int em_thickness_measure(const float *spectrum, const struct em_energy *e, const struct em_zeroloss *z,
                         const struct em_thickness_options *options, struct em_thickness *out, struct em_error *err)
{
	const bool mirror = options->model == EM_ZEROLOSS_MIRROR;
	struct em_thickness t = {.reach = options->reach > 0 ? options->reach : em_zeroloss_reach(spectrum, e, z)};
	double first = z->channel - t.reach / e->scale;
	float *peak = malloc(e->channels * sizeof(*peak));

	if (!peak)
		return em_error_memory(err, e->channels * sizeof(*peak));
	em_zeroloss_extract(spectrum, e, z, options->model, t.reach, peak);
	for (size_t i = 0; i < e->channels; i++) {
		t.zero += peak[i];
		t.total += mirror || (double)i >= first ? spectrum[i] : 0;
	}
	free(peak);
	if (!(t.zero > 0) || !(t.total >= t.zero))
		return em_error_set(err, EM_ERROR_DATA,
		                    "no thickness: the zero-loss peak has %.6g counts of %.6g in all", t.zero, t.total);
	t.ratio = log(t.total / t.zero);
	t.error = sqrt((mirror ? 2 : 1) / t.zero - 1 / t.total);
	*out = t;
	return 0;
}
