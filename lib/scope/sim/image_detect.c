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

static double amplify(const struct em_sim_view *v, struct em_random *r, double electrons, size_t pixel)
{
	double gain = v->gain, counts;

	if (v->flat > 0) /* what gain correction leaves over belongs to the pixel: even, of this rms */
		gain *= 1 + 1.7320508 * v->flat * (double)em_sim_hash_value(v->detector_seed, (long)pixel, 0);
	counts = gain * em_random_poisson(r, electrons) + v->offset;
	if (v->read_noise > 0)
		counts += v->read_noise * em_random_normal(r);
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
