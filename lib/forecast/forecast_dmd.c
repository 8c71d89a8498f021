/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linear dynamics of the scores, x(t+1) = A x(t) + c + noise: dynamic mode decomposition (Schmid, J. Fluid Mech. 656
 * (2010) 5) with the noise of the scores taken off their covariance, which else would make all modes decay (Dawson et
 * al., Exp. Fluids 57 (2016) 42), and damped: no mode grows.  A Kalman filter follows a series.
 */
#include "forecast/forecast.h"

#include "base/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RIDGE 1e-6   /* of the mean eigenvalue: modes that no series has */
#define SQUARINGS 10 /* A^1024 tells the largest mode */
#define KEEP 0.2     /* of a score's measured variance at least: there the noise is not known so well */

struct dmd {
	double *a; /* [rank][rank] */
	double *c; /* [rank] */
	double *q; /* [rank][rank]: covariance of the noise of a step */
};

struct run {
	bool begun;
	double *x, *p; /* [rank], [rank][rank] */
	double *y, *s; /* the same: of a forecast */
	double *work;  /* [3][rank][rank] */
};

static void release(void *own)
{
	free(((struct dmd *)own)->a);
	free(own);
}

static struct dmd *new_dmd(size_t rank, struct em_error *err)
{
	struct dmd *d = malloc(sizeof(*d));

	if (d && !(d->a = calloc(2 * rank * rank + rank, sizeof(double)))) {
		free(d);
		d = NULL;
	}
	if (!d) {
		em_error_memory(err, 2 * rank * rank * sizeof(double));
		return NULL;
	}
	d->q = d->a + rank * rank;
	d->c = d->q + rank * rank;
	return d;
}

/* out = a b, or a b^T */
static void multiply(const double *a, const double *b, bool turned, size_t n, double *out)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			double sum = 0;

			for (size_t k = 0; k < n; k++)
				sum += a[i * n + k] * b[turned ? j * n + k : k * n + j];
			out[i * n + j] = sum;
		}
}

/* ---- learning ---- */

/* Sums over pairs of neighbours: x and what follows it. */
struct sums {
	double n, noise;
	double *x, *y;            /* [rank] */
	double *xx, *yx, *yy;     /* [rank][rank] */
	double *work, *more_work; /* the same */
};

static void add_up(struct sums *u, const struct em_forecast_track *t, size_t rank)
{
	for (size_t i = 0; i + 1 < t->count; i++) {
		const double *x = t->score + i * rank, *y = x + rank;

		if (!isfinite(t->variance[i] + t->variance[i + 1]))
			continue;
		u->n++;
		u->noise += t->variance[i];
		for (size_t a = 0; a < rank; a++) {
			u->x[a] += x[a];
			u->y[a] += y[a];
			for (size_t b = 0; b < rank; b++) {
				u->xx[a * rank + b] += x[a] * x[b];
				u->yx[a * rank + b] += y[a] * x[b];
				u->yy[a * rank + b] += y[a] * y[b];
			}
		}
	}
}

/* Sums become covariances; of the noise a mean. */
static void centre(struct sums *u, size_t rank)
{
	u->noise /= u->n;
	for (size_t a = 0; a < rank; a++) {
		u->x[a] /= u->n;
		u->y[a] /= u->n;
	}
	for (size_t a = 0; a < rank; a++)
		for (size_t b = 0; b < rank; b++) {
			size_t i = a * rank + b;

			u->xx[i] = u->xx[i] / u->n - u->x[a] * u->x[b];
			u->yx[i] = u->yx[i] / u->n - u->y[a] * u->x[b];
			u->yy[i] = u->yy[i] / u->n - u->y[a] * u->y[b];
		}
}

/* A's largest mode, by Gelfand's formula. */
static double radius(const double *a, size_t n, double *power, double *square)
{
	double logarithm = 0, weight = 1;

	memcpy(power, a, n * n * sizeof(*power));
	for (int k = 0; k < SQUARINGS; k++) {
		double size = 0;

		for (size_t i = 0; i < n * n; i++)
			size = fmax(size, fabs(power[i]));
		if (!(size > 0))
			return 0;
		for (size_t i = 0; i < n * n; i++)
			power[i] /= size;
		logarithm += weight * log(size);
		weight /= 2;
		multiply(power, power, false, n, square);
		memcpy(power, square, n * n * sizeof(*power));
	}
	return exp(logarithm);
}

