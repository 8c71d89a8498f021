/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a detector makes of expected electrons. */
#include "synth/spectrum.h"

#include <math.h>
#include <stdlib.h>

#define PATTERN 0x9a17 /* of the seed's streams the one that the pattern comes from */
#define MANY 1e8       /* beyond it Poisson's distribution is normal to 10^-4 of a standard deviation */

int em_synth_detector_init(struct em_synth_detector *d, uint64_t seed, size_t channels, double gain, double readout,
                           struct em_error *err)
{
	struct em_random r;
	float *pattern;

	if (!(gain >= 0 && gain <= 0.2))
		return em_error_set(err, EM_ERROR_USAGE, "gain noise %.9g: expected 0 to 0.2", gain);
	if (!(readout >= 0 && readout <= 1e6))
		return em_error_set(err, EM_ERROR_USAGE, "readout noise %.9g: expected 0 to 1e6", readout);
	pattern = malloc(channels * sizeof(*pattern));
	if (!pattern)
		return em_error_memory(err, channels * sizeof(*pattern));
	em_random_seed(&r, ~seed, PATTERN);
	for (size_t i = 0; i < channels; i++)
		pattern[i] = (float)(1 + gain * fmin(fmax(em_random_normal(&r), -4), 4));
	*d = (struct em_synth_detector){pattern, channels, readout};
	return 0;
}

void em_synth_detector_release(struct em_synth_detector *d)
{
	free(d->gain);
	*d = (struct em_synth_detector){0};
}

void em_synth_detector_expose(const struct em_synth_detector *d, const double *expected, struct em_random *r,
                              float *out)
{
	for (size_t i = 0; i < d->channels; i++) {
		double mean = expected[i];
		double n = mean < MANY ? em_random_poisson(r, mean) : round(mean + sqrt(mean) * em_random_normal(r));

		n *= (double)d->gain[i];
		if (d->readout > 0)
			n += d->readout * em_random_normal(r);
		out[i] = (float)n;
	}
}
