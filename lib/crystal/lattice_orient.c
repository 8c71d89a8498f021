/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Vectors are complex numbers here, x + i y. */
#include "crystal/lattice.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 0.05

struct pose {
	double complex
	    turn; /* size exp(i angle): the calibration's error is a common factor, its rest half the tolerance */
	double complex a, b; /* the known a*, b* of this hand */
	double weight;
};

struct search {
	const struct em_bragg_peak *peak;
	size_t n;
	const int (*hk)[2];
	size_t n_hk;
	double scale[2], tolerance;
};

static double complex vector_of(const struct search *s, size_t i)
{
	return s->peak[i].x / s->scale[1] + I * (s->peak[i].y / s->scale[0]);
}

static double complex node(const struct pose *p, const int hk[2])
{
	return p->turn * (hk[0] * p->a + hk[1] * p->b);
}

/* The index that peak i has in this pose, with its sign; n_hk: none.  1 - miss^2 into *fit. */
static size_t index_of(const struct search *s, const struct pose *p, size_t i, int *sign, double *fit)
{
	double complex g = vector_of(s, i);
	size_t found = s->n_hk;

	*fit = 0;
	for (size_t k = 0; k < s->n_hk; k++)
		for (int way = -1; way <= 1; way += 2) {
			double complex want = way * node(p, s->hk[k]);
			double f = 1 - pow(2 * cabs(g - want) / (s->tolerance * cabs(want)), 2);

			if (f > *fit) {
				*fit = f;
				found = k;
				*sign = way;
			}
		}
	return found;
}

/* Each index counts once, for its best peak; owner[k] is that peak + 1, or 0. */
static double weigh(const struct search *s, const struct pose *p, size_t *owner, double *best)
{
	double sum = 0;

	for (size_t k = 0; k < s->n_hk; k++) {
		owner[k] = 0;
		best[k] = 0;
	}
	for (size_t i = 0; i < s->n; i++) {
		double fit;
		int sign;
		size_t k = index_of(s, p, i, &sign, &fit);

		fit *= log1p(fmax(s->peak[i].snr, 0));
		if (k == s->n_hk || fit <= best[k])
			continue;
		best[k] = fit;
		owner[k] = i + 1;
	}
	for (size_t k = 0; k < s->n_hk; k++)
		sum += best[k];
	return sum;
}

/* Every peak on every index of its length proposes a pose. */
static void find_pose(const struct search *s, const struct em_lattice_known *known, struct pose *best, size_t *owner,
                      double *room)
{
	const double gamma = known->gamma_star * 0.017453292519943295;

	for (double hand = 1; hand >= -1; hand -= 2)
		for (size_t i = 0; i < s->n; i++)
			for (size_t k = 0; k < s->n_hk; k++) {
				struct pose p = {1, 1 / known->d_a, cexp(I * hand * gamma) / known->d_b, 0};
				double complex g = vector_of(s, i), want = node(&p, s->hk[k]);

				if (!(fabs(cabs(g) - cabs(want)) <= s->tolerance * cabs(want)) || want == 0)
					continue;
				p.turn = g / want;
				p.weight = weigh(s, &p, owner, room);
				if (p.weight > best->weight * (1 + 1e-9))
					*best = p;
			}
}

/* A row's one vector v = m (p q) fixes a* and b* as they are known to lie to it: each is a complex number times it. */
static void complete(const struct search *s, const struct pose *pose, double complex primitive, struct em_lattice *l)
{
	double complex v = l->a[1] / s->scale[1] + I * (l->a[0] / s->scale[0]);
	const double complex ratio[2] = {pose->a / primitive, pose->b / primitive};
	double m[4][2],
	    c[2][2] = {{l->covariance[0][0], l->covariance[0][1]}, {l->covariance[1][0], l->covariance[1][1]}};

	for (int i = 0; i < 2; i++) {
		double complex w = ratio[i] * v;
		double *to = i ? l->b : l->a;

		to[0] = cimag(w) * s->scale[0];
		to[1] = creal(w) * s->scale[1];
		m[2 * i][0] = m[2 * i + 1][1] = creal(ratio[i]);
		m[2 * i][1] = cimag(ratio[i]) * s->scale[0] / s->scale[1];
		m[2 * i + 1][0] = -cimag(ratio[i]) * s->scale[1] / s->scale[0];
	}
	for (int i = 0; i < 16; i++) {
		double sum = 0;

		for (int p = 0; p < 4; p++)
			sum += m[i / 4][p / 2] * c[p / 2][p % 2] * m[i % 4][p % 2];
		l->covariance[i / 4][i % 4] = sum;
	}
	l->row = false;
}

