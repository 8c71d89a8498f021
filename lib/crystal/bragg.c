/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/bragg.h"

#include "base/linalg.h"
#include "crystal/bragg_lobe.h"
#include "crystal/bragg_plane.h"

#include <math.h>
#include <stdlib.h>

#define FOOT 8      /* pixels: so far a stronger peak's foot is looked at */
#define LOBE 4      /* times the window's side lobes, for what the envelope leaves out */
#define STREAK 2    /* times the even background: what is a streak */
#define MISFIT 0.02 /* of a peak's height: no peak is quite of the model's form */

/* A local maximum of the smoothed power. */
struct candidate {
	long y, x;
	double height;
};

struct finder {
	const struct em_bragg_plane *plane;
	struct em_bragg_lobe lobe;
	double k_least, k_most, least_snr;
	double share; /* of the pixels may be as high by chance */
	struct candidate *found;
	size_t count, capacity;
};

/* ---- candidates ---- */

static double frequency_of(long j, size_t n)
{
	double f = (double)j / (double)n;

	return f - floor(f + 0.5);
}

/* May a peak be there at all? */
static bool is_searched(const struct finder *f, long y, long x)
{
	double ky = frequency_of(y, f->plane->height), kx = frequency_of(x, f->plane->width), k = hypot(ky, kx);
	double periods = hypot(ky * (double)f->plane->height, kx * (double)f->plane->width);

	return periods >= EM_BRAGG_PERIODS && k >= f->k_least && k <= f->k_most;
}

/* Is it the greatest of 5 x 5?  Of equals the first. */
static bool is_maximum(const struct em_bragg_plane *p, long y, long x)
{
	double v = em_bragg_plane_at(p, p->smooth, y, x);

	for (long b = -2; b <= 2; b++)
		for (long a = -2; a <= 2; a++) {
			double other = em_bragg_plane_at(p, p->smooth, y + b, x + a);
			bool before = b < 0 || (!b && a < 0);

			if ((a || b) && (before ? other >= v : other > v))
				return false;
		}
	return true;
}

static int append(struct finder *f, long y, long x, double height, struct em_error *err)
{
	if (f->count == f->capacity) {
		size_t capacity = f->capacity ? 2 * f->capacity : 64;
		struct candidate *grown = realloc(f->found, capacity * sizeof(*grown));

		if (!grown)
			return em_error_memory(err, capacity * sizeof(*grown));
		f->found = grown;
		f->capacity = capacity;
	}
	f->found[f->count++] = (struct candidate){y, x, height};
	return 0;
}

static int by_height(const void *a, const void *b)
{
	const struct candidate *p = a, *q = b;

	if (p->height != q->height)
		return p->height < q->height ? 1 : -1;
	return p->y != q->y ? (p->y > q->y ? 1 : -1) : (p->x > q->x) - (p->x < q->x);
}

/* Maxima above what their rings alone would let pass, by falling height. */
static int find_candidates(struct finder *f, double false_alarms, struct em_error *err)
{
	const struct em_bragg_plane *p = f->plane;
	size_t searched = 0;
	double times = 0; /* the ring's median */

	for (size_t i = 0; i < p->pixels; i++)
		searched += is_searched(f, (long)(p->order[i] / p->columns), (long)(p->order[i] % p->columns));
	if (!searched)
		return 0;
	f->share = fmin(false_alarms / (double)searched, 0.5);
	for (size_t r = 0; r < p->rings; r++) {
		if (!r || p->shape[r] != p->shape[r - 1])
			times = em_gamma_point(f->share, p->shape[r]) / em_gamma_point(0.5, p->shape[r]);
		for (size_t i = p->begin[r]; i < p->begin[r + 1]; i++) {
			long y = (long)(p->order[i] / p->columns), x = (long)(p->order[i] % p->columns);
			double height = p->smooth[p->order[i]];

			if (height > times * p->median[r] && is_searched(f, y, x) && is_maximum(p, y, x) &&
			    append(f, y, x, height, err))
				return -1;
		}
	}
	if (f->count)
		qsort(f->found, f->count, sizeof(*f->found), by_height);
	return 0;
}

