/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The published network (forecast/eelstm.h) as one model among others, and a smaller one of the same kind that sees
 * scores instead of channels.  A net foretells one horizon: there is one for each that is asked for in training, and
 * between them the nearest is taken.
 */
#include "forecast/forecast.h"

#include "forecast/eelstm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCORE_UNITS 64 /* of the net of scores, which are few, */
#define SCORE_RATE 1e-3
#define SCORE_EPOCHS 400
#define SCORE_PATIENCE 40

/* Numbers of a spectrum that a net sees and says. */
static size_t size_of(const struct em_forecast *f)
{
	return f->method == &em_forecast_lstm ? f->lowrank.basis.rank : f->lowrank.energy.channels;
}

struct nets {
	struct em_eelstm *net[EM_FORECAST_STEPS];
	size_t count;
};

struct run {
	float *ring; /* [window][size], oldest first from `next` on */
	float *window;
	double *score; /* [rank] */
	size_t next, seen;
};

static void release(void *own)
{
	struct nets *n = own;

	for (size_t i = 0; i < n->count; i++)
		em_eelstm_free(n->net[i]);
	free(n);
}

static struct em_eelstm *load(const struct em_safetensors *file, size_t steps, struct em_error *err);

/* ---- training ---- */

/* All series one after the other, gaps filled with the spectrum before (or the first after). */
struct pool {
	float *frames;
	size_t count, *begin;                        /* [series + 1] */
	size_t *first, *target, windows, validation; /* training's, then validation's */
};

static void fill(float *out, const struct em_forecast_track *t, size_t size, bool scores)
{
	size_t known = 0;

	while (known < t->count && !isfinite(t->variance[known]))
		known++;
	for (size_t i = 0; i < t->count; i++) {
		known = isfinite(t->variance[i]) ? i : known;
		for (size_t k = 0; k < size && known < t->count; k++)
			out[i * size + k] = scores ? (float)t->score[known * size + k] : t->aligned[known * size + k];
	}
}

static void cut_windows(struct pool *p, size_t series, size_t window, size_t steps)
{
	size_t begin = p->begin[series], end = p->begin[series + 1];

	for (size_t i = begin; i + window - 1 + steps < end; i++) {
		p->first[p->windows + p->validation] = i;
		p->target[p->windows + p->validation] = i + window - 1 + steps;
		p->windows++;
	}
}

static int fill_pool(struct pool *p, const struct em_forecast_track *tracks, size_t count, size_t size, bool scores,
                     struct em_error *err)
{
	size_t n = 0;

	p->begin = calloc(count + 1, sizeof(*p->begin));
	for (size_t s = 0; s < count && p->begin; s++) {
		p->begin[s] = n;
		p->begin[s + 1] = n += tracks[s].count;
	}
	p->frames = calloc(n * size + 1, sizeof(*p->frames));
	p->first = calloc(2 * n + 1, sizeof(*p->first));
	if (!p->begin || !p->frames || !p->first)
		return em_error_memory(err, n * size * sizeof(*p->frames));
	p->target = p->first + n;
	p->count = n;
	for (size_t s = 0; s < count; s++)
		fill(p->frames + p->begin[s] * size, &tracks[s], size, scores);
	return 0;
}

/* Windows of the last series, so that no spectrum is in both. */
static void share_out(struct pool *p, size_t series, size_t window, size_t steps)
{
	size_t kept = em_forecast_kept(series), all;

	p->windows = p->validation = 0;
	for (size_t s = 0; s < series - kept; s++)
		cut_windows(p, s, window, steps);
	all = p->windows;
	for (size_t s = series - kept; s < series; s++)
		cut_windows(p, s, window, steps);
	if (!kept)
		all = p->windows - p->windows / EM_FORECAST_KEPT;
	p->validation = p->windows - all;
	p->windows = all;
}

/* The reference of the publication's scale is one of its series: here the first.  Of scores some hardly change in one:
 * all. */
static struct em_eelstm *start(const struct em_forecast_settings *set, const struct em_eelstm_options *o, size_t size,
                               bool scores, const struct pool *p, struct em_error *err)
{
	struct em_eelstm *net = set->resume ? load(set->resume, o->horizon, err) : em_eelstm_new(o, size, err);
	int status = net ? 0 : -1;

	if (net && set->resume && em_eelstm_channels(net) != size)
		status = em_error_set(err, EM_ERROR_DATA, "the model to go on with is of %zu channels, not %zu",
		                      em_eelstm_channels(net), size);
	else if (net && set->resume)
		status = em_eelstm_set_options(net, o, err);
	else if (net)
		status = em_eelstm_fit_scale(net, p->frames, scores ? p->count : p->begin[1], err);
	if (status) {
		em_eelstm_free(net);
		return NULL;
	}
	return net;
}

