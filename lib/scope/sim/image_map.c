/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a pixel looks, and how sharply. */
#include "scope/sim/image.h"

#include "base/random.h"

#include <stdlib.h>

double em_sim_wavelength(double voltage)
{
	/* h / sqrt(2 m e V (1 + e V / 2 m c^2)) */
	return 1.226426e-9 / sqrt(voltage * (1 + 0.978476e-6 * voltage));
}

void em_sim_tilt_matrix(double a, double b, double turn[3][3])
{
	double ca = cos(a), sa = sin(a), cb = cos(b), sb = sin(b);
	double r[3][3] = {{cb, 0, sb}, {sa * sb, ca, -sa * cb}, {-ca * sb, sa, ca * cb}};

	for (int i = 0; i < 9; i++)
		turn[i / 3][i % 3] = r[i / 3][i % 3];
}

static void invert(double m[2][2], double out[2][2])
{
	double det = m[0][0] * m[1][1] - m[0][1] * m[1][0];

	out[0][0] = m[1][1] / det;
	out[0][1] = -m[0][1] / det;
	out[1][0] = -m[1][0] / det;
	out[1][1] = m[0][0] / det;
}

/* From the plane across the beam back to the specimen's plane, drift of a scan included. */
static void set_map(struct em_sim_frame *f)
{
	const struct em_sim_view *v = f->view;
	double across[2][2] = {{f->turn[0][0], f->turn[0][1]}, {f->turn[1][0], f->turn[1][1]}}, down[2][2], step[2][2];
	double scan = v->signal == EM_SIM_SCAN ? 1 : 0, line = (double)v->width * v->dwell + v->line_seconds;
	double column = ((double)v->width - 1) / 2, row = ((double)v->height - 1) / 2, m = (double)f->margin;
	double beam = scan > 0 ? 0 : v->defocus; /* out of focus a tilted beam shifts the picture */

	invert(across, down);
	for (int i = 0; i < 2; i++) {
		f->lift[i] = down[i][0] * f->turn[0][2] + down[i][1] * f->turn[1][2];
		for (int k = 0; k < 2; k++)
			step[i][k] = down[i][0] * v->plane[0][k] + down[i][1] * v->plane[1][k];
		/* the specimen goes on while the probe does: at time 0 the middle is (x, y) */
		f->origin[i] = -step[i][0] * column - step[i][1] * row + (scan > 0 ? 0 : v->drift[i] * v->seconds / 2) +
		               beam * (down[i][0] * v->tilt[0] + down[i][1] * v->tilt[1]);
		step[i][0] += scan * v->drift[i] * v->dwell;
		step[i][1] += scan * v->drift[i] * line;
		f->origin[i] -= m * (step[i][0] + step[i][1]);
		f->step[0][i] = step[i][0];
		f->step[1][i] = step[i][1];
	}
	invert(step, f->back);
}

/* How much of what is scattered misses a bright image: all beyond 10 mrad counts as 1. */
static double missed(double outer)
{
	return outer > 0 ? fmin(fmax(pow(10e-3 / outer, 0.7), 0.3), 1.6) : 0.45;
}

static void set_detector(struct em_sim_frame *f)
{
	const struct em_sim_view *v = f->view;
	double in = v->inner, out = v->outer, alpha = v->convergence;

	f->weight = 1;
	f->absorption = missed(out);
	f->dark = v->signal == EM_SIM_SCAN && in >= alpha;
	if (f->dark)
		f->weight = (1 / (in * in) - 1 / (out * out)) / (1 / (.06 * .06) - 1 / (.2 * .2));
	else if (v->signal == EM_SIM_SCAN && alpha > 0) /* how much of the bright disc is on the ring */
		f->weight = (fmin(out, alpha) * fmin(out, alpha) - in * in) / (alpha * alpha);
}

/* A normal number a row, from the exposure's seed. */
static int set_jitter(struct em_sim_frame *f, struct em_error *err)
{
	const struct em_sim_view *v = f->view;
	double column = hypot(v->plane[0][0], v->plane[1][0]);
	struct em_random r;

	if (v->signal != EM_SIM_SCAN || !(v->row_jitter > 0))
		return 0;
	f->jitter = calloc(f->height + 1, sizeof(*f->jitter)); /* the end of the last band is looked at, too */
	if (!f->jitter)
		return em_error_memory(err, f->height * sizeof(*f->jitter));
	em_random_seed(&r, v->seed, 0x70177e5);
	for (size_t i = 0; i < f->height; i++) {
		f->jitter[i] = v->row_jitter / column * em_random_normal(&r);
		f->jump = fmax(f->jump, fabs(f->jitter[i]));
	}
	return 0;
}

/* Four times the rms blur of the film, wherever it is on its waves. */
static double farthest_blur(const struct em_sim_frame *f)
{
	double c[2][2], most = 0;

	for (int i = -1; i <= 1; i++) {
		em_sim_frame_blur(f, i * f->world->film.height, c);
		most = fmax(most, 4 * sqrt(fmax(c[0][0], c[1][1])));
	}
	return most;
}

