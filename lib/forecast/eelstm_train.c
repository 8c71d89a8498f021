/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/parallel.h"
#include "forecast/adam.h"
#include "forecast/eelstm_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16 /* rows of a tensor that one thread steps and turns at once: a line of cache in its transpose */

/* Windows whose frames are scaled. */
struct set {
	const struct em_eelstm_windows *windows; /* of `frames`, not theirs */
	float *frames;
};

struct work {
	struct em_eelstm *net;
	const struct em_eelstm *read_only; /* the same */
	struct em_eelstm_part *part;       /* [parts] */
	struct em_error *error;            /* [parts] */
	double *sum;                       /* [parts], of squared errors */
	int *status;                       /* [parts] */
	const float **gradient;            /* [parts] */
	size_t parts;                      /* of a batch; fixed, so that threads change no sum */
	/* The batch: windows order[0] ... order[count - 1] of the set. */
	const struct set *set;
	const size_t *order;
	size_t count, used; /* used: parts of this batch, the rest would be empty */
	bool training;
	struct em_adam adam;
};

/* ---- one batch ---- */

static size_t begin_of(const struct work *w, size_t part)
{
	return w->count * part / w->used;
}

static const float *frame_of(const struct work *w, size_t frame)
{
	return w->set->frames + frame * w->read_only->channels;
}

static void gather(const struct work *w, struct em_eelstm_part *p, const size_t *order)
{
	size_t channels = w->read_only->channels;

	for (size_t t = 0; t < w->read_only->options.window; t++)
		for (size_t r = 0; r < p->rows; r++)
			memcpy(p->source + (t * p->rows + r) * channels,
			       frame_of(w, w->set->windows->first[order[r]] + t), channels * sizeof(*p->source));
}

/* The squared errors' sum; in training their gradient takes the place of the results: that of their mean in the batch.
 */
static double compare(const struct work *w, struct em_eelstm_part *p, const size_t *order)
{
	size_t channels = w->read_only->channels;
	const float factor = (float)(2 / ((double)w->count * (double)channels));
	double sum = 0;

	for (size_t r = 0; r < p->rows; r++) {
		const float *truth = frame_of(w, w->set->windows->target[order[r]]);
		float *out = p->out + r * channels;
		double row = 0;

		for (size_t c = 0; c < channels; c++) {
			float off = out[c] - truth[c];

			row += (double)off * (double)off;
			out[c] = factor * off;
		}
		sum += row;
	}
	return sum;
}

static int run_part(struct work *w, size_t i)
{
	struct em_eelstm_part *p = &w->part[i];
	size_t begin = begin_of(w, i), end = begin_of(w, i + 1);
	const size_t *order = w->order + begin;
	struct em_random random;

	if (em_eelstm_part_set(p, w->read_only, end - begin, w->training, &w->error[i]))
		return -1;
	gather(w, p, order);
	/* Dropout is the step's and the part's own, as is the order the epoch's: nothing of them need be saved. */
	em_random_seed(&random, w->read_only->options.seed + 1, w->read_only->step * w->parts + i);
	if (em_eelstm_forward(p, w->read_only, w->training ? &random : NULL, &w->error[i]))
		return -1;
	w->sum[i] = compare(w, p, order);
	w->gradient[i] = p->gradient;
	return w->training ? em_eelstm_backward(p, w->read_only, &w->error[i]) : 0;
}

static void run_one(void *ctx, size_t i)
{
	struct work *w = ctx;

	w->status[i] = run_part(w, i);
}

/* Adds the squared errors of windows order[0 .. count) to *sum. */
static int run_batch(struct work *w, const size_t *order, size_t count, double *sum, struct em_error *err)
{
	w->order = order;
	w->count = count;
	w->used = count < w->parts ? count : w->parts;
	em_parallel_for(w->read_only->options.threads, w->used, run_one, w);
	for (size_t i = 0; i < w->used; i++) {
		if (w->status[i]) {
			if (err)
				*err = w->error[i];
			return -1;
		}
		*sum += w->sum[i];
	}
	return 0;
}

static size_t blocks_of(const struct em_eelstm_tensor *t)
{
	return t->rows > 1 ? (t->rows + BLOCK - 1) / BLOCK : 1;
}

static void step_block(void *ctx, size_t i)
{
	struct work *w = ctx;
	const struct em_eelstm_tensor *t = w->net->tensor;
	size_t first, rows, at;

	for (; i >= blocks_of(t); t++)
		i -= blocks_of(t);
	first = i * BLOCK;
	rows = t->rows - first < BLOCK ? t->rows - first : BLOCK;
	at = t->at + first * t->columns;
	em_adam_step(
	    &w->adam,
	    &(struct em_adam_weights){w->net->value + at, w->net->m + at, w->net->v + at, w->gradient, w->used, at},
	    rows * t->columns);
	if (t->turned)
		em_eelstm_turn(w->net, t, first, rows);
}