static int check(const struct em_lattice_known *k, const struct search *s, struct em_error *err)
{
	if (!(k->d_a > 0 && k->d_b > 0 && isfinite(k->d_a) && isfinite(k->d_b) && k->gamma_star > 0 &&
	      k->gamma_star < 180 && s->tolerance < 1))
		return em_error_set(err, EM_ERROR_DATA, "no lattice has d %g and %g at %g degrees, within %g", k->d_a,
		                    k->d_b, k->gamma_star, s->tolerance);
	for (size_t i = 0; i < s->n_hk; i++)
		if (abs(s->hk[i][0]) > EM_LATTICE_GREATEST || abs(s->hk[i][1]) > EM_LATTICE_GREATEST)
			return em_error_set(err, EM_ERROR_DATA, "index (%d %d) is out of range", s->hk[i][0],
			                    s->hk[i][1]);
	return 0;
}

/* Indices of the peaks that own one; the first such peak, or n. */
static size_t index_peaks(const struct search *s, const struct pose *pose, const size_t *owner,
                          struct em_lattice_index *index)
{
	size_t first = s->n;

	for (size_t i = 0; i < s->n; i++)
		index[i] = (struct em_lattice_index){.lattice = -1};
	for (size_t k = 0; k < s->n_hk; k++) {
		double fit;
		int sign = 1;

		if (!owner[k])
			continue;
		first = owner[k] - 1;
		index_of(s, pose, first, &sign, &fit);
		index[first] = (struct em_lattice_index){0, sign * s->hk[k][0], sign * s->hk[k][1]};
	}
	return first;
}

/* The peaks get their indices and the lattice its fit. */
static int settle(const struct search *s, const struct pose *pose, const size_t *owner, struct em_lattice *lattice,
                  struct em_lattice_index *index, const struct em_lattice_options *options, struct em_error *err)
{
	struct em_lattice made;
	struct em_lattice_index *found = malloc(2 * (s->n + 1) * sizeof(*found)), *row = found + s->n;
	size_t first;
	int status = -1;

	if (!found)
		return em_error_memory(err, 2 * s->n * sizeof(*found));
	first = index_peaks(s, pose, owner, found);
	memcpy(row, found, s->n * sizeof(*row));
	if (first == s->n) {
		em_error_set(err, EM_ERROR_DATA, "no peak fits the lattice that was given");
	} else if (!em_lattice_fit(&made, row, 0, s->peak, s->n, options, false, err)) {
		if (made.row)
			complete(s, pose, (found[first].h * pose->a + found[first].k * pose->b) / row[first].h, &made);
		memcpy(index, found, s->n * sizeof(*index));
		*lattice = made;
		status = 0;
	}
	free(found);
	return status;
}

int em_lattice_orient(struct em_lattice *lattice, struct em_lattice_index *index, const struct em_bragg_peak *peak,
                      size_t n, const struct em_lattice_known *known, const int (*hk)[2], size_t n_hk,
                      const struct em_lattice_options *options, struct em_error *err)
{
	struct search s = {peak, n, hk, n_hk, {1, 1}, known->tolerance > 0 ? known->tolerance : TOLERANCE};
	struct pose best = {0};
	size_t *owner;
	double *room;
	int status;

	for (int c = 0; c < 2; c++)
		s.scale[c] = options->scale[c] > 0 ? options->scale[c] : 1;
	if (check(known, &s, err))
		return -1;
	owner = calloc(n_hk + 1, sizeof(*owner));
	room = calloc(n_hk + 1, sizeof(*room));
	if (!owner || !room) {
		status = em_error_memory(err, n_hk * sizeof(*room));
	} else {
		find_pose(&s, known, &best, owner, room);
		weigh(&s, &best, owner, room);
		status = settle(&s, &best, owner, lattice, index, options, err);
	}
	free(owner);
	free(room);
	return status;
}

size_t em_lattice_match(int *which, const struct em_bragg_peak *peak, size_t n, const double *d, size_t n_d,
                        double tolerance, const double scale[2])
{
	size_t matched = 0;

	for (size_t i = 0; i < n; i++) {
		double g = hypot(peak[i].y / scale[0], peak[i].x / scale[1]), nearest = tolerance;

		which[i] = -1;
		for (size_t k = 0; k < n_d; k++)
			if (fabs(1 / g - d[k]) <= nearest * d[k]) {
				nearest = fabs(1 / g - d[k]) / d[k];
				which[i] = (int)k;
			}
		matched += which[i] >= 0;
	}
	return matched;
}
