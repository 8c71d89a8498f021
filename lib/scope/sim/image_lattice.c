/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns of atoms: one period of a crystal down its third axis, as sharp as it is seen; and its strongest beams. */
#include "scope/sim/image.h"

#include <complex.h>
#include <stdlib.h>

#define PI 3.14159265358979323846
#define ORDERS 10 /* of a period's Fourier series, in either direction */
#define SIDE (2 * ORDERS + 1)
#define LATTICES 512
/* Lattice images have a third of the contrast of theory (Hytch and Stobbs, Ultramicroscopy 53 (1994) 191). */
#define MEASURED 0.35
#define VIBRATION 0.008e-9 /* m rms; the width of an atom's scattering comes on top */

/* How much of a plane wave of g = (h / period, k / period) is left. */
static double damping(const double g[2], const double c[2][2], const double smear[2], double atom)
{
	double sigma = c[0][0] * g[0] * g[0] + 2 * c[0][1] * g[0] * g[1] + c[1][1] * g[1] * g[1];
	double walk = PI * (g[0] * smear[0] + g[1] * smear[1]);

	sigma += (atom * atom + VIBRATION * VIBRATION) * (g[0] * g[0] + g[1] * g[1]);
	return exp(-2 * PI * PI * sigma) * (fabs(walk) < 1e-6 ? 1 : sin(walk) / walk);
}

/* The sum of the series at TABLE x TABLE places, first over k, then over h. */
static void add_up(float *table, const double complex *f)
{
	double complex turn[EM_SIM_TABLE], along[SIDE];
	unsigned mask = EM_SIM_TABLE - 1;

	for (int i = 0; i < EM_SIM_TABLE; i++)
		turn[i] = cexp(2 * PI * I * i / EM_SIM_TABLE);
	for (int y = 0; y < EM_SIM_TABLE; y++) {
		for (int h = 0; h < SIDE; h++) {
			along[h] = 0;
			for (int k = 0; k < SIDE; k++)
				if (f[k * SIDE + h] != 0)
					along[h] += f[k * SIDE + h] * turn[(unsigned)((k - ORDERS) * y) & mask];
		}
		for (int x = 0; x < EM_SIM_TABLE; x++) {
			double sum = 0;

			for (int h = 0; h < SIDE; h++) {
				double complex t = turn[(unsigned)((h - ORDERS) * x) & mask];

				sum += creal(along[h]) * creal(t) - cimag(along[h]) * cimag(t);
			}
			table[y * EM_SIM_TABLE + x] = (float)fmax(sum, 0);
		}
	}
}

/* One period; the most that a wave but the mean has left. */
static double fill(float *table, const struct em_sim_matter *m, const double period[2], const double c[2][2],
                   const double smear[2], double power, double atom)
{
	double complex f[SIDE * SIDE];
	double most = 0, part[2];

	for (int i = 0; i < SIDE * SIDE; i++) {
		double h = i % SIDE - ORDERS, k = (double)(i / SIDE - ORDERS), g[2] = {h / period[0], k / period[1]};
		double left = damping(g, c, smear, atom);

		f[i] = 0;
		if (fabs(left) < 1e-5)
			continue;
		em_sim_matter_structure(m, power, (double[3]){h, k, 0}, part);
		f[i] = left * (part[0] + I * part[1]);
		most = i == SIDE * SIDE / 2 ? most : fmax(most, cabs(f[i]));
	}
	if (most > 0.002)
		add_up(table, f);
	else
		for (int i = 0; i < EM_SIM_TABLE * EM_SIM_TABLE; i++)
			table[i] = 1;
	return most;
}

/* Room for one more, or NULL; f->lattices does not count it yet. */
static struct em_sim_lattice *next_lattice(struct em_sim_frame *f, uint64_t id, struct em_error *err)
{
	struct em_sim_lattice *l = realloc(f->lattice, (f->lattices + 1) * sizeof(*l));

	if (!l) {
		em_error_memory(err, (f->lattices + 1) * sizeof(*l));
		return NULL;
	}
	f->lattice = l;
	l += f->lattices;
	l->id = id;
	return l;
}

int em_sim_frame_add_lattice(struct em_sim_frame *f, uint64_t id, const struct em_sim_matter *m, const double cell[2],
                             double angle, const double c[2][2], const double smear[2], struct em_error *err)
{
	struct em_sim_lattice *l;

	if (f->lattices == LATTICES) /* a picture of more crystals than that does not show their atoms */
		return 0;
	l = next_lattice(f, id, err);
	if (!l)
		return -1;
	l->period[0] = cell[0];
	l->period[1] = cell[1];
	l->angle = angle;
	if (fill(l->matter, m, cell, c, smear, f->dark ? 1.7 : 0.8, f->dark ? 0.025e-9 : 0.035e-9) < 0.004 && !f->phase)
		return 0;
	if (f->phase) {
		fill(l->phase, m, cell, c, smear, 0.8, 0.035e-9);
		for (int i = 0; i < EM_SIM_TABLE * EM_SIM_TABLE; i++)
			l->phase[i] = (float)(1 + MEASURED * ((double)l->phase[i] - 1));
	}
	f->lattices++;
	return 0;
}