struct telling {
	const struct em_forecast_settings *set;
	size_t steps;
};

static void told(void *ctx, const struct em_eelstm_progress *progress)
{
	const struct telling *t = ctx;

	if (t->set->told)
		t->set->told(t->set->ctx, t->steps, progress->epoch, progress->loss, progress->validation);
}

static bool stop(void *ctx)
{
	const struct em_forecast_settings *set = ((const struct telling *)ctx)->set;

	return set->stop && set->stop(set->ctx);
}

static struct em_eelstm_options options_of(const struct em_forecast *f, const struct em_forecast_settings *set,
                                           size_t steps)
{
	struct em_eelstm_options o = em_eelstm_defaults();

	if (f->method == &em_forecast_lstm) {
		o.units = SCORE_UNITS;
		o.rate = SCORE_RATE;
		o.epochs = SCORE_EPOCHS;
		o.patience = SCORE_PATIENCE;
		o.restore_best = true;
	}
	o.window = f->window;
	o.horizon = steps;
	o.seed = set->seed;
	o.threads = set->threads;
	o.epochs = set->epochs ? set->epochs : o.epochs;
	o.patience = set->patience ? set->patience : o.patience;
	o.rate = set->rate > 0 ? set->rate : o.rate;
	return o;
}

static struct em_eelstm *train(const struct em_forecast *f, const struct em_forecast_settings *set, size_t steps,
                               struct pool *p, size_t series, struct em_error *err)
{
	const struct em_eelstm_options o = options_of(f, set, steps);
	struct telling telling = {set, steps};
	const struct em_eelstm_callbacks callbacks = {&telling, told, stop};
	struct em_eelstm *net;

	share_out(p, series, f->window, steps);
	if (!p->windows) {
		em_error_set(err, EM_ERROR_DATA, "no series has %zu spectra: a window and %zu steps", f->window + steps,
		             steps);
		return NULL;
	}
	net = start(set, &o, size_of(f), f->method == &em_forecast_lstm, p, err);
	if (!net || stop(&telling)) /* asked to stop before: this one begins when it goes on */
		return net;
	const struct em_eelstm_windows learn = {p->frames, p->count, p->first, p->target, p->windows},
	                               check = {p->frames, p->count, p->first + p->windows, p->target + p->windows,
	                                        p->validation};
	if (em_eelstm_train(net, &learn, p->validation ? &check : NULL, &callbacks, err)) {
		em_eelstm_free(net);
		return NULL;
	}
	return net;
}

/* Networks have their horizons for names. */
static bool is_repeated(const struct em_forecast_settings *set, size_t i)
{
	size_t k = 0;

	while (set->steps[k] != set->steps[i])
		k++;
	return k < i;
}

static int learn(struct em_forecast *f, const struct em_forecast_track *tracks, size_t count,
                 const struct em_forecast_settings *set, struct em_error *err)
{
	struct nets *nets = calloc(1, sizeof(*nets));
	struct pool p = {0};
	int status = nets ? fill_pool(&p, tracks, count, size_of(f), f->method == &em_forecast_lstm, err)
	                  : em_error_memory(err, sizeof(*nets));

	for (size_t i = 0; i < set->nsteps && !status; i++) {
		if (is_repeated(set, i))
			continue;
		nets->net[nets->count] = train(f, set, set->steps[i], &p, count, err);
		status = nets->net[nets->count] ? 0 : -1;
		nets->count += status ? 0 : 1;
	}
	free(p.frames);
	free(p.begin);
	free(p.first);
	if (!status)
		f->own = nets;
	else if (nets)
		release(nets);
	return status;
}

/* ---- along a series ---- */

static void end(void *run)
{
	struct run *r = run;

	free(r->ring);
	free(r->window);
	free(r->score);
	free(r);
}