static void step(struct work *w)
{
	const struct em_eelstm_options *o = &w->net->options;
	size_t blocks = 0;

	for (size_t i = 0; i < w->net->tensors; i++)
		blocks += blocks_of(&w->net->tensor[i]);
	w->adam = em_adam_at(o->rate, o->beta1, o->beta2, o->epsilon, o->torch_epsilon, ++w->net->step);
	em_parallel_for(o->threads, blocks, step_block, w);
}

/* ---- an epoch ---- */

static void release_work(struct work *w)
{
	for (size_t i = 0; w->part && i < w->parts; i++)
		em_eelstm_part_release(&w->part[i]);
	free(w->part);
	free(w->error);
	free(w->sum);
	free(w->status);
	free(w->gradient);
	*w = (struct work){0};
}

static int init_work(struct work *w, const struct em_eelstm *net, bool training, struct em_error *err)
{
	size_t n = (net->options.batch + EM_EELSTM_ROWS - 1) / EM_EELSTM_ROWS;

	*w = (struct work){.read_only = net, .parts = n, .training = training};
	w->part = calloc(n, sizeof(*w->part));
	w->error = calloc(n, sizeof(*w->error));
	w->sum = calloc(n, sizeof(*w->sum));
	w->status = calloc(n, sizeof(*w->status));
	w->gradient = calloc(n, sizeof(*w->gradient));
	if (w->part && w->error && w->sum && w->status && w->gradient)
		return 0;
	release_work(w);
	return em_error_memory(err, n * sizeof(*w->part));
}

static int check_windows(const struct em_eelstm *net, const struct em_eelstm_windows *w, struct em_error *err)
{
	size_t window = net->options.window;

	if (!w->count)
		return em_error_set(err, EM_ERROR_USAGE, "EELSTM: no windows: are the series shorter than %zu spectra?",
		                    window + net->options.horizon);
	for (size_t i = 0; i < w->count; i++)
		if (window > w->frame_count || w->first[i] > w->frame_count - window || w->target[i] >= w->frame_count)
			return em_error_set(err, EM_ERROR_USAGE, "EELSTM: window %zu reaches past the last spectrum",
			                    i);
	return 0;
}

static int init_set(struct set *s, const struct em_eelstm *net, const struct em_eelstm_windows *w, struct em_error *err)
{
	size_t channels = net->channels;

	if (check_windows(net, w, err))
		return -1;
	s->windows = w;
	s->frames = w->frame_count <= SIZE_MAX / channels
	                ? em_lstm_alloc(w->frame_count * channels, sizeof(*s->frames), err)
	                : NULL;
	if (!s->frames)
		return em_error_set(err, EM_ERROR_MEMORY, "EELSTM: no memory for %zu spectra", w->frame_count);
	for (size_t i = 0; i < w->frame_count; i++)
		if (em_eelstm_scale(net, w->frames + i * channels, s->frames + i * channels)) {
			free(s->frames);
			s->frames = NULL;
			return em_error_set(err, EM_ERROR_DATA, "EELSTM: spectrum %zu has NaN or infinite counts", i);
		}
	return 0;
}

/* Fisher and Yates' way, of numbers that belong to the epoch. */
static void shuffle(const struct em_eelstm *net, size_t *order, size_t n)
{
	struct em_random random;

	for (size_t i = 0; i < n; i++)
		order[i] = i;
	if (!net->options.shuffle)
		return;
	em_random_seed(&random, net->options.seed, 1 + net->progress.epoch);
	for (size_t i = n; i > 1; i--) {
		size_t j = em_random_below(&random, i), kept = order[i - 1];

		order[i - 1] = order[j];
		order[j] = kept;
	}
}

/* The mean of all windows' errors; in training with a step after each batch. */
static int run_set(struct work *w, const struct set *set, const size_t *order, double *mean, struct em_error *err)
{
	size_t n = set->windows->count, batch = w->read_only->options.batch;
	double sum = 0;

	w->set = set;
	for (size_t i = 0, count; i < n; i += count) {
		count = n - i < batch ? n - i : batch;
		if (run_batch(w, order + i, count, &sum, err))
			return -1;
		if (w->training)
			step(w);
	}
	*mean = sum / ((double)n * (double)w->read_only->channels);
	return 0;
}

int em_eelstm_loss(const struct em_eelstm *net, const struct em_eelstm_windows *windows, double *loss,
                   struct em_error *err)
{
	struct set set = {0};
	struct work w;
	size_t *order;
	int status = -1;

