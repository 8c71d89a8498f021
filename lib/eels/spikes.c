/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/spikes.h"

#include "base/parallel.h"
#include "eels/zeroloss.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define THRESHOLD 8
#define FEET 0.2       /* of a spike's height, that is not left beside it */
#define WIDE_FEET 0.15 /* beside one of three channels */
#define ALONE_WIDTH 2  /* channels of a spike that is seen in its own spectrum only */
#define AROUND 4       /* channels either side that tell what is there */
#define NOISE_AROUND 15
#define NOISE_OF_BENDS (1.4826 / 2.449489742783178) /* sqrt(6): what a second difference has of a channel's noise */
#define NEIGHBOURS 8
#define LEAST_NEIGHBOURS 4
#define SIDE 3       /* of the square of neighbours */
#define LENGTH 7     /* of the run of neighbours in a series, the spectrum among them */
#define ZERO_NEAR 20 /* eV */

struct work {
	const float *spectra;
	size_t rows, cols;
	const struct em_energy *e;
	double threshold;
	struct em_spikes *found; /* of each row */
	pthread_mutex_t lock;
	struct em_error *err;
	bool failed;
};

/* One spectrum and what is around it. */
struct place {
	const struct work *w;
	const float *y, *neighbour[NEIGHBOURS];
	size_t index, neighbours;
	double quantum;            /* the smallest step between channels: what one count is, if these are counts */
	double keep_from, keep_to; /* channels of the zero loss */
};

struct run {
	size_t first, count;
	double height;
	float value[EM_SPIKE_CHANNELS];
};

/* v, of a few, is put in order. */
static double median(double *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		double one = v[i];
		size_t k = i;

		for (; k > 0 && v[k - 1] > one; k--)
			v[k] = v[k - 1];
		v[k] = one;
	}
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* ---- what is around ---- */

/* So many of n, `around` i as far as there is room. */
static size_t start_of(size_t i, size_t n, size_t many)
{
	size_t half = many / 2;

	return n <= many || i < half ? 0 : i - half + many > n ? n - many : i - half;
}

static void take_neighbours(struct place *p, size_t row, size_t col)
{
	const struct work *w = p->w;
	size_t height = w->cols == 1 ? LENGTH : SIDE, width = w->rows == 1 ? LENGTH : SIDE;
	size_t top = start_of(row, w->rows, height), left = start_of(col, w->cols, width);

	p->neighbours = 0;
	for (size_t r = top; r < w->rows && r < top + height; r++)
		for (size_t c = left; c < w->cols && c < left + width; c++)
			if (r != row || c != col)
				p->neighbour[p->neighbours++] = w->spectra + (r * w->cols + c) * w->e->channels;
}

/* Without what is not finite: a hole elsewhere must not cost the zero loss its protection. */
static void find_zero(struct place *p, float *whole)
{
	const struct em_energy *e = p->w->e;
	struct em_zeroloss z;

	if (em_energy_at(e, 0) > ZERO_NEAR || em_energy_at(e, (double)e->channels - 1) < -ZERO_NEAR)
		return;
	for (size_t i = 0; i < e->channels; i++)
		whole[i] = isfinite(p->y[i]) ? p->y[i] : 0;
	if (em_zeroloss_find(whole, e, &z, NULL) || fabs(z.ev) > ZERO_NEAR)
		return;
	p->keep_from = z.channel - 3 * z.width / e->scale;
	p->keep_to = z.channel + 3 * z.width / e->scale;
}

static void set_up(struct place *p, float *whole)
{
	const struct em_energy *e = p->w->e;

	p->keep_from = INFINITY;
	p->keep_to = -INFINITY;
	find_zero(p, whole);
	p->quantum = INFINITY;
	for (size_t i = 1; i < e->channels; i++) {
		double step = fabs((double)p->y[i] - p->y[i - 1]);

		if (step > 0 && step < p->quantum)
			p->quantum = step;
	}
}

/* Second differences around a channel, without their signs: how many. */
static size_t bends(const struct place *p, size_t i, double *d)
{
	size_t n = p->w->e->channels, first = i > NOISE_AROUND ? i - NOISE_AROUND : 1, used = 0;

	for (size_t k = first; k + 1 < n && k <= i + NOISE_AROUND; k++)
		d[used++] = fabs((double)p->y[k - 1] - 2.0 * p->y[k] + p->y[k + 1]);
	return used;
}

/* The standard deviation from second differences; infinite where something is not finite. */
static double noise_about(const struct place *p, size_t i)
{
	double d[2 * NOISE_AROUND + 1];
	size_t used = bends(p, i, d);

	for (size_t k = 0; k < used; k++)
		if (!isfinite(d[k]))
			return INFINITY;
	return NOISE_OF_BENDS * median(d, used);
}

/* Is that at least so much?  Told without putting them in order. */
static bool is_noisier(const struct place *p, size_t i, double noise)
{
	double d[2 * NOISE_AROUND + 1];
	size_t used = bends(p, i, d), above = 0;

	for (size_t k = 0; k < used; k++)
		above += NOISE_OF_BENDS * d[k] >= noise;
	return above > used / 2;
}