static int begin(const struct em_forecast *f, void **out, struct em_error *err)
{
	size_t size = f->window * size_of(f);
	struct run *r = calloc(1, sizeof(*r));

	if (!r)
		return em_error_memory(err, sizeof(*r));
	r->ring = calloc(size, sizeof(*r->ring));
	r->window = calloc(size + size_of(f), sizeof(*r->window));
	r->score = calloc(f->lowrank.basis.rank + 1, sizeof(*r->score));
	if (!r->ring || !r->window || !r->score) {
		end(r);
		return em_error_memory(err, size * sizeof(*r->ring));
	}
	*out = r;
	return 0;
}

/* What is missing is the spectrum before; before the first, the first. */
static void push(const struct em_forecast *f, void *run, const struct em_forecast_view *view)
{
	struct run *r = run;
	size_t n = size_of(f), last = (r->next + f->window - 1) % f->window;
	const float *from = view->missing ? r->ring + last * n : view->aligned;
	float *score = r->window + f->window * n; /* as float */

	if (!view->missing && f->method == &em_forecast_lstm) {
		for (size_t k = 0; k < n; k++)
			score[k] = (float)view->score[k];
		from = score;
	}
	for (size_t k = r->seen ? f->window - 1 : 0; k < f->window; k++) {
		memmove(r->ring + r->next * n, from, n * sizeof(*r->ring));
		r->next = (r->next + 1) % f->window;
	}
	r->seen++;
}

static int predict(const struct em_forecast *f, void *run, size_t steps, double scale, double *spectrum, double *spread,
                   struct em_error *err)
{
	const struct nets *nets = f->own;
	struct run *r = run;
	size_t n = size_of(f), best = 0, tail = f->window - r->next;
	double least = HUGE_VAL;
	float *out = r->window + f->window * n;

	(void)spread;
	for (size_t i = 0; i < nets->count; i++) {
		double off = fabs((double)em_eelstm_get_options(nets->net[i])->horizon - (double)steps);

		if (off < least) {
			least = off;
			best = i;
		}
	}
	memcpy(r->window, r->ring + r->next * n, tail * n * sizeof(*r->window));
	memcpy(r->window + tail * n, r->ring, r->next * n * sizeof(*r->window));
	if (em_eelstm_predict(nets->net[best], r->window, 1, out, err))
		return -1;
	if (f->method == &em_forecast_lstm) {
		for (size_t k = 0; k < n; k++)
			r->score[k] = scale * (double)out[k];
		em_lowrank_reconstruct(&f->lowrank, r->score, spectrum);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		spectrum[i] = (double)out[i];
	return 0;
}

/* ---- files ---- */

/* Each network's own file within ours: all of its tensors and notes, behind "netHORIZON.". */

static int wrap(const struct em_eelstm *net, struct em_forecast_file *file, struct em_error *err)
{
	size_t steps = em_eelstm_get_options(net)->horizon;
	struct em_text bytes = {0};
	struct em_safetensors *inner = NULL;
	const struct em_tensor *t;
	const char *name, *text;
	char prefixed[128];
	int status = em_eelstm_print(net, true, NULL, 0, &bytes, err);

	if (!status && !(inner = em_safetensors_new((struct em_blob){(unsigned char *)bytes.s, bytes.len}, err)))
		status = -1;
	for (size_t i = 0; inner && (name = em_safetensors_note_at(inner, i, &text)); i++) {
		snprintf(prefixed, sizeof(prefixed), "net%zu.%s", steps, name);
		em_forecast_file_note(file, prefixed, text);
	}
	for (size_t i = 0; inner && !status && (t = em_safetensors_at(inner, i)); i++) {
		float *values = malloc(t->count * sizeof(*values) + 1);

		status = values ? em_tensor_load(t, values, err) : em_error_memory(err, t->count * sizeof(*values));
		snprintf(prefixed, sizeof(prefixed), "net%zu.%s", steps, t->name);
		if (!status)
			em_forecast_file_add_floats(file, prefixed, values, t->ndim, t->shape);
		free(values);
	}
	em_safetensors_free(inner);
	em_text_release(&bytes);
	return status;
}

static int print(const struct em_forecast *f, struct em_forecast_file *file, struct em_error *err)
{
	const struct nets *nets = f->own;
	double steps[EM_FORECAST_STEPS];

	for (size_t i = 0; i < nets->count; i++) {
		steps[i] = (double)em_eelstm_get_options(nets->net[i])->horizon;
		if (wrap(nets->net[i], file, err))
			return -1;
	}
	em_forecast_file_add(file, "nets", steps, 1, nets->count);
	return 0;
}

/* out gets the file of the network whose names begin so. */
static int unwrap(const struct em_safetensors *file, const char *prefix, struct em_text *out, struct em_error *err)
{
	struct em_forecast_file *inner = em_forecast_file_new(err);
	size_t skip = strlen(prefix);
	const struct em_tensor *t;
	const char *name, *text;
	int status = inner ? 0 : -1;

	for (size_t i = 0; inner && (name = em_safetensors_note_at(file, i, &text)); i++)
		if (text && !strncmp(name, prefix, skip))
			em_forecast_file_note(inner, name + skip, text);
	for (size_t i = 0; inner && !status && (t = em_safetensors_at(file, i)); i++) {
		float *values;

		if (strncmp(t->name, prefix, skip) != 0)
			continue;
		values = malloc(t->count * sizeof(*values) + 1);
		status = values ? em_tensor_load(t, values, err) : em_error_memory(err, t->count * sizeof(*values));
		if (!status)
			em_forecast_file_add_floats(inner, t->name + skip, values, t->ndim, t->shape);
		free(values);
	}
	if (!status)
		status = em_forecast_file_print(inner, out, err);
	em_forecast_file_free(inner);
	return status;
}

/* The horizons of a file's networks. */
static int read_steps(const struct em_safetensors *file, double *steps, size_t *count, struct em_error *err)
{
	const struct em_tensor *t = em_safetensors_find(file, "nets");

	if (!t || t->count < 1 || t->count > EM_FORECAST_STEPS)
		return em_error_set(err, EM_ERROR_DATA, "the model has no networks, or too many");
	*count = t->count;
	return em_forecast_file_get(file, "nets", steps, 1, t->count, err);
}

static struct em_eelstm *load(const struct em_safetensors *file, size_t steps, struct em_error *err)
{
	double there[EM_FORECAST_STEPS];
	struct em_text bytes = {0};
	struct em_eelstm *net = NULL;
	char prefix[32];
	size_t count = 0, i = 0;

