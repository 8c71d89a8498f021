/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/residue.h"

#include "base/fft.h"
#include "base/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16 /* spectra of a mean: drift moves them by less than the waves that count */

static size_t band_of(size_t wave)
{
	size_t b = 0;

	while (wave >>= 1)
		b++;
	return b < EM_RESIDUE_BANDS ? b : EM_RESIDUE_BANDS - 1;
}

/* power[k] += by * |sum of x e^(-2 pi i k / n)|^2 for waves 1 .. n / 2.  room: em_fft_alloc's, [n], [n + 2]. */
static void add_power(const struct em_fft_plan *plan, const double *x, size_t n, double by, float *room, double *power)
{
	size_t step = (n + 15) / 16 * 16; /* keeps what follows aligned */
	float *out = room + step;

	for (size_t i = 0; i < n; i++)
		room[i] = (float)x[i];
	em_fft_forward(plan, room, out);
	for (size_t k = 1; k <= n / 2; k++)
		power[k] +=
		    by * ((double)out[2 * k] * (double)out[2 * k] + (double)out[2 * k + 1] * (double)out[2 * k + 1]);
}

static float *make_room(size_t n)
{
	return em_fft_alloc(2 * n + 32, NULL);
}

int em_residue_init(struct em_residue *r, size_t channels, const double power[EM_RESIDUE_BANDS], struct em_error *err)
{
	struct em_residue made = {.channels = channels};

	memcpy(made.power, power, sizeof(made.power));
	made.plan = em_fft_plan_new(1, channels, err);
	if (!made.plan)
		return -1;
	*r = made;
	return 0;
}

void em_residue_release(struct em_residue *r)
{
	em_fft_plan_free(r->plan);
	*r = (struct em_residue){0};
}

double em_residue_variance(const struct em_residue *r, const double *factor)
{
	size_t n = r->channels;
	double *power = calloc(n / 2 + 1, sizeof(*power)), variance = 0;
	float *room = make_room(n);

	if (power && room) {
		add_power(r->plan, factor, n, 1, room, power);
		for (size_t k = 1; k <= n / 2; k++)
			variance += power[k] * r->power[band_of(k)];
	} else
		variance = NAN;
	free(power);
	em_fft_free(room);
	return variance;
}

/* ---- learning ---- */

struct learner {
	const struct em_lowrank *lr;
	const struct em_series *const *series;
	const struct em_fft_plan *plan;
	double
	    *counting;  /* [n / 2 + 1]: power that noise of one count's variance a count gives, at the basis's level */
	double *power;  /* [series][n / 2 + 1]: sums over blocks, without that */
	size_t *blocks; /* [series] */
	bool *failed;
};

/* Of independent noise less what the components take of it. */
static int expect_counting(struct learner *l, struct em_error *err)
{
	const struct em_basis *b = &l->lr->basis;
	size_t n = b->channels;
	double *row = malloc(n * sizeof(*row)), all = 0;
	float *room = make_room(n);

	if (!row || !room) {
		free(row);
		em_fft_free(room);
		return em_error_memory(err, 2 * n * sizeof(*room));
	}
	for (size_t i = 0; i < n; i++)
		all += b->weight[i] * b->weight[i];
	for (size_t k = 1; k <= n / 2; k++)
		l->counting[k] = all;
	for (size_t c = 0; c < b->rank; c++) {
		for (size_t i = 0; i < n; i++)
			row[i] = b->component[c * n + i] * b->weight[i];
		add_power(l->plan, row, n, -1, room, l->counting);
	}
	free(row);
	em_fft_free(room);
	return 0;
}

struct block {
	size_t spectra;
	double level, gain;
	double *seen, *said; /* [n]: what is more than the model says; the model */
	float *room;
};

