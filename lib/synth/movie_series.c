/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Perovskites along [001] as Fourier series. */
#include "synth/crystal.h"
#include "synth/movie.h"

#include <math.h>

#define PI 3.14159265358979323846
#define LAMBDA_NM 0.0025079   /* of 200 kV electrons: de Broglie's, relativistic */
#define CS_NM 1e4             /* 0.01 mm */
#define LIMIT_NM 0.16         /* of the envelope */
#define CONVERGENCE 0.020     /* rad */
#define COLUMN_NM 0.035       /* a column's Gaussian ... */
#define PROBE_NM 0.045        /* ... and the probe's, in focus */
#define ABSORPTION 0.25       /* bf: brightness is exp(-this) in the film */

/* Atomic numbers: La Mn, Sr Ti. */
static const double z[2][2] = {{57, 25}, {38, 22}};

/* How strongly the columns scatter: A; B with O; O. */
struct columns {
	double a, b, o;
};

static struct columns columns_of(enum em_synth_matter matter, enum em_synth_contrast contrast)
{
	/* To angles like those of the lattice's waves what scatters is nearly Z (Mott and Bethe's formula without the
	 * electrons). */
	double power = contrast == EM_SYNTH_HAADF ? em_synth_z_power(contrast) : 1, o = pow(8, power);

	return (struct columns){pow(z[matter][0], power), pow(z[matter][1], power) + o, o};
}

static double density(const struct columns *c)
{
	return c->a + c->b + 2 * c->o;
}

/* The structure factor over that of (00). */
static double structure(const struct columns *c, int h, int k)
{
	int odd_h = h & 1, odd_k = k & 1;

	return (c->a + (odd_h == odd_k ? c->b : -c->b) + c->o * ((odd_h ? -1 : 1) + (odd_k ? -1 : 1))) / density(c);
}

/* What the microscope makes of it; gg: g^2, 1/nm^2. */
static double transfer(enum em_synth_contrast contrast, double defocus_nm, double gg)
{
	double wide = CONVERGENCE / 2 * defocus_nm, limit = LIMIT_NM * LIMIT_NM * gg;
	double chi = PI * LAMBDA_NM * gg * (defocus_nm - CS_NM / 2 * LAMBDA_NM * LAMBDA_NM * gg);

	if (contrast == EM_SYNTH_HAADF)
		return exp(-2 * PI * PI * (PROBE_NM * PROBE_NM + wide * wide) * gg);
	return -2 * sin(chi) * exp(-limit * limit);
}

void em_synth_series_set(struct em_synth_series *s, enum em_synth_matter matter, enum em_synth_contrast contrast,
                         double defocus_nm, double pixel_nm)
{
	struct columns c = columns_of(matter, contrast);
	double a_nm = s->a * pixel_nm;

	for (int h = 0; h < EM_SYNTH_ORDERS; h++)
		for (int k = 0; k < EM_SYNTH_ORDERS; k++) {
			double gg = (double)(h * h + k * k) / (a_nm * a_nm), alike = (h ? 2 : 1) * (k ? 2 : 1);
			bool shown = h + k > 0 && gg * pixel_nm * pixel_nm < 0.25;

			s->amplitude[h][k] = shown ? alike * structure(&c, h, k) * transfer(contrast, defocus_nm, gg) *
			                                 exp(-2 * PI * PI * COLUMN_NM * COLUMN_NM * gg)
			                           : 0;
		}
}

double em_synth_series_rms(const struct em_synth_series *s)
{
	double sum = 0;

	for (int h = 0; h < EM_SYNTH_ORDERS; h++)
		for (int k = 0; k < EM_SYNTH_ORDERS; k++)
			sum += s->amplitude[h][k] * s->amplitude[h][k] / ((h ? 2 : 1) * (k ? 2 : 1));
	return sqrt(sum);
}

/* A cosine that goes on from pixel to pixel: exp(2 pi i u) times a constant. */
struct wave {
	double re, im, step_re, step_im;
};

static struct wave wave_of(double turns, double step)
{
	return (struct wave){cos(2 * PI * turns), sin(2 * PI * turns), cos(2 * PI * step), sin(2 * PI * step)};
}

static double advance(struct wave *w)
{
	double now = w->re;

	w->re = now * w->step_re - w->im * w->step_im;
	w->im = now * w->step_im + w->im * w->step_re;
	return now;
}

/* Chebyshev's series sum of a[k] T_k(c), by Clenshaw's recurrence. */
static double clenshaw(const double a[EM_SYNTH_ORDERS], double c)
{
	double b1 = 0, b2 = 0;

	for (int k = EM_SYNTH_ORDERS - 1; k > 0; k--) {
		double b = a[k] + 2 * c * b1 - b2;

		b2 = b1;
		b1 = b;
	}
	return a[0] + c * b1 - b2;
}

void em_synth_series_row(const struct em_synth_series *s, double y, double x, size_t n, float *out)
{
	double c = cos(s->angle) / s->a, d = sin(s->angle) / s->a, dy = y - s->origin[0], dx = x - s->origin[1];
	struct wave u = wave_of(c * dx + d * dy, c), v = wave_of(c * dy - d * dx, -d);

	for (size_t i = 0; i < n; i++) {
		double cu = advance(&u), cv = advance(&v), by_h[EM_SYNTH_ORDERS];

		for (int h = 0; h < EM_SYNTH_ORDERS; h++)
			by_h[h] = clenshaw(s->amplitude[h], cv);
		out[i] = (float)clenshaw(by_h, cu);
	}
}

double em_synth_series_defocus(enum em_synth_contrast contrast, double lattice_nm)
{
	return contrast == EM_SYNTH_HAADF ? 0 : 0.4 / LAMBDA_NM * lattice_nm * lattice_nm / 2;
}

double em_synth_series_brightness(bool vacuum, enum em_synth_contrast contrast)
{
	struct columns film = columns_of(EM_SYNTH_FILM, contrast), under = columns_of(EM_SYNTH_SUBSTRATE, contrast);
	double much = vacuum ? 0 : density(&under) / density(&film);

	if (contrast == EM_SYNTH_HAADF)
		return vacuum ? 0.03 : much; /* the detector is never quite dark */
	return exp(ABSORPTION * (1 - much));
}
