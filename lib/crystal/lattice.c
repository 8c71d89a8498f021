/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/lattice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STRONGEST 24 /* peaks that propose lattices */
#define FLOOR 0.05   /* uncertainty of any peak, pixels of the spectrum */
#define IN_LINE 0.1  /* sine of the angle below which two peaks are in line */
#define SIGMAS 3     /* of a peak, added to the tolerance */
#define ROUNDS 8     /* of indexing and fitting */

static double cross(const double a[2], const double b[2])
{
	return a[0] * b[1] - a[1] * b[0];
}

static double dot(const double a[2], const double b[2])
{
	return a[0] * b[0] + a[1] * b[1];
}

/* Indices of g, as real numbers; of a row, along it. */
static void coordinates(const struct em_lattice *l, const double g[2], double hk[2])
{
	if (l->row) {
		hk[0] = dot(g, l->a) / dot(l->a, l->a);
		hk[1] = 0;
		return;
	}
	hk[0] = cross(g, l->b) / cross(l->a, l->b);
	hk[1] = cross(l->a, g) / cross(l->a, l->b);
}

struct work {
	const struct em_bragg_peak *peak;
	size_t n;
	const struct em_lattice_options *o;
	double pixel[2]; /* of the spectrum */
	double tolerance;
};

static double sigma_of(const struct work *w, size_t i, int axis)
{
	double s = axis ? w->peak[i].sigma_x : w->peak[i].sigma_y, least = FLOOR * w->pixel[axis];

	return s > least && isfinite(s) ? s : least;
}

/* How far peak i is from h a* + k b*, in tolerances. */
static double miss(const struct work *w, const struct em_lattice *l, size_t i, double h, double k)
{
	const double g[2] = {w->peak[i].y, w->peak[i].x};
	double sum = 0;

	for (int c = 0; c < 2; c++) {
		double allowed = w->tolerance * w->pixel[c] + SIGMAS * fmin(sigma_of(w, i, c), w->pixel[c]);

		sum += pow((g[c] - h * l->a[c] - k * l->b[c]) / allowed, 2);
	}
	return sqrt(sum);
}

/* Index the peaks that are still free; how many fit. */
static size_t assign(const struct work *w, const struct em_lattice *l, struct em_lattice_index *index, int which,
                     int order)
{
	size_t count = 0;

	for (size_t i = 0; i < w->n; i++) {
		const double g[2] = {w->peak[i].y, w->peak[i].x};
		double hk[2];

		if (index[i].lattice >= 0 && index[i].lattice != which)
			continue;
		index[i].lattice = -1;
		coordinates(l, g, hk);
		hk[0] = round(hk[0]);
		hk[1] = round(hk[1]);
		if (!(fabs(hk[0]) <= order && fabs(hk[1]) <= order) || (hk[0] == 0 && hk[1] == 0) ||
		    miss(w, l, i, hk[0], hk[1]) > 1)
			continue;
		index[i] = (struct em_lattice_index){which, (int)hk[0], (int)hk[1]};
		count++;
	}
	return count;
}

/* ---- least squares ---- */

struct normal {
	double hh, hk, kk, h, k;
};

static bool is_in_line(const struct em_lattice_index *index, size_t n, int which)
{
	const struct em_lattice_index *first = NULL;

	for (size_t i = 0; i < n; i++) {
		if (index[i].lattice != which)
			continue;
		if (!first)
			first = &index[i];
		else if (first->h * index[i].k != first->k * index[i].h)
			return false;
	}
	return true;
}

/* One component of a* and b*, with its covariance; of a row k is 0 everywhere. */
static void fit_component(const struct work *w, struct em_lattice *l, const struct em_lattice_index *index, int which,
                          int c)
{
	struct normal s = {0};
	double det;

	for (size_t i = 0; i < w->n; i++) {
		double h = index[i].h, k = index[i].k, weight = pow(sigma_of(w, i, c), -2);
		double g = c ? w->peak[i].x : w->peak[i].y;

		if (index[i].lattice != which)
			continue;
		s.hh += weight * h * h;
		s.hk += weight * h * k;
		s.kk += weight * k * k;
		s.h += weight * h * g;
		s.k += weight * k * g;
	}
	if (l->row) {
		s.hk = 0;
		s.kk = 1;
		s.k = 0;
	}
	det = s.hh * s.kk - s.hk * s.hk;
	l->a[c] = (s.h * s.kk - s.k * s.hk) / det;
	l->b[c] = (s.k * s.hh - s.h * s.hk) / det;
	l->covariance[c][c] = s.kk / det;
	l->covariance[c][2 + c] = l->covariance[2 + c][c] = -s.hk / det;
	l->covariance[2 + c][2 + c] = l->row ? 0 : s.hh / det;
}

