/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exposures. */
#include "scope/sim/image.h"

#include "base/parallel.h"

#define MARGIN 64 /* pixels around a broad beam's picture: the lens mixes neighbours, and a transform has no edges */
#define SIDE_MAX 16384

/* All that an exposure adds and multiplies. */
static bool is_finite(const struct em_sim_view *v)
{
	const double number[] = {v->x,
	                         v->y,
	                         v->a,
	                         v->b,
	                         v->drift[0],
	                         v->drift[1],
	                         v->plane[0][0],
	                         v->plane[0][1],
	                         v->plane[1][0],
	                         v->plane[1][1],
	                         v->voltage,
	                         v->defocus,
	                         v->astigmatism[0],
	                         v->astigmatism[1],
	                         v->spherical,
	                         v->convergence,
	                         v->tilt[0],
	                         v->tilt[1],
	                         v->beam[0],
	                         v->beam[1],
	                         v->probe,
	                         v->inner,
	                         v->outer,
	                         v->pattern[0],
	                         v->pattern[1],
	                         v->seconds,
	                         v->dwell,
	                         v->line_seconds,
	                         v->row_jitter,
	                         v->flyback,
	                         v->flyback_seconds,
	                         v->electrons,
	                         v->dqe,
	                         v->gain,
	                         v->offset,
	                         v->read_noise,
	                         v->saturation,
	                         v->blur,
	                         v->flat,
	                         v->reaction,
	                         v->disorder,
	                         v->critical,
	                         v->contamination};

	for (size_t i = 0; i < sizeof(number) / sizeof(*number); i++)
		if (!isfinite(number[i]))
			return false;
	return true;
}

/* Could it be?  Wide bounds, so that all that follows ends, and fits into its numbers. */
static bool is_sane(const struct em_sim_view *v)
{
	double det = v->plane[0][0] * v->plane[1][1] - v->plane[0][1] * v->plane[1][0], pixel = sqrt(fabs(det));

	if (!(fabs(v->x) < 0.1 && fabs(v->y) < 0.1 && fabs(v->a) < 1.45 && fabs(v->b) < 1.45 && v->voltage >= 1e3 &&
	      v->electrons >= 0 && v->dqe >= 0 && fabs(v->defocus) < 0.1 && v->convergence >= 0 && v->convergence < 1 &&
	      v->beam_radius >= 0))
		return false;
	switch (v->signal) {
	case EM_SIM_LOSS: return v->height == 1;
	case EM_SIM_PATTERN: return pixel > 1e3 && pixel < 1e12;
	case EM_SIM_SCAN:
		if (!(v->convergence > 0 && v->inner >= 0 && v->outer > v->inner && v->row_jitter < 1e3 * pixel &&
		      v->flyback >= 0 && v->flyback < 1e4 * pixel && v->flyback_seconds >= 0))
			return false;
		break;
	case EM_SIM_IMAGE: break;
	}
	return pixel > 1e-15 && pixel < 10;
}

static int check_view(const struct em_sim_view *v, struct em_error *err)
{
	if (v->width < 1 || v->height < 1 || v->width > SIDE_MAX || v->height > SIDE_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "an exposure of %zu x %zu pixels: 1 to %d a side can be had",
		                    v->height, v->width, SIDE_MAX);
	if (!is_finite(v))
		return em_error_set(err, EM_ERROR_USAGE, "an exposure with a number that is none");
	if (!is_sane(v))
		return em_error_set(err, EM_ERROR_USAGE, "an exposure that no microscope makes");
	return 0;
}

/* Dark: single scattering, less of it where so much is scattered that the rest goes past the ring as well. */
static float share(const struct em_sim_frame *f, float matter)
{
	if (!f->dark)
		return (float)f->weight * expf(-matter);
	return matter / ((1 + matter) * (1 + matter * matter / 64));
}

/* A row's beginning shows what is farther on: the probe comes back from the right. */
static void fly_back(struct em_sim_frame *f)
{
	const struct em_sim_view *v = f->view;
	double shift = v->flyback / hypot(v->plane[0][0], v->plane[1][0]), keep = exp(-v->dwell / v->flyback_seconds);

	for (size_t i = 0; i + 1 < f->width && shift > 0.01; i++, shift *= keep) {
		double at = fmin((double)i + shift, (double)f->width - 1.001);
		size_t k = (size_t)at;
		float part = (float)(at - (double)k);

		for (float *row = f->matter; row < f->matter + f->height * f->width; row += f->width)
			row[i] = (1 - part) * row[k] + part * row[k + 1];
	}
}

static int expect_image(const struct em_sim_world *w, const struct em_sim_view *v, int threads, float *out,
                        struct em_error *err)
{
	bool lens = v->signal == EM_SIM_IMAGE;
	float beam = (float)(v->electrons * v->dqe);
	struct em_sim_frame f;

	if (em_sim_frame_init(&f, w, v, lens ? MARGIN : 0, err))
		return -1;
	if (em_sim_frame_draw(&f, threads, err) || (lens && em_sim_transfer(&f, err))) {
		em_sim_frame_release(&f);
		return -1;
	}
	if (!lens && v->flyback_seconds > 0)
		fly_back(&f);
	for (size_t j = 0; j < v->height; j++) {
		const float *from = f.matter + (j + f.margin) * f.width + f.margin;

		for (size_t i = 0; i < v->width; i++)
			out[j * v->width + i] = beam * (lens ? fmaxf(from[i], 0) : share(&f, from[i]));
	}
	em_sim_frame_release(&f);
	return 0;
}

int em_sim_expect(const struct em_sim_world *w, const struct em_sim_view *v, int threads, struct em_array *out,
                  struct em_error *err)
{
	size_t shape[2] = {v->height, v->width};
	struct em_array a;
	int failed;

	if (check_view(v, err) || em_array_alloc(&a, EM_F32, v->signal == EM_SIM_LOSS ? 1 : 2,
	                                         v->signal == EM_SIM_LOSS ? shape + 1 : shape, err))
		return -1;
	if (v->signal == EM_SIM_LOSS)
		failed = em_sim_expect_loss(w, v, a.data, err);
	else if (v->signal == EM_SIM_PATTERN)
		failed = em_sim_expect_pattern(w, v, a.data, err);
	else
		failed = expect_image(w, v, threads, a.data, err);
	if (failed) {
		em_array_release(&a);
		return -1;
	}
	*out = a;
	return 0;
}

int em_sim_form(const struct em_sim_world *w, const struct em_sim_view *v, struct em_array *out, struct em_error *err)
{
	struct em_array expected;
	int threads = em_parallel_cpus(), failed;

	if (em_sim_expect(w, v, threads, &expected, err))
		return -1;
	failed = em_sim_detect(v, &expected, threads, out, err);
	em_array_release(&expected);
	return failed;
}