	if (init_set(&set, net, windows, err))
		return -1;
	order = malloc(windows->count * sizeof(*order));
	if (!order)
		em_error_memory(err, windows->count * sizeof(*order));
	else if (!init_work(&w, net, false, err)) {
		for (size_t i = 0; i < windows->count; i++)
			order[i] = i;
		status = run_set(&w, &set, order, loss, err);
		release_work(&w);
	}
	free(order);
	free(set.frames);
	return status;
}

/* ---- training ---- */

struct training {
	struct work learn, test;
	struct set train, validation;
	size_t *order, *as_given; /* of the windows for training, for validation */
};

static int alloc_state(struct em_eelstm *net, struct em_error *err)
{
	if (!net->resumes) {
		net->step = 0;
		net->progress = (struct em_eelstm_progress){.loss = NAN, .validation = NAN, .best = INFINITY};
		net->resumes = true;
	}
	if (!net->m)
		net->m = em_lstm_alloc(net->size, sizeof(*net->m), err);
	if (net->m && !net->v)
		net->v = em_lstm_alloc(net->size, sizeof(*net->v), err);
	if (!net->v)
		return -1;
	if (net->options.restore_best && !net->best) {
		net->best = em_lstm_alloc(net->size, sizeof(*net->best), err);
		if (!net->best)
			return -1;
		memcpy(net->best, net->value, net->size * sizeof(*net->best));
	}
	return 0;
}

static int init_training(struct training *t, struct em_eelstm *net, const struct em_eelstm_windows *train,
                         const struct em_eelstm_windows *validation, struct em_error *err)
{
	size_t tests = validation ? validation->count : 0;

	*t = (struct training){0};
	if (init_set(&t->train, net, train, err) || (validation && init_set(&t->validation, net, validation, err)) ||
	    alloc_state(net, err) || init_work(&t->learn, net, true, err) || init_work(&t->test, net, false, err))
		return -1;
	t->learn.net = net;
	t->order = malloc(train->count * sizeof(*t->order));
	t->as_given = malloc((tests + 1) * sizeof(*t->as_given));
	if (!t->order || !t->as_given)
		return em_error_memory(err, (train->count + tests) * sizeof(*t->order));
	for (size_t i = 0; i < tests; i++)
		t->as_given[i] = i;
	return 0;
}

static void release_training(struct training *t)
{
	release_work(&t->learn);
	release_work(&t->test);
	free(t->train.frames);
	free(t->validation.frames);
	free(t->order);
	free(t->as_given);
}

static int run_epoch(struct training *t, struct em_eelstm *net, struct em_error *err)
{
	struct em_eelstm_progress *p = &net->progress;
	double loss, validation = NAN;

	shuffle(net, t->order, t->train.windows->count);
	if (run_set(&t->learn, &t->train, t->order, &loss, err) ||
	    (t->validation.windows && run_set(&t->test, &t->validation, t->as_given, &validation, err)))
		return -1;
	p->epoch++;
	p->loss = loss;
	p->validation = validation;
	if (!isfinite(loss) || (t->validation.windows && !isfinite(validation)))
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "EELSTM: the error grew beyond all numbers in epoch %zu: is the rate of %g too high?", p->epoch,
		    net->options.rate);
	if (t->validation.windows && validation < p->best) {
		p->best = validation;
		p->best_epoch = p->epoch;
		if (net->best)
			memcpy(net->best, net->value, net->size * sizeof(*net->best));
	}
	return 0;
}

/* Keras counts the epochs since the last that was better. */
static bool is_over(const struct em_eelstm *net, const struct training *t)
{
	const struct em_eelstm_progress *p = &net->progress;
	size_t patience = net->options.patience;

	return p->epoch >= net->options.epochs ||
	       (t->validation.windows && patience && p->epoch - p->best_epoch >= patience);
}

int em_eelstm_train(struct em_eelstm *net, const struct em_eelstm_windows *train,
                    const struct em_eelstm_windows *validation, const struct em_eelstm_callbacks *callbacks,
                    struct em_error *err)
{
	static const struct em_eelstm_callbacks none = {0};
	const struct em_eelstm_callbacks *c = callbacks ? callbacks : &none;
	struct training t;
	int status = init_training(&t, net, train, validation, err);
	bool stopped = false;

	while (!status && !stopped && !is_over(net, &t)) {
		status = run_epoch(&t, net, err);
		if (!status && c->told)
			c->told(c->ctx, &net->progress);
		stopped = !status && c->stop && c->stop(c->ctx);
	}
	if (!status && net->options.restore_best && net->best && net->progress.best_epoch && is_over(net, &t)) {
		memcpy(net->value, net->best, net->size * sizeof(*net->value));
		em_eelstm_turn_all(net);
	}
	release_training(&t);
	return status;
}