/* Misses against uncertainties: more than they allow widens the covariance. */
static void judge(const struct work *w, struct em_lattice *l, const struct em_lattice_index *index, int which)
{
	double chi = 0, squares = 0, dof;

	l->count = 0;
	for (size_t i = 0; i < w->n; i++) {
		if (index[i].lattice != which)
			continue;
		for (int c = 0; c < 2; c++) {
			double e = (c ? w->peak[i].x : w->peak[i].y) - index[i].h * l->a[c] - index[i].k * l->b[c];

			chi += pow(e / sigma_of(w, i, c), 2);
			squares += pow(e / w->pixel[c], 2);
		}
		l->count++;
	}
	dof = 2 * (double)l->count - (l->row ? 2 : 4);
	l->rms = sqrt(squares / (double)l->count);
	for (int i = 0; i < 16 && dof > 0; i++)
		l->covariance[i / 4][i % 4] *= fmax(1, chi / dof);
}

static void fit(const struct work *w, struct em_lattice *l, const struct em_lattice_index *index, int which)
{
	memset(l->covariance, 0, sizeof(l->covariance));
	fit_component(w, l, index, which, 0);
	fit_component(w, l, index, which, 1);
	judge(w, l, index, which);
}

/* ---- the reduced basis ---- */

/* a*, b* = m (a*, b*), the indices and the covariance with them. */
static void change(const struct work *w, struct em_lattice *l, struct em_lattice_index *index, int which,
                   const int m[2][2])
{
	struct em_lattice old = *l;
	const int det = m[0][0] * m[1][1] - m[0][1] * m[1][0]; /* +-1 */

	for (int c = 0; c < 2; c++) {
		l->a[c] = m[0][0] * old.a[c] + m[0][1] * old.b[c];
		l->b[c] = m[1][0] * old.a[c] + m[1][1] * old.b[c];
	}
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 4; j++) {
			double sum = 0;

			for (int p = 0; p < 2; p++)
				for (int q = 0; q < 2; q++)
					sum += m[i / 2][p] * m[j / 2][q] * old.covariance[2 * p + i % 2][2 * q + j % 2];
			l->covariance[i][j] = sum;
		}
	for (size_t i = 0; i < w->n; i++)
		if (index[i].lattice == which) {
			int h = index[i].h, k = index[i].k;

			index[i].h = det * (h * m[1][1] - k * m[1][0]);
			index[i].k = det * (k * m[0][0] - h * m[0][1]);
		}
}

/* 1 / nm */
static void scaled(const struct work *w, const double v[2], double out[2])
{
	for (int c = 0; c < 2; c++)
		out[c] = v[c] / (w->o->scale[c] > 0 ? w->o->scale[c] : 1);
}

/* Lagrange's reduction, then signs: a* to the right, b* less than a right angle from it, if that is not the plainer
 * one. */
static void reduce(const struct work *w, struct em_lattice *l, struct em_lattice_index *index, int which)
{
	static const int swap[2][2] = {{0, 1}, {1, 0}}, turn_a[2][2] = {{-1, 0}, {0, 1}},
	                 turn_b[2][2] = {{1, 0}, {0, -1}};
	double a[2], b[2];

	for (int i = 0; i < 64 && !l->row; i++) {
		scaled(w, l->a, a);
		scaled(w, l->b, b);
		if (dot(b, b) < dot(a, a) * (1 - 1e-9)) {
			change(w, l, index, which, swap);
			continue;
		}
		int q = (int)lround(dot(a, b) / dot(a, a));
		const int shear[2][2] = {{1, 0}, {-q, 1}};

		if (!q || fabs(dot(a, b)) <= 0.5000001 * dot(a, a))
			break;
		change(w, l, index, which, shear);
	}
	if (l->a[1] < 0 || (l->a[1] == 0 && l->a[0] < 0))
		change(w, l, index, which, turn_a);
	scaled(w, l->a, a);
	scaled(w, l->b, b);
	if (!l->row && dot(a, b) < 0)
		change(w, l, index, which, turn_b);
}

