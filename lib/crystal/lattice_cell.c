/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a lattice is in real space.  Uncertainties: the covariance through numerical derivatives. */
#include "crystal/lattice.h"

#include <math.h>
#include <stdlib.h>

#define MOST_VALUES 8
#define MOST_PARAMETERS 8
#define TURNING 0.003 /* square of the strain that a turn by 90 degrees weighs as much as */

static const double DEGREE = 0.017453292519943295;

static double direction(const double v[2])
{
	return atan2(v[0], v[1]) / DEGREE;
}

/* -90 < angle <= 90 */
static double of_a_line(double angle)
{
	angle = remainder(angle, 180);
	return angle <= -90 ? angle + 180 : angle;
}

/* ---- values of parameters ---- */

struct function {
	void (*values)(const struct function *f, const double *parameter, double *value);
	size_t values_count, parameters;
	unsigned angles; /* bits: these values are angles */
	const double *scale;
	int h, k;
	int nearest[2][2];
};

/* value and sigma of each; the parameters' covariance is that of blocks of four. */
static void evaluate(const struct function *f, const double *parameter, const double (*covariance[2])[4],
                     struct em_lattice_value *out)
{
	double value[MOST_VALUES], slope[MOST_VALUES][MOST_PARAMETERS], size = 0;

	for (size_t j = 0; j < f->parameters; j++)
		size = fmax(size, fabs(parameter[j]));
	for (size_t j = 0; j < f->parameters; j++) {
		double p[MOST_PARAMETERS], above[MOST_VALUES], below[MOST_VALUES], h = 1e-6 * size;

		for (size_t i = 0; i < f->parameters; i++)
			p[i] = parameter[i];
		p[j] = parameter[j] + h;
		f->values(f, p, above);
		p[j] = parameter[j] - h;
		f->values(f, p, below);
		for (size_t i = 0; i < f->values_count; i++) {
			double d = above[i] - below[i];

			slope[i][j] = (f->angles >> i & 1 ? remainder(d, 360) : d) / (2 * h);
		}
	}
	f->values(f, parameter, value);
	for (size_t i = 0; i < f->values_count; i++) {
		double variance = 0;

		for (size_t j = 0; j < f->parameters; j++)
			for (size_t k = j / 4 * 4; k < j / 4 * 4 + 4; k++)
				variance += slope[i][j] * slope[i][k] * covariance[j / 4][j % 4][k % 4];
		out[i] = (struct em_lattice_value){value[i], sqrt(variance)};
	}
}

static void parameters_of(const struct em_lattice *l, double *p)
{
	for (int c = 0; c < 2; c++) {
		p[c] = l->a[c];
		p[2 + c] = l->b[c];
	}
}

/* ---- the cell ---- */

/* |a|, |b|, gamma, the direction of a; d_a, d_b, gamma*, the direction of a*. */
static void cell_values(const struct function *f, const double *p, double *v)
{
	const double *s = f->scale, g[2] = {p[0] / s[0], p[1] / s[1]}, q[2] = {p[2] / s[0], p[3] / s[1]};
	double det = g[0] * q[1] - g[1] * q[0], cosine = g[0] * q[0] + g[1] * q[1];
	const double a[2] = {q[1] / det, -q[0] / det}; /* a.a* = 1, a.b* = 0 */

	v[4] = 1 / hypot(g[0], g[1]);
	v[5] = 1 / hypot(q[0], q[1]);
	v[6] = atan2(fabs(det), cosine) / DEGREE;
	v[7] = direction(g);
	v[0] = hypot(a[0], a[1]);
	v[1] = 1 / (v[4] * fabs(det));
	v[2] = 180 - v[6];
	v[3] = direction(a);
}

struct em_lattice_cell em_lattice_cell(const struct em_lattice *lattice, const double scale[2])
{
	const struct function f = {cell_values, 8, 4, 0x8c, .scale = scale};
	const double(*covariance[2])[4] = {lattice->covariance, NULL};
	struct em_lattice_value v[8];
	double p[4];

	if (lattice->row) {
		struct em_lattice_spacing s = em_lattice_spacing(lattice, 1, 0, scale);
		const struct em_lattice_value none = {NAN, NAN};

		return (struct em_lattice_cell){none, none, none, none, s.d, none, none, s.angle};
	}
	parameters_of(lattice, p);
	evaluate(&f, p, covariance, v);
	v[3].value = of_a_line(v[3].value);
	v[7].value = of_a_line(v[7].value);
	return (struct em_lattice_cell){v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]};
}