int em_sim_frame_init(struct em_sim_frame *f, const struct em_sim_world *w, const struct em_sim_view *v, size_t margin,
                      struct em_error *err)
{
	size_t n;

	*f = (struct em_sim_frame){.world = w, .view = v, .margin = margin};
	f->width = v->width + 2 * margin;
	f->height = v->height + 2 * margin;
	f->lambda = em_sim_wavelength(v->voltage);
	n = f->width * f->height;
	em_sim_tilt_matrix(v->a, v->b, f->turn);
	set_map(f);
	set_detector(f);
	f->pixel = fmax(hypot(f->step[0][0], f->step[0][1]), hypot(f->step[1][0], f->step[1][1]));
	f->reach = farthest_blur(f);
	f->matter = calloc(n, sizeof(*f->matter));
	f->phase = v->signal == EM_SIM_IMAGE ? calloc(n, sizeof(*f->phase)) : NULL;
	if (!f->matter || (v->signal == EM_SIM_IMAGE && !f->phase)) {
		em_sim_frame_release(f);
		return em_error_memory(err, n * sizeof(float));
	}
	if (set_jitter(f, err)) {
		em_sim_frame_release(f);
		return -1;
	}
	return 0;
}

void em_sim_frame_release(struct em_sim_frame *f)
{
	free(f->matter);
	free(f->phase);
	free(f->jitter);
	free(f->lattice);
	*f = (struct em_sim_frame){0};
}

struct em_sim_weight em_sim_frame_weigh(const struct em_sim_frame *f, const struct em_sim_matter *m)
{
	struct em_sim_weight w = {0, 0};

	if (f->dark)
		w.matter = (float)(7.1e-26 * f->weight * em_sim_matter_density(m, 1.7));
	else
		w.matter = (float)(f->absorption * em_sim_matter_density(m, 1.3) / (180e-9 * 1.0272e30));
	if (f->phase)
		w.phase = (float)(7.29e6 * 0.0257e-27 * em_sim_matter_density(m, 0.7));
	return w;
}

/* ---- sharpness ---- */

void em_sim_frame_blur(const struct em_sim_frame *f, double z, double c[2][2])
{
	const struct em_sim_view *v = f->view;
	double alpha = v->convergence, same = f->pixel * f->pixel / 12, d[2][2];

	c[0][0] = c[1][1] = same;
	c[0][1] = c[1][0] = 0;
	if (v->signal != EM_SIM_SCAN)
		return;
	/* Gaussian for the Airy disc, for a third of the aberration at its rim (the focus is set against it), and for
	 * the source */
	same += v->probe * v->probe + pow(alpha > 0 ? 0.21 * f->lambda / alpha : 0, 2) +
	        pow(v->spherical * alpha * alpha * alpha / 12, 2);
	d[0][0] = v->defocus + z + v->astigmatism[0];
	d[1][1] = v->defocus + z - v->astigmatism[0];
	d[0][1] = d[1][0] = v->astigmatism[1];
	for (int i = 0; i < 2; i++) /* a disc's rms along a line is half its radius */
		for (int k = 0; k < 2; k++)
			c[i][k] = (i == k ? same : 0) + alpha * alpha / 4 * (d[i][0] * d[k][0] + d[i][1] * d[k][1]);
}

void em_sim_frame_local_blur(const struct em_sim_frame *f, double z, double angle, double local[2][2])
{
	double c[2][2], t[2][2], across[2][2] = {{f->turn[0][0], f->turn[0][1]}, {f->turn[1][0], f->turn[1][1]}};
	double down[2][2], cosine = cos(angle), sine = sin(angle);

	invert(across, down);
	em_sim_frame_blur(f, z, c);
	for (int k = 0; k < 2; k++) {
		t[0][k] = cosine * down[0][k] + sine * down[1][k];
		t[1][k] = cosine * down[1][k] - sine * down[0][k];
	}
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 2; k++)
			local[i][k] = t[i][0] * (c[0][0] * t[k][0] + c[0][1] * t[k][1]) +
			              t[i][1] * (c[1][0] * t[k][0] + c[1][1] * t[k][1]);
}

void em_sim_frame_lean(const struct em_sim_frame *f, const double d[3], double lean[2])
{
	for (int i = 0; i < 2; i++)
		lean[i] = f->turn[i][0] * d[0] + f->turn[i][1] * d[1] + f->turn[i][2] * d[2];
}

void em_sim_narrow(double a, double b, double reach, long *lo, long *hi)
{
	double p, q;

	if (fabs(b) * (double)(*hi - *lo) < 1e-9 * reach) {
		if (fabs(a + b * (double)*lo) > reach)
			*hi = *lo;
		return;
	}
	p = (-reach - a) / b;
	q = (reach - a) / b;
	if (p > q) {
		double swap = p;

		p = q;
		q = swap;
	}
	if (p > (double)*lo)
		*lo = p < (double)*hi ? (long)ceil(p) : *hi;
	if (q < (double)*hi - 1)
		*hi = q >= (double)*lo ? (long)floor(q) + 1 : *lo;
}