/* ---- proposals ---- */

/* Fit, index anew, until the same peaks are in; few orders first, since a proposal's error grows with them. */
static size_t settle(const struct work *w, struct em_lattice *l, struct em_lattice_index *index, int which)
{
	size_t count = 0;

	for (int order = 1, round = 0; round < ROUNDS; round++, order = order < EM_LATTICE_ORDER ? 2 * order : order) {
		size_t now = assign(w, l, index, which, order < EM_LATTICE_ORDER ? order : EM_LATTICE_ORDER);

		if (!now || (!l->row && is_in_line(index, w->n, which)))
			return 0;
		fit(w, l, index, which);
		if (now == count && order >= EM_LATTICE_ORDER)
			break;
		count = now;
	}
	return l->count;
}

/* How unlikely it is that chance put the peaks beyond the first `given` where they are; and their strength, a little.
 */
static double evidence(const struct work *w, const struct em_lattice *l, const struct em_lattice_index *index,
                       int which, size_t given)
{
	double reach[2], cell = fabs(cross(l->a, l->b)), chance, strength = 0;

	for (int c = 0; c < 2; c++)
		reach[c] = (w->tolerance + 0.3) * w->pixel[c];
	chance =
	    l->row ? 2 * sqrt(reach[0] * reach[1]) / sqrt(dot(l->a, l->a)) : 4 * atan(1) * reach[0] * reach[1] / cell;
	for (size_t i = 0; i < w->n; i++)
		if (index[i].lattice == which)
			strength += log1p(fmax(w->peak[i].snr, 0));
	return ((double)l->count - (double)given) * -log(fmin(chance, 0.999)) + 0.01 * strength;
}

static size_t strongest(const struct work *w, const struct em_lattice_index *index, size_t *chosen)
{
	size_t count = 0;

	/* peaks come by falling height */
	for (size_t i = 0; i < w->n && count < STRONGEST; i++)
		if (index[i].lattice < 0)
			chosen[count++] = i;
	return count;
}

struct trial {
	struct em_lattice lattice;
	struct em_lattice_index *index; /* [n] */
	double evidence;
};

/* Has a further lattice peaks enough?  The first takes what there is. */
static bool is_enough(const struct work *w, const struct em_lattice *l, const struct em_lattice_index *index, int which)
{
	size_t least = w->o->least ? w->o->least : 3, most_in_line = 0;

	if (!which)
		return true;
	if (l->row || l->count < least || least < 3)
		return l->count >= least - l->row;
	for (size_t i = 0; i < w->n; i++) {
		size_t in_line = 0;

		for (size_t j = 0; j < w->n && index[i].lattice == which; j++)
			in_line += index[j].lattice == which && index[i].h * index[j].k == index[i].k * index[j].h;
		most_in_line = in_line > most_in_line ? in_line : most_in_line;
	}
	return most_in_line + 1 < l->count;
}

static void consider(const struct work *w, const struct em_lattice_index *index, const struct em_lattice *start,
                     int which, struct trial *trial, struct trial *best)
{
	size_t given = start->row ? 1 : 2;

	trial->lattice = *start;
	memcpy(trial->index, index, w->n * sizeof(*index));
	if (settle(w, &trial->lattice, trial->index, which) < given ||
	    !is_enough(w, &trial->lattice, trial->index, which))
		return;
	trial->evidence = evidence(w, &trial->lattice, trial->index, which, given);
	if (trial->evidence > best->evidence) {
		struct trial t = *best;

		*best = *trial;
		*trial = t;
	}
}

static void propose(const struct work *w, const struct em_lattice_index *index, int which, struct trial *trial,
                    struct trial *best)
{
	size_t chosen[STRONGEST], m = strongest(w, index, chosen);

	best->evidence = 0;
	for (size_t i = 0; i < m; i++)
		for (size_t j = i + 1; j < m; j++) {
			const struct em_bragg_peak *p = &w->peak[chosen[i]], *q = &w->peak[chosen[j]];
			struct em_lattice l = {.a = {p->y, p->x}, .b = {q->y, q->x}};

			if (fabs(cross(l.a, l.b)) > IN_LINE * sqrt(dot(l.a, l.a) * dot(l.b, l.b)))
				consider(w, index, &l, which, trial, best);
		}
	for (size_t i = 0; i < m; i++) {
		const struct em_bragg_peak *p = &w->peak[chosen[i]];
		struct em_lattice l = {.a = {p->y, p->x}, .row = true};

		consider(w, index, &l, which, trial, best);
	}
}

