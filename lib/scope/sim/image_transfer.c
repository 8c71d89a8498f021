/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The objective lens on a thin specimen: the intensity is exp(-density) (1 + psi), psi's transform 2 sin(chi) E times
 * the phase's; chi = pi lambda (Df + A) k^2 + pi / 2 Cs lambda^3 k^4, Df < 0 under focus, A = A1 cos 2 p + ...; E the
 * envelopes of focal spread and convergence, and the aperture (Reimer and Kohl, Transmission Electron Microscopy, 5th
 * ed., 6.2 and 6.4).  The camera's point spread and the drift blur what comes.  One focus for all of the picture.
 */
#include "scope/sim/image.h"

#include "base/fft.h"

#include <string.h>

#define PI 3.14159265358979323846
#define FOCAL_SPREAD 4e-9 /* m rms: chromatic aberration of 1.2 mm, 0.7 eV at 200 kV */

struct lens {
	const struct em_sim_frame *f;
	double focus, step[2][2]; /* cycles a pixel (x, y) -> 1/m in the plane */
};

static double lens_transfer(const struct lens *l, double x, double y)
{
	const struct em_sim_view *v = l->f->view;
	double kx = l->step[0][0] * x + l->step[0][1] * y, ky = l->step[1][0] * x + l->step[1][1] * y;
	double kk = kx * kx + ky * ky, w = l->f->lambda, k = sqrt(kk);
	double focus = l->focus;
	double spread = PI * w * FOCAL_SPREAD * kk, slope, chi;

	if (kk > 0) /* cos 2p and sin 2p */
		focus += (v->astigmatism[0] * (kx * kx - ky * ky) + v->astigmatism[1] * 2 * kx * ky) / kk;
	if (v->outer > 0 && k * w > v->outer)
		return 0;
	chi = PI * w * kk * (focus + v->spherical * w * w * kk / 2);
	slope = PI * v->convergence * k * (focus + v->spherical * w * w * kk);
	return 2 * sin(chi) * exp(-spread * spread / 2 - slope * slope);
}

static double sinc(double x)
{
	return fabs(x) < 1e-9 ? 1 : sin(PI * x) / (PI * x);
}

/* Of the camera, and of what moves while it is open: in cycles a pixel. */
static double camera_transfer(const struct lens *l, double x, double y)
{
	const struct em_sim_frame *f = l->f;
	const struct em_sim_view *v = f->view;
	double go[2];

	for (int i = 0; i < 2; i++)
		go[i] = (f->back[i][0] * v->drift[0] + f->back[i][1] * v->drift[1]) * v->seconds;
	return exp(-2 * PI * PI * v->blur * v->blur * (x * x + y * y)) * sinc(go[0] * x + go[1] * y);
}

/* picture's transform, times factor, back into the picture. */
static int filter(const struct lens *l, float *picture, double (*factor)(const struct lens *, double, double),
                  struct em_error *err)
{
	size_t w = l->f->width, h = l->f->height, columns = w / 2 + 1;
	struct em_fft_plan *there = em_fft_plan_new(h, w, err),
	                   *back = there ? em_fft_plan_new_inverse(h, w, err) : NULL;
	float *in = back ? em_fft_alloc(h * w, err) : NULL, *spectrum = in ? em_fft_alloc(2 * h * columns, err) : NULL;

	if (spectrum) {
		memcpy(in, picture, h * w * sizeof(*in));
		em_fft_forward(there, in, spectrum);
		for (size_t j = 0; j < h; j++)
			for (size_t i = 0; i < columns; i++) {
				double y = (double)j / (double)h - (j > h / 2 ? 1 : 0), x = (double)i / (double)w;
				float by = (float)(factor(l, x, y) / ((double)w * (double)h));

				spectrum[2 * (j * columns + i)] *= by;
				spectrum[2 * (j * columns + i) + 1] *= by;
			}
		em_fft_inverse(back, spectrum, in);
		memcpy(picture, in, h * w * sizeof(*in));
	}
	em_fft_free(in);
	em_fft_plan_free(there);
	em_fft_plan_free(back);
	if (!spectrum)
		return -1;
	em_fft_free(spectrum);
	return 0;
}

/* The illuminated disc's edge. */
static float lit(const struct em_sim_frame *f, size_t i, size_t j)
{
	const struct em_sim_view *v = f->view;
	double c = (double)i - ((double)f->width - 1) / 2, r = (double)j - ((double)f->height - 1) / 2;
	double x = v->plane[0][0] * c + v->plane[0][1] * r - v->beam[0];
	double y = v->plane[1][0] * c + v->plane[1][1] * r - v->beam[1];

	return em_sim_edge((float)((v->beam_radius - hypot(x, y)) / fmax(0.03 * v->beam_radius, v->pixel)));
}

/* A transform goes around: the margins fall to the mean, so that no border is met there. */
static void soften_margins(struct em_sim_frame *f)
{
	double mean = 0, m = (double)f->margin;
	size_t n = f->width * f->height;

	for (size_t i = 0; i < n; i++)
		mean += (double)f->phase[i] / (double)n;
	for (size_t j = 0; j < f->height; j++)
		for (size_t i = 0; i < f->width; i++) {
			size_t x = i < f->width - 1 - i ? i : f->width - 1 - i,
			       y = j < f->height - 1 - j ? j : f->height - 1 - j;
			float keep = em_sim_edge((float)(2 * (double)(x < y ? x : y) / m - 1));

			f->phase[j * f->width + i] = (float)mean + keep * (f->phase[j * f->width + i] - (float)mean);
		}
}

int em_sim_transfer(struct em_sim_frame *f, struct em_error *err)
{
	const struct em_sim_view *v = f->view;
	struct lens l = {.f = f};
	double det = v->plane[0][0] * v->plane[1][1] - v->plane[0][1] * v->plane[1][0];
	size_t n = f->width * f->height;

	l.focus = v->defocus + f->turn[2][2] * em_sim_world_height(f->world, v->x, v->y);
	l.step[0][0] = v->plane[1][1] / det; /* the inverse of plane, transposed */
	l.step[0][1] = -v->plane[1][0] / det;
	l.step[1][0] = -v->plane[0][1] / det;
	l.step[1][1] = v->plane[0][0] / det;
	soften_margins(f);
	if (filter(&l, f->phase, lens_transfer, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		f->matter[i] = expf(-f->matter[i]) * fmaxf(1 + f->phase[i], 0.02F);
	if (isfinite(v->beam_radius))
		for (size_t i = 0; i < n; i++)
			f->matter[i] *= lit(f, i % f->width, i / f->width);
	if (v->blur > 0 || v->drift[0] != 0 || v->drift[1] != 0)
		return filter(&l, f->matter, camera_transfer, err);
	return 0;
}