/* The channels outside a run, AROUND either side. */
static size_t outside(const struct run *r, size_t n, size_t *at)
{
	size_t used = 0;

	for (size_t k = r->first > AROUND ? r->first - AROUND : 0; k < n && k < r->first + r->count + AROUND; k++)
		if (k < r->first || k >= r->first + r->count)
			at[used++] = k;
	return used;
}

static double neighbours_at(const struct place *p, size_t channel)
{
	double v[NEIGHBOURS];
	size_t used = 0;

	for (size_t k = 0; k < p->neighbours; k++)
		if (isfinite(p->neighbour[k][channel]))
			v[used++] = p->neighbour[k][channel];
	return used ? median(v, used) : NAN;
}

/* ---- is it one? ---- */

/* What the noise of counts makes of so many over so many, by `threshold`: the mean of the square roots. */
static double noise_of_counts(const struct place *p, double value, double base)
{
	double count = isfinite(p->quantum) ? p->quantum : 0;

	return p->w->threshold * sqrt(count) * (sqrt(fmax(value, 0)) + sqrt(fmax(base, 0))) / 2;
}

/* Cheap, and passed by every spike: no base is below the least around, or the neighbours tell the base. */
static bool may_be_one(const struct place *p, size_t peak, bool series)
{
	const size_t far = AROUND + EM_SPIKE_CHANNELS, n = p->w->e->channels;
	double least = p->y[peak];

	for (size_t k = peak > far ? peak - far : 0; k < n && k <= peak + far; k++)
		least = fmin(least, p->y[k]);
	return p->y[peak] - least > noise_of_counts(p, p->y[peak], least) &&
	       (series || !is_noisier(p, peak, (p->y[peak] - least) / p->w->threshold));
}

/* Beyond the ends of the axis lies nothing. */
static bool has_before(const struct run *r)
{
	return r->first > 0;
}

static bool has_after(const struct place *p, const struct run *r)
{
	return r->first + r->count < p->w->e->channels;
}

/* Little of its height is left beside it, noise allowed for; and it is more than the noise of counts makes. */
static bool stands_out(const struct place *p, const struct run *r, double base, double left, double right, double noise)
{
	double feet = (r->count < EM_SPIKE_CHANNELS ? FEET : WIDE_FEET) * r->height - 2 * noise;

	return r->height > p->w->threshold * noise && r->height > noise_of_counts(p, base + r->height, base) &&
	       left < feet && right < feet;
}

static bool is_alone(const struct place *p, size_t peak, struct run *r, double noise)
{
	bool before = has_before(r), after = has_after(p, r);
	double around[2 * AROUND], base, left = p->y[r->first - before], right = p->y[r->first + r->count - !after];
	size_t at[2 * AROUND], used = outside(r, p->w->e->channels, at);

	left = before ? left : right;
	right = after ? right : left;
	for (size_t k = 0; k < used; k++)
		around[k] = p->y[at[k]];
	base = median(around, used);
	r->height = p->y[peak] - base;
	for (size_t k = 0; k < r->count; k++)
		r->value[k] = (float)(left + (right - left) * (double)(k + 1) / (double)(r->count + 1));
	return stands_out(p, r, base, left - base, right - base, noise);
}

/* Against what the neighbours have, times `scale`; if that is a line, twice as high as that over what is around. */
static bool is_strange(const struct place *p, size_t peak, struct run *r, double noise)
{
	size_t at[2 * AROUND], used = outside(r, p->w->e->channels, at);
	size_t before = has_before(r) ? r->first - 1 : r->first + r->count,
	       after = has_after(p, r) ? r->first + r->count : before;
	double around[2 * AROUND], own[2 * AROUND], line = -INFINITY, base, scale, theirs;

	for (size_t k = 0; k < used; k++) {
		around[k] = neighbours_at(p, at[k]);
		own[k] = p->y[at[k]];
		line = fmax(line, around[k]);
	}
	base = median(own, used);
	theirs = median(around, used);
	scale = base > 0 && theirs > 0 ? base / theirs : 1;
	base = scale * theirs;
	for (size_t k = 0; k < r->count; k++) {
		double v = scale * neighbours_at(p, r->first + k);
		line = fmax(line, v / scale);
		r->value[k] = (float)v;
	}
	r->height = p->y[peak] - scale * neighbours_at(p, peak);
	return p->y[peak] - base > 2 * (scale * line - base) &&
	       stands_out(p, r, base, p->y[before] - scale * neighbours_at(p, before),
	                  p->y[after] - scale * neighbours_at(p, after), noise);
}

/* There, two channels of a spectrum by itself may be the foot of a line beyond. */
static bool is_at_end(const struct place *p, const struct run *r)
{
	return !has_before(r) || !has_after(p, r);
}