static void spacing_values(const struct function *f, const double *p, double *v)
{
	const double g[2] = {(f->h * p[0] + f->k * p[2]) / f->scale[0], (f->h * p[1] + f->k * p[3]) / f->scale[1]};

	v[0] = 1 / hypot(g[0], g[1]);
	v[1] = direction(g);
}

struct em_lattice_spacing em_lattice_spacing(const struct em_lattice *lattice, int h, int k, const double scale[2])
{
	const struct function f = {spacing_values, 2, 4, 2, .scale = scale, .h = h, .k = k};
	const double(*covariance[2])[4] = {lattice->covariance, NULL};
	struct em_lattice_value v[2];
	double p[4];

	parameters_of(lattice, p);
	evaluate(&f, p, covariance, v);
	v[1].value = of_a_line(v[1].value);
	return (struct em_lattice_spacing){v[0], v[1]};
}

/* ---- strain ---- */

/* With the rows of G the vectors g, F = G_B^-1 G_A. */
static void strain_values(const struct function *f, const double *p, double *v)
{
	double a[2][2], b[2][2], det, d[2][2], turn, c, s;

	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++) {
			a[i][j] = p[2 * i + j] / f->scale[j];
			b[i][j] = (f->nearest[i][0] * p[4 + j] + f->nearest[i][1] * p[6 + j]) / f->scale[j];
		}
	det = b[0][0] * b[1][1] - b[0][1] * b[1][0];
	for (int j = 0; j < 2; j++) { /* d: of y and x, by y and x */
		d[0][j] = (b[1][1] * a[0][j] - b[0][1] * a[1][j]) / det;
		d[1][j] = (b[0][0] * a[1][j] - b[1][0] * a[0][j]) / det;
	}
	turn = atan2(d[0][1] - d[1][0], d[0][0] + d[1][1]);
	c = cos(turn);
	s = sin(turn);
	v[0] = c * d[0][0] - s * d[1][0] - 1;
	v[1] = c * d[1][1] + s * d[0][1] - 1;
	v[2] = c * d[1][0] + s * d[0][0];
	v[3] = turn / DEGREE;
}

/* Of B's bases with small numbers that of the least strain, a little also of the least rotation, by which alone those
 * of a symmetric lattice differ. */
static void find_nearest(struct function *f, const double *p)
{
	double best = HUGE_VAL;
	int nearest[4] = {1, 0, 0, 1};

	for (int i = 0; i < 625; i++) {
		const int m[4] = {i % 5 - 2, i / 5 % 5 - 2, i / 25 % 5 - 2, i / 125 - 2};
		double v[4], cost;

		if (abs(m[0] * m[3] - m[1] * m[2]) != 1)
			continue;
		for (int j = 0; j < 4; j++)
			f->nearest[j / 2][j % 2] = m[j];
		strain_values(f, p, v);
		cost = v[0] * v[0] + v[1] * v[1] + 2 * v[2] * v[2] + TURNING * (1 - cos(v[3] * DEGREE));
		if (cost >= best)
			continue;
		best = cost;
		for (int j = 0; j < 4; j++)
			nearest[j] = m[j];
	}
	for (int j = 0; j < 4; j++)
		f->nearest[j / 2][j % 2] = nearest[j];
}

int em_lattice_strain(struct em_lattice_strain *strain, const struct em_lattice *a, const struct em_lattice *b,
                      const double scale[2], struct em_error *err)
{
	struct function f = {strain_values, 4, 8, 8, .scale = scale};
	const double(*covariance[2])[4] = {a->covariance, b->covariance};
	struct em_lattice_value v[4];
	double p[8];

	if (a->row || b->row)
		return em_error_set(err, EM_ERROR_DATA,
		                    "strain needs two directions, and one lattice is a row of peaks");
	parameters_of(a, p);
	parameters_of(b, p + 4);
	find_nearest(&f, p);
	evaluate(&f, p, covariance, v);
	*strain = (struct em_lattice_strain){v[0], v[1], v[2], v[3]};
	return 0;
}