static void end_block(const struct learner *l, struct block *b, double *power)
{
	size_t n = l->lr->basis.channels;
	double noise = b->gain / (double)b->spectra / b->level;

	for (size_t i = 0; i < n; i++)
		b->seen[i] = b->said[i] > 0 ? b->seen[i] / b->said[i] : 0;
	add_power(l->plan, b->seen, n, 1, b->room, power);
	for (size_t k = 1; k <= n / 2; k++)
		power[k] -= noise * l->counting[k];
	memset(b->seen, 0, 2 * n * sizeof(*b->seen));
	b->spectra = 0;
	b->level = b->gain = 0;
}

static void add_spectrum(const struct em_observation *o, size_t n, struct block *b)
{
	for (size_t i = 0; i < n; i++)
		if (isfinite(o->frame[i])) {
			b->seen[i] += (double)o->frame[i] - o->model[i];
			b->said[i] += o->model[i];
		}
	b->spectra++;
	b->level += o->level;
	b->gain += o->gain;
}

static void walk(void *ctx, size_t s)
{
	struct learner *l = ctx;
	const struct em_series *series = l->series[s];
	size_t n = l->lr->basis.channels;
	struct block b = {.seen = calloc(2 * n, sizeof(double)), .room = make_room(n)};
	struct em_observation o = {0};

	l->failed[s] = !b.seen || !b.room || em_observation_init(&o, l->lr, NULL);
	b.said = b.seen + n;
	for (size_t t = 0; t < series->count && !l->failed[s]; t++) {
		em_lowrank_observe(l->lr, series->frame + t * n, &o);
		if (o.missing || !(o.level > 0))
			continue;
		add_spectrum(&o, n, &b);
		if (b.spectra == BLOCK) {
			end_block(l, &b, l->power + s * (n / 2 + 1));
			l->blocks[s]++;
		}
	}
	em_observation_release(&o);
	free(b.seen);
	em_fft_free(b.room);
}

/* Mean power of each band's waves, as variances of cosine and sine; none below 0. */
static void take_bands(const struct learner *l, size_t count, double power[EM_RESIDUE_BANDS])
{
	size_t n = l->lr->basis.channels, waves[EM_RESIDUE_BANDS] = {0}, blocks = 0;

	for (size_t s = 0; s < count; s++)
		blocks += l->blocks[s];
	for (size_t k = 1; k <= n / 2; k++) {
		waves[band_of(k)]++;
		for (size_t s = 0; s < count && blocks; s++)
			power[band_of(k)] += l->power[s * (n / 2 + 1) + k] / (double)blocks;
	}
	for (size_t b = 0; b < EM_RESIDUE_BANDS; b++)
		power[b] = waves[b] ? fmax(0, 2 * power[b] / (double)waves[b] / (double)n / (double)n) : 0;
}

int em_residue_learn(struct em_residue *r, const struct em_lowrank *lr, const struct em_series *const *series,
                     size_t count, int threads, struct em_error *err)
{
	size_t n = lr->basis.channels;
	double power[EM_RESIDUE_BANDS] = {0};
	struct em_residue made;
	struct learner l = {.lr = lr, .series = series};
	int status = em_residue_init(&made, n, power, err);

	if (status)
		return -1;
	l.plan = made.plan;
	l.counting = calloc(n / 2 + 1, sizeof(*l.counting));
	l.power = calloc(count * (n / 2 + 1), sizeof(*l.power));
	l.blocks = calloc(count, sizeof(*l.blocks));
	l.failed = calloc(count, sizeof(*l.failed));
	if (!l.counting || !l.power || !l.blocks || !l.failed)
		status = em_error_memory(err, count * (n / 2 + 1) * sizeof(*l.power));
	status = status || expect_counting(&l, err) ? -1 : 0;
	if (!status)
		em_parallel_for(threads, count, walk, &l);
	for (size_t s = 0; s < count && !status; s++)
		status = l.failed[s] ? em_error_memory(err, 2 * n * sizeof(double)) : 0;
	if (!status)
		take_bands(&l, count, made.power);
	free(l.counting);
	free(l.power);
	free(l.blocks);
	free(l.failed);
	if (status)
		em_residue_release(&made);
	else
		*r = made;
	return status;
}