/* A = <y x> (<x x> - noise)^-1, in units in which the scores are alike. */
static int solve(struct dmd *d, struct sums *u, size_t rank, struct em_error *err)
{
	double *l = u->work, mean = 0, largest;

	memcpy(l, u->xx, rank * rank * sizeof(*l));
	for (size_t k = 0; k < rank; k++) {
		l[k * (rank + 1)] = fmax(l[k * (rank + 1)] - u->noise, KEEP * l[k * (rank + 1)]);
		mean += l[k * (rank + 1)] / (double)rank;
	}
	for (size_t k = 0; k < rank; k++)
		l[k * (rank + 1)] += RIDGE * mean;
	if (em_cholesky_factor(l, rank, err))
		return em_error_prefix(err, "linear dynamics: ");
	memcpy(d->a, u->yx, rank * rank * sizeof(*d->a));
	for (size_t k = 0; k < rank; k++)
		em_cholesky_solve(l, rank, d->a + k * rank);
	largest = radius(d->a, rank, u->work, u->more_work);
	for (size_t i = 0; i < rank * rank && largest > 1; i++)
		d->a[i] /= largest;
	for (size_t a = 0; a < rank; a++) {
		d->c[a] = u->y[a];
		for (size_t b = 0; b < rank; b++)
			d->c[a] -= d->a[a * rank + b] * u->x[b];
	}
	return 0;
}

/* What a step adds: <(y - A x)(y - A x)^T> without what the scores' noise does to it, made positive. */
static int set_noise(struct dmd *d, struct sums *u, size_t rank, struct em_error *err)
{
	double *ax = u->work, *axa = u->more_work, *vector = u->work, *value = u->x;

	multiply(d->a, u->xx, false, rank, ax);
	multiply(ax, d->a, true, rank, axa);
	multiply(u->yx, d->a, true, rank, ax); /* y (A x)^T */
	for (size_t a = 0; a < rank; a++)
		for (size_t b = 0; b < rank; b++) {
			size_t i = a * rank + b;

			u->yy[i] += axa[i] - ax[i] - ax[b * rank + a] - (a == b ? u->noise : 0);
		}
	multiply(d->a, d->a, true, rank, axa);
	for (size_t i = 0; i < rank * rank; i++)
		vector[i] = u->yy[i] - u->noise * axa[i];
	if (em_symmetric_eigen(vector, rank, value, err))
		return -1;
	for (size_t a = 0; a < rank; a++)
		for (size_t b = 0; b < rank; b++)
			for (size_t k = 0; k < rank; k++)
				d->q[a * rank + b] +=
				    fmax(value[k], 1e-4 * u->noise) * vector[k * rank + a] * vector[k * rank + b];
	return 0;
}

static int learn(struct em_forecast *f, const struct em_forecast_track *tracks, size_t count,
                 const struct em_forecast_settings *set, struct em_error *err)
{
	size_t rank = f->lowrank.basis.rank, square = rank * rank;
	double *room = calloc(5 * square + 2 * rank, sizeof(*room));
	struct dmd *d = room ? new_dmd(rank, err) : NULL;
	struct sums u = {.xx = room, .yx = room + square, .yy = room + 2 * square, .work = room + 3 * square};
	int status = d ? 0 : -1;

	(void)set;
	if (!room)
		return em_error_memory(err, 5 * square * sizeof(*room));
	u.more_work = u.work + square;
	u.x = u.more_work + square;
	u.y = u.x + rank;
	for (size_t s = 0; s < count; s++)
		add_up(&u, &tracks[s], rank);
	if (!status && !(u.n > 0))
		status =
		    em_error_set(err, EM_ERROR_DATA, "no two neighbouring spectra with counts: nothing to learn from");
	if (!status) {
		centre(&u, rank);
		status = solve(d, &u, rank, err) || set_noise(d, &u, rank, err) ? -1 : 0;
	}
	free(room);
	if (!status)
		f->own = d;
	else if (d)
		release(d);
	return status;
}

/* ---- along a series ---- */

static int begin(const struct em_forecast *f, void **out, struct em_error *err)
{
	size_t rank = f->lowrank.basis.rank, square = rank * rank;
	struct run *r = calloc(1, sizeof(*r));

	if (!r || !(r->x = calloc(2 * rank + 5 * square, sizeof(double)))) {
		free(r);
		return em_error_memory(err, 5 * square * sizeof(double));
	}
	r->y = r->x + rank;
	r->p = r->y + rank;
	r->s = r->p + square;
	r->work = r->s + square;
	*out = r;
	return 0;
}

static void end(void *run)
{
	free(((struct run *)run)->x);
	free(run);
}