/* ---- the background of a candidate, given the stronger ones ---- */

static double nearest(double d, size_t n)
{
	return d - (double)n * floor(d / (double)n + 0.5);
}

/* What the foot of a stronger peak, or of its twin, explains at c. */
static double foot(const struct finder *f, const struct candidate *strong, int sign, const struct candidate *c,
                   double to_mean)
{
	double dy = nearest((double)(c->y - sign * strong->y), f->plane->height);
	double dx = nearest((double)(c->x - sign * strong->x), f->plane->width);
	double lobes = LOBE * strong->height * em_bragg_lobe_envelope(dy) * em_bragg_lobe_envelope(dx);

	if (hypot(dy, dx) > FOOT)
		return lobes;
	return fmax(lobes, to_mean * em_bragg_around(f->plane, c->y - lround(dy), c->x - lround(dx), c->y, c->x));
}

/* The mean power to be expected at c, and its shape: a streak is smooth in one direction only. */
static double background(const struct finder *f, const struct candidate *c, size_t stronger, double *shape)
{
	const struct em_bragg_plane *p = f->plane;
	size_t ring = em_bragg_plane_ring(p, c->y, c->x);
	double even = fmax(p->median[ring], em_bragg_about(p, c->y, c->x)), to_mean, b;
	double streak = fmax(em_bragg_beside_row(p, c->y, c->x), em_bragg_beside_column(p, c->y, c->x));

	*shape = p->shape[ring];
	if (streak > STREAK * even)
		*shape = fmin(*shape, p->streak);
	to_mean = em_bragg_mean_of_median(*shape);
	b = to_mean * fmax(even, streak);
	for (size_t i = 0; i < stronger; i++)
		for (int sign = -1; sign <= 1; sign += 2)
			b = fmax(b, foot(f, &f->found[i], sign, c, to_mean));
	return b;
}

/* ---- place and power ---- */

struct box {
	double v[EM_BRAGG_BOX][EM_BRAGG_BOX];
	double sigma2[EM_BRAGG_BOX][EM_BRAGG_BOX];
};

/* The power above the streaks that cross the box, and its variance: of a background b, that of b; where a wave of power
 * S adds to it, 2 S b more. */
static void cut_box(const struct finder *f, const struct candidate *c, double b, double looks, struct box *box)
{
	const struct em_bragg_plane *p = f->plane;
	double row[EM_BRAGG_BOX], column[EM_BRAGG_BOX];

	for (long i = 0; i < EM_BRAGG_BOX; i++) {
		row[i] = em_bragg_beside_row(p, c->y + i - EM_BRAGG_REACH, c->x);
		column[i] = em_bragg_beside_column(p, c->y, c->x + i - EM_BRAGG_REACH);
	}
	for (long j = 0; j < EM_BRAGG_BOX; j++)
		for (long i = 0; i < EM_BRAGG_BOX; i++) {
			double v = em_bragg_plane_at(p, p->power, c->y + j - EM_BRAGG_REACH, c->x + i - EM_BRAGG_REACH);
			double under =
			    fmin(b, fmax(p->median[em_bragg_plane_ring(p, c->y, c->x)], fmax(row[j], column[i])));

			box->v[j][i] = v - under;
			box->sigma2[j][i] = (under * under + 2 * fmax(v - under, 0) * under) / looks;
		}
}

/* The sums over one direction, fitted along the other. */
static bool fit_sums(const struct em_bragg_lobe *lobe, const struct box *box, bool down, struct em_bragg_fit *fit)
{
	double v[EM_BRAGG_BOX] = {0}, sigma[EM_BRAGG_BOX] = {0}, top = 0;

	for (int j = 0; j < EM_BRAGG_BOX; j++)
		for (int i = 0; i < EM_BRAGG_BOX; i++) {
			v[down ? j : i] += box->v[j][i];
			sigma[down ? j : i] += box->sigma2[j][i];
		}
	for (int i = 0; i < EM_BRAGG_BOX; i++)
		top = fmax(top, v[i]);
	for (int i = 0; i < EM_BRAGG_BOX; i++)
		sigma[i] = sqrt(sigma[i] + MISFIT * MISFIT * top * top);
	return top > 0 && em_bragg_lobe_fit(lobe, v, sigma, fit);
}