	if (read_steps(file, there, &count, err))
		return NULL;
	while (i < count && there[i] != (double)steps)
		i++;
	if (i == count) {
		em_error_set(err, EM_ERROR_DATA, "the model has no network for horizon %zu: give the horizons it has",
		             steps);
		return NULL;
	}
	snprintf(prefix, sizeof(prefix), "net%zu.", steps);
	if (!unwrap(file, prefix, &bytes, err))
		net = em_eelstm_load_bytes((struct em_blob){(unsigned char *)bytes.s, bytes.len}, err);
	em_text_release(&bytes);
	return net;
}

static int parse(struct em_forecast *f, const struct em_safetensors *file, struct em_error *err)
{
	struct nets *nets = calloc(1, sizeof(*nets));
	double steps[EM_FORECAST_STEPS];
	size_t count = 0;
	int status = nets ? read_steps(file, steps, &count, err) : em_error_memory(err, sizeof(*nets));

	for (size_t i = 0; i < count && !status; i++) {
		struct em_eelstm *net =
		    steps[i] >= 1 && steps[i] < 1e6
		        ? load(file, (size_t)steps[i], err)
		        : (em_error_set(err, EM_ERROR_DATA, "the model has a network of no horizon"), NULL);

		if (net)
			nets->net[nets->count++] = net;
		if (!net)
			status = -1;
		else if (em_eelstm_channels(net) != size_of(f) || em_eelstm_get_options(net)->window != f->window)
			status = em_error_set(err, EM_ERROR_DATA,
			                      "the model's network and its basis are of different sizes");
	}
	if (!status)
		f->own = nets;
	else if (nets)
		release(nets);
	return status;
}

const struct em_forecast_method em_forecast_eelstm = {.name = "eelstm",
                                                      .about = "the published network of two LSTM layers",
                                                      .wants_aligned = true,
                                                      .validates = true,
                                                      .learn = learn,
                                                      .release = release,
                                                      .print = print,
                                                      .parse = parse,
                                                      .begin = begin,
                                                      .push = push,
                                                      .predict = predict,
                                                      .end = end};

const struct em_forecast_method em_forecast_lstm = {.name = "lstm",
                                                    .about = "a network of two LSTM layers that sees scores",
                                                    .validates = true,
                                                    .learn = learn,
                                                    .release = release,
                                                    .print = print,
                                                    .parse = parse,
                                                    .begin = begin,
                                                    .push = push,
                                                    .predict = predict,
                                                    .end = end};