/* ---- fringes ---- */

#define FINEST 7e9 /* 1/m: finer planes are not looked for */

/* The strength of planes hkl as fringes: their structure factor, less as they are off the beam; g across the beam. */
static double fringe(const struct em_sim_frame *f, const struct em_sim_matter *m, const double axes[3][3],
                     const double hkl[3], double thickness, double g[2])
{
	double spot[3] = {0}, part[2], s = 0, gg = 0;

	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			spot[k] += hkl[i] / m->cell[i] * axes[i][k];
	em_sim_frame_lean(f, spot, g);
	for (int k = 0; k < 3; k++) {
		s += f->turn[2][k] * spot[k];
		gg += spot[k] * spot[k];
	}
	if (!(gg > 0 && gg < FINEST * FINEST))
		return 0;
	s = PI * thickness * (s - f->view->tilt[0] * g[0] - f->view->tilt[1] * g[1]);
	em_sim_matter_structure(m, f->dark ? 1.7 : 0.8, hkl, part);
	return hypot(part[0], part[1]) * (fabs(s) < 1e-6 ? 1 : sin(s) / s);
}

int em_sim_frame_add_fringes(struct em_sim_frame *f, uint64_t id, const struct em_sim_matter *m,
                             const double axes[3][3], double thickness, struct em_error *err)
{
	double c[2][2], best = 0.1, k[2] = {0}, still[2] = {0}, left;
	struct em_sim_lattice *l;

	for (int i = 0; i < 125; i++) {
		double hkl[3] = {i % 5 - 2, (double)(i / 5 % 5 - 2), (double)(i / 25 - 2)}, g[2];
		double strong = fringe(f, m, axes, hkl, thickness, g);

		if (strong > best) {
			best = strong;
			k[0] = g[0];
			k[1] = g[1];
		}
	}
	if (!(best > 0.1) || f->lattices == LATTICES)
		return 0;
	l = next_lattice(f, id, err);
	if (!l)
		return -1;
	em_sim_frame_blur(f, 0, c);
	left = damping(k, (const double(*)[2])c, still, f->dark ? 0.025e-9 : 0.035e-9);
	l->period[0] = 1 / hypot(k[0], k[1]);
	l->period[1] = 1;
	l->angle = atan2(k[1], k[0]);
	for (int i = 0; i < EM_SIM_TABLE * EM_SIM_TABLE; i++) {
		double wave = 2 * best * cos(2 * PI * (i % EM_SIM_TABLE) / EM_SIM_TABLE);

		l->matter[i] = (float)fmax(1 + left * wave, 0);
		l->phase[i] = (float)(1 + MEASURED * wave);
	}
	f->lattices++;
	return 0;
}

const struct em_sim_lattice *em_sim_frame_lattice(const struct em_sim_frame *f, uint64_t id)
{
	for (size_t i = 0; i < f->lattices; i++)
		if (f->lattice[i].id == id)
			return &f->lattice[i];
	return NULL;
}

/* ---- diffraction contrast ---- */

/* The place for a beam of this strength among those found, strongest first; count where it is not among them. */
static size_t rank(const struct em_sim_beams *b, double xi)
{
	size_t at = b->count;

	while (at > 0 && b->xi[at - 1] > xi)
		at--;
	return at;
}

void em_sim_beams_find(struct em_sim_beams *b, const struct em_sim_matter *m)
{
	b->count = 0;
	for (int i = 0; i < 25; i++) {
		double hkl[3] = {i % 5 - 2, (double)(i / 5 - 2), 0}, g[2] = {hkl[0] / m->cell[0], hkl[1] / m->cell[1]};
		double xi = em_sim_matter_extinction(m, hkl, g[0] * g[0] + g[1] * g[1]);
		size_t at = rank(b, xi);

		if (i == 12 || xi > 1e-6 || at >= EM_SIM_BEAMS)
			continue;
		b->count += b->count < EM_SIM_BEAMS;
		for (size_t n = b->count - 1; n > at; n--) {
			b->xi[n] = b->xi[n - 1];
			b->g[n][0] = b->g[n - 1][0];
			b->g[n][1] = b->g[n - 1][1];
		}
		b->xi[at] = xi;
		b->g[at][0] = g[0];
		b->g[at][1] = g[1];
	}
}

/* The share that goes into a beam; absorption wears the beating down in thick crystals. */
double em_sim_two_beams(double s, double xi, double thickness)
{
	double rr = 1 + s * s * xi * xi, wave = sin(PI * thickness / xi * sqrt(rr));

	return ((wave * wave - 0.5) * exp(-thickness / 250e-9) + 0.5) / rr;
}

double em_sim_beams_density(const struct em_sim_beams *b, const double lean[2], double thickness, double lambda)
{
	double out = 0;

	for (size_t i = 0; i < b->count; i++) {
		const double *g = b->g[i];
		double s = g[0] * lean[0] + g[1] * lean[1] + lambda * (g[0] * g[0] + g[1] * g[1]) / 2;

		out += em_sim_two_beams(s, b->xi[i], thickness);
	}
	return log1p(1.2 * out);
}