static bool refine(const struct finder *f, const struct candidate *c, double b, struct em_bragg_peak *peak)
{
	const struct em_bragg_plane *p = f->plane;
	size_t ring = em_bragg_plane_ring(p, c->y, c->x);
	struct em_bragg_fit down, across;
	struct box box;
	double scale;

	cut_box(f, c, b, p->shape[ring] / p->gain, &box);
	if (!fit_sums(&f->lobe, &box, true, &down) || !fit_sums(&f->lobe, &box, false, &across))
		return false;
	scale = f->lobe.total / em_bragg_lobe_share(&f->lobe, &across);
	*peak = (struct em_bragg_peak){
	    .y = frequency_of(c->y, p->height) + down.middle / (double)p->height,
	    .x = frequency_of(c->x, p->width) + across.middle / (double)p->width,
	    .sigma_y = down.sigma_middle / (double)p->height,
	    .sigma_x = across.sigma_middle / (double)p->width,
	    .power = down.height * scale,
	    .sigma_power = down.sigma_height * scale,
	    .background = b,
	    .snr = c->height / b - 1,
	};
	if (peak->x < -peak->sigma_x) { /* its twin is the one to tell */
		peak->y = -peak->y;
		peak->x = -peak->x;
	}
	return true;
}

/* ---- all of it ---- */

/* From the strongest on; those that pass move to the front of f->found. */
static void select_peaks(struct finder *f, struct em_bragg_peaks *peaks, size_t most)
{
	for (size_t i = 0; i < f->count && peaks->count < most; i++) {
		const struct candidate c = f->found[i];
		double shape, b = background(f, &c, peaks->count, &shape), least = b * (1 + f->least_snr);

		if (!(b > 0 && c.height > least && em_gamma_tail(c.height / b * shape, shape) < f->share))
			continue;
		if (refine(f, &c, b, &peaks->peak[peaks->count]))
			f->found[peaks->count++] = c;
	}
}

static int search(struct finder *f, struct em_bragg_peaks *peaks, const struct em_bragg_options *o,
                  struct em_error *err)
{
	size_t most = o->most ? o->most : EM_BRAGG_MOST;
	struct em_bragg_peaks made = {0};

	if (find_candidates(f, o->false_alarms > 0 ? o->false_alarms : EM_BRAGG_FALSE_ALARMS, err))
		return -1;
	most = most < f->count ? most : f->count;
	if (most) {
		made.peak = calloc(most, sizeof(*made.peak));
		if (!made.peak)
			return em_error_memory(err, most * sizeof(*made.peak));
		select_peaks(f, &made, most);
		if (!made.count)
			em_bragg_release(&made);
	}
	*peaks = made;
	return 0;
}

int em_bragg_find(struct em_bragg_peaks *peaks, const double *sum, size_t height, size_t width, size_t frames,
                  const struct em_bragg_options *options, struct em_error *err)
{
	struct em_bragg_plane plane;
	struct finder f = {.plane = &plane};
	int status;

	if (em_bragg_plane_init(&plane, sum, height, width, frames, err))
		return -1;
	f.k_least = options->k_least;
	f.k_most = options->k_most > 0 ? options->k_most : 1;
	f.least_snr = options->least_snr;
	em_bragg_lobe_init(&f.lobe);
	status = em_bragg_plane_measure(&plane, frames, err) || search(&f, peaks, options, err) ? -1 : 0;
	free(f.found);
	em_bragg_plane_release(&plane);
	return status;
}

void em_bragg_release(struct em_bragg_peaks *peaks)
{
	free(peaks->peak);
	*peaks = (struct em_bragg_peaks){0};
}
