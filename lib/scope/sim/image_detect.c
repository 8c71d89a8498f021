/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counting electrons: shot noise, amplifier, converter. */
#include "scope/sim/image.h"

#include "base/parallel.h"
#include "base/random.h"

struct detecting {
	const struct em_sim_view *v;
	const float *expected;
	void *out;
	size_t width;
	bool wide; /* int32 instead of uint16 */
};

static unsigned ones(uint64_t b)
{
	b -= b >> 1 & 0x5555555555555555u;
	b = (b & 0x3333333333333333u) + (b >> 2 & 0x3333333333333333u);
	b = (b + (b >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)((b * 0x0101010101010101u) >> 56);
}

/* What an amplifier adds, of variance 1: 48 coins, and a uniform number that fills the steps between their sums.  Of
 * counts that are rounded nobody can tell it from a normal number, which would be a quarter of an exposure's time. */
static double readout(struct em_random *r)
{
	uint64_t bits = em_random_bits(r);

	return ((double)ones(bits >> 16) + 0x1p-16 * (double)(bits & 0xffff) - 24.5) /
	       3.4761089357690345; /* sqrt(145 / 12) */
}

static double amplify(const struct em_sim_view *v, struct em_random *r, double electrons, size_t pixel)
{
	double gain = v->gain, counts;

	if (v->flat > 0) /* what gain correction leaves over belongs to the pixel: even, of this rms */
		gain *= 1 + 1.7320508 * v->flat * (double)em_sim_hash_value(v->detector_seed, (long)pixel, 0);
	counts = gain * em_random_poisson(r, electrons) + v->offset;
	if (v->read_noise > 0)
		counts += v->read_noise * readout(r);
	if (!(counts > 0))
		return 0;
	return counts < v->saturation ? (double)(int64_t)(counts + 0.5) : v->saturation;
}

static void detect_row(void *ctx, size_t row)
{
	const struct detecting *d = ctx;
	struct em_random r;

	em_random_seed(&r, d->v->seed, row);
	for (size_t i = row * d->width; i < (row + 1) * d->width; i++) {
		double counts = amplify(d->v, &r, (double)d->expected[i], i);

		if (d->wide)
			((int32_t *)d->out)[i] = (int32_t)(counts < 2147483647 ? counts : 2147483647);
		else
			((uint16_t *)d->out)[i] = (uint16_t)(counts < 65535 ? counts : 65535);
	}
}

int em_sim_detect(const struct em_sim_view *v, const struct em_array *expected, int threads, struct em_array *out,
                  struct em_error *err)
{
	struct detecting d = {.v = v, .expected = expected->data, .wide = v->signal == EM_SIM_LOSS, .width = v->width};

	if (em_array_alloc(out, d.wide ? EM_I32 : EM_U16, expected->ndim, expected->shape, err))
		return -1;
	d.out = out->data;
	em_parallel_for(threads, v->height, detect_row, &d);
	return 0;
}