/* x and its covariance, a step on. */
static void advance(const struct dmd *d, size_t rank, double *x, double *p, double *work)
{
	for (size_t a = 0; a < rank; a++) {
		work[a] = d->c[a];
		for (size_t b = 0; b < rank; b++)
			work[a] += d->a[a * rank + b] * x[b];
	}
	memcpy(x, work, rank * sizeof(*x));
	multiply(d->a, p, false, rank, work);
	multiply(work, d->a, true, rank, p);
	for (size_t i = 0; i < rank * rank; i++)
		p[i] += d->q[i];
}

/* Kalman's: the gain is p (p + noise)^-1. */
static void update(struct run *r, size_t rank, const double *score, double noise)
{
	double *l = r->work, *gain = l + rank * rank, *less = gain + rank * rank;

	memcpy(l, r->p, rank * rank * sizeof(*l));
	for (size_t k = 0; k < rank; k++)
		l[k * (rank + 1)] += noise;
	if (em_cholesky_factor(l, rank, NULL))
		return;
	memcpy(gain, r->p, rank * rank * sizeof(*gain));
	for (size_t k = 0; k < rank; k++)
		em_cholesky_solve(l, rank, gain + k * rank);
	for (size_t a = 0; a < rank; a++)
		r->y[a] = score[a] - r->x[a];
	for (size_t a = 0; a < rank; a++)
		for (size_t b = 0; b < rank; b++)
			r->x[a] += gain[a * rank + b] * r->y[b];
	multiply(gain, r->p, false, rank, less);
	for (size_t a = 0; a < rank; a++)
		for (size_t b = 0; b <= a; b++) {
			double p = r->p[a * rank + b] - (less[a * rank + b] + less[b * rank + a]) / 2;

			r->p[a * rank + b] = r->p[b * rank + a] = p;
		}
}

static void push(const struct em_forecast *f, void *run, const struct em_forecast_view *view)
{
	struct run *r = run;
	size_t rank = f->lowrank.basis.rank;

	if (r->begun)
		advance(f->own, rank, r->x, r->p, r->work);
	if (view->missing)
		return;
	if (r->begun) {
		update(r, rank, view->score, view->variance);
		return;
	}
	memcpy(r->x, view->score, rank * sizeof(*r->x));
	for (size_t k = 0; k < rank; k++)
		r->p[k * (rank + 1)] = view->variance;
	r->begun = true;
}

static int predict(const struct em_forecast *f, void *run, size_t steps, double scale, double *spectrum, double *spread,
                   struct em_error *err)
{
	struct run *r = run;
	size_t rank = f->lowrank.basis.rank;

	(void)err;
	memcpy(r->y, r->x, rank * sizeof(*r->y));
	memcpy(r->s, r->p, rank * rank * sizeof(*r->s));
	for (size_t k = 0; k < steps; k++)
		advance(f->own, rank, r->y, r->s, r->work);
	em_forecast_put_scores(f, scale, r->y, r->s, spectrum, spread);
	return 0;
}

/* ---- files ---- */

static int print(const struct em_forecast *f, struct em_forecast_file *file, struct em_error *err)
{
	const struct dmd *d = f->own;
	size_t rank = f->lowrank.basis.rank;

	(void)err;
	em_forecast_file_add(file, "dmd.step", d->a, rank, rank);
	em_forecast_file_add(file, "dmd.constant", d->c, 1, rank);
	em_forecast_file_add(file, "dmd.noise", d->q, rank, rank);
	return 0;
}

static int parse(struct em_forecast *f, const struct em_safetensors *file, struct em_error *err)
{
	size_t rank = f->lowrank.basis.rank;
	struct dmd *d = new_dmd(rank, err);

	if (!d)
		return -1;
	if (em_forecast_file_get(file, "dmd.step", d->a, rank, rank, err) ||
	    em_forecast_file_get(file, "dmd.constant", d->c, 1, rank, err) ||
	    em_forecast_file_get(file, "dmd.noise", d->q, rank, rank, err)) {
		release(d);
		return -1;
	}
	f->own = d;
	return 0;
}

const struct em_forecast_method em_forecast_dmd = {.name = "dmd",
                                                   .about = "damped linear dynamics of the low-rank scores",
                                                   .has_interval = true,
                                                   .learn = learn,
                                                   .release = release,
                                                   .print = print,
                                                   .parse = parse,
                                                   .begin = begin,
                                                   .push = push,
                                                   .predict = predict,
                                                   .end = end};