static int prepare(struct work *w, struct em_error *err)
{
	const struct em_lattice_options *o = w->o;

	if (!o->height || !o->width || !(o->tolerance >= 0) || !isfinite(o->tolerance))
		return em_error_set(err, EM_ERROR_USAGE, "peaks of frames of %zu x %zu pixels, within %g", o->width,
		                    o->height, o->tolerance);
	for (int c = 0; c < 2; c++)
		if (!(o->scale[c] >= 0 && isfinite(o->scale[c])))
			return em_error_set(err, EM_ERROR_USAGE, "a pixel of size %g", o->scale[c]);
	w->pixel[0] = 1 / (double)o->height;
	w->pixel[1] = 1 / (double)o->width;
	w->tolerance = o->tolerance > 0 ? o->tolerance : 1;
	return 0;
}

int em_lattice_split(struct em_lattice *lattice, size_t *count, struct em_lattice_index *index,
                     const struct em_bragg_peak *peak, size_t n, const struct em_lattice_options *options,
                     struct em_error *err)
{
	struct work w = {.peak = peak, .n = n, .o = options};
	struct trial trial = {0}, best = {0};
	size_t made = 0, most = options->most ? options->most : 2;

	if (prepare(&w, err))
		return -1;
	trial.index = calloc(n + 1, sizeof(*trial.index));
	best.index = calloc(n + 1, sizeof(*best.index));
	if (!trial.index || !best.index) {
		free(trial.index);
		free(best.index);
		return em_error_memory(err, n * sizeof(*index));
	}
	for (size_t i = 0; i < n; i++)
		index[i] = (struct em_lattice_index){.lattice = -1};
	while (made < most) {
		propose(&w, index, (int)made, &trial, &best);
		if (best.evidence == 0)
			break;
		memcpy(index, best.index, n * sizeof(*index));
		reduce(&w, &best.lattice, index, (int)made);
		lattice[made++] = best.lattice;
	}
	*count = made;
	free(trial.index);
	free(best.index);
	return 0;
}

static int divisor(int a, int b)
{
	while (b) {
		int t = a % b;

		a = b;
		b = t;
	}
	return a < 0 ? -a : a;
}

/* (h k) = m (p q), all in line: they become (m 0), divided by what the m have in common. */
static void make_row(struct em_lattice_index *index, size_t n, int which)
{
	int p = 0, q = 0, common = 0;

	for (size_t i = 0; i < n; i++)
		if (index[i].lattice == which) {
			common = divisor(common, divisor(index[i].h, index[i].k));
			p = index[i].h;
			q = index[i].k;
		}
	for (size_t i = 0; i < n; i++)
		if (index[i].lattice == which) {
			int sign = index[i].h * p + index[i].k * q < 0 ? -1 : 1;

			index[i].h = sign * divisor(index[i].h, index[i].k) / common;
			index[i].k = 0;
		}
}

static int check_indices(struct em_lattice_index *index, size_t n, int which, struct em_error *err)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		if (index[i].lattice != which)
			continue;
		if (abs(index[i].h) > EM_LATTICE_GREATEST || abs(index[i].k) > EM_LATTICE_GREATEST)
			return em_error_set(err, EM_ERROR_DATA, "index (%d %d) is out of range", index[i].h,
			                    index[i].k);
		count += index[i].h || index[i].k;
	}
	if (!count)
		return em_error_set(err, EM_ERROR_DATA, "no peak of lattice %d has an index", which);
	for (size_t i = 0; i < n; i++)
		if (index[i].lattice == which && !index[i].h && !index[i].k)
			index[i].lattice = -1;
	return 0;
}

int em_lattice_fit(struct em_lattice *lattice, struct em_lattice_index *index, int which,
                   const struct em_bragg_peak *peak, size_t n, const struct em_lattice_options *options, bool reduced,
                   struct em_error *err)
{
	struct work w = {.peak = peak, .n = n, .o = options};
	struct em_lattice made = {0};

	if (prepare(&w, err) || check_indices(index, n, which, err))
		return -1;
	made.row = is_in_line(index, n, which);
	if (made.row)
		make_row(index, n, which);
	fit(&w, &made, index, which);
	if (reduced)
		reduce(&w, &made, index, which);
	*lattice = made;
	return 0;
}