/* The narrowest run about a local maximum that makes it a spike. */
static bool is_spike(const struct place *p, size_t peak, struct run *r)
{
	const size_t n = p->w->e->channels;
	const bool series = p->neighbours >= LEAST_NEIGHBOURS;
	double noise;

	if (((double)peak >= p->keep_from && (double)peak <= p->keep_to) || !may_be_one(p, peak, series))
		return false;
	noise = noise_about(p, peak);
	if (!isfinite(noise))
		return false;
	for (r->count = 1; r->count <= (series ? EM_SPIKE_CHANNELS : ALONE_WIDTH) && r->count < n; r->count++)
		for (size_t k = 0; k < r->count; k++) {
			r->first = peak - k;
			if (peak < k || r->first + r->count > n || (!series && r->count > 1 && is_at_end(p, r)))
				continue;
			if (series ? is_strange(p, peak, r, noise) : is_alone(p, peak, r, noise))
				return true;
		}
	return false;
}

static int add(struct em_spikes *list, const struct place *p, const struct run *r, struct em_error *err)
{
	struct em_spike *at = list->at, *one;

	if ((list->count & (list->count + 1)) == 0) { /* 0, 1, 3, 7, ... are full */
		at = realloc(list->at, (2 * list->count + 1) * sizeof(*at));
		if (!at)
			return em_error_memory(err, (2 * list->count + 1) * sizeof(*at));
		list->at = at;
	}
	one = &list->at[list->count++];
	*one = (struct em_spike){.spectrum = p->index, .first = r->first, .count = r->count};
	for (size_t k = 0; k < r->count; k++) {
		one->value[k] = r->value[k];
		one->excess += (double)p->y[r->first + k] - r->value[k];
	}
	return 0;
}

static int search(struct place *p, struct em_spikes *list, struct em_error *err)
{
	const size_t n = p->w->e->channels;
	const float *y = p->y;
	struct run r;

	for (size_t i = 0; i < n; i++)
		if ((i == 0 || y[i] > y[i - 1]) && (i + 1 == n || y[i] >= y[i + 1]) && is_spike(p, i, &r)) {
			if (add(list, p, &r, err))
				return -1;
			i = r.first + r.count;
		}
	return 0;
}

/* The first error of any row. */
static void fail(struct work *w, const struct em_error *why)
{
	pthread_mutex_lock(&w->lock);
	if (!w->failed && w->err)
		*w->err = *why;
	w->failed = true;
	pthread_mutex_unlock(&w->lock);
}

static void search_row(void *ctx, size_t row)
{
	struct work *w = ctx;
	struct em_error why = {0};
	float *whole = malloc(w->e->channels * sizeof(*whole));
	int status = whole ? 0 : em_error_memory(&why, w->e->channels * sizeof(*whole));

	for (size_t col = 0; col < w->cols && !status; col++) {
		size_t index = row * w->cols + col;
		struct place p = {.w = w, .y = w->spectra + index * w->e->channels, .index = index};

		take_neighbours(&p, row, col);
		set_up(&p, whole);
		status = search(&p, &w->found[row], &why);
	}
	free(whole);
	if (status)
		fail(w, &why);
}

/* ---- out with them ---- */

/* One list of all rows'. */
static int join(const struct work *w, struct em_spikes *all, struct em_error *err)
{
	size_t count = 0;

	for (size_t row = 0; row < w->rows; row++)
		count += w->found[row].count;
	all->at = malloc((count ? count : 1) * sizeof(*all->at));
	if (!all->at)
		return em_error_memory(err, count * sizeof(*all->at));
	all->count = 0;
	for (size_t row = 0; row < w->rows; row++)
		for (size_t k = 0; k < w->found[row].count; k++)
			all->at[all->count++] = w->found[row].at[k];
	return 0;
}

int em_spikes_remove(float *spectra, size_t rows, size_t cols, const struct em_energy *e,
                     const struct em_spikes_options *options, struct em_spikes *found, struct em_error *err)
{
	struct work w = {.spectra = spectra, .rows = rows, .cols = cols, .e = e, .err = err};
	struct em_spikes all = {0};
	int status = -1;

	w.threshold = options->threshold > 0 ? options->threshold : THRESHOLD;
	w.found = calloc(rows ? rows : 1, sizeof(*w.found));
	if (!w.found)
		return em_error_memory(err, rows * sizeof(*w.found));
	pthread_mutex_init(&w.lock, NULL);
	em_parallel_for(options->threads > 0 ? options->threads : 1, rows, search_row, &w);
	pthread_mutex_destroy(&w.lock);
	if (!w.failed)
		status = join(&w, &all, err);
	for (size_t row = 0; row < rows; row++)
		free(w.found[row].at);
	free(w.found);
	if (status)
		return -1;
	for (size_t k = 0; k < all.count; k++)
		memcpy(spectra + all.at[k].spectrum * e->channels + all.at[k].first, all.at[k].value,
		       all.at[k].count * sizeof(*spectra));
	*found = all;
	return 0;
}

void em_spikes_release(struct em_spikes *found)
{
	free(found->at);
	*found = (struct em_spikes){0};
}
