/* SPDX-License-Identifier: GPL-3.0-or-later */
/* oneDNN's C API, of versions 2 and 3: the second describes an operation first and asks for a primitive then, the third
 * does both in one call. */
#include "forecast/lstm.h"

#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

#if DNNL_VERSION_MAJOR >= 3
#define REF(desc) (desc)
#define FREE_DESC(desc) ((desc) ? dnnl_memory_desc_destroy(desc) : dnnl_success)
#define MEMORY_DESC_BY_TAG dnnl_memory_desc_create_with_tag
#define DESC_REF const_dnnl_memory_desc_t
#else
#define REF(desc) (&(desc))
#define FREE_DESC(desc) ((void)(desc))
#define MEMORY_DESC_BY_TAG dnnl_memory_desc_init_by_tag
#define DESC_REF const dnnl_memory_desc_t *
#endif

/* What a layer reads and writes; turned weights are those of its way back. */
enum tensor { SOURCE, START, KERNEL, RECURRENT, BIAS, RESULT, KERNEL_TURNED, RECURRENT_TURNED, TENSORS };

struct em_lstm {
	struct em_lstm_size size;
	dnnl_engine_t engine;
	dnnl_memory_desc_t desc[TENSORS];
	dnnl_primitive_desc_t described[2]; /* forward, backward */
	dnnl_primitive_t primitive[2];
	size_t workspace, scratch; /* bytes */
	bool training;
};

/* GNU's OpenMP is what most builds of oneDNN run on; others (oneTBB, none) have no such function and need none. */
__attribute__((weak)) void omp_set_num_threads(int n);

static void stay_in_thread(void)
{
	if (omp_set_num_threads)
		omp_set_num_threads(1);
}

/* What a signal brings onto the stack and these kernels spoil each other: the heap is broken then.  In a kernel none
 * comes; it waits. */
static sigset_t hold_signals(void)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	return before;
}

static void release_signals(sigset_t before)
{
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int explain(dnnl_status_t status, struct em_error *err)
{
	if (status == dnnl_unimplemented)
		return em_error_set(err, EM_ERROR_USAGE, "this oneDNN has no LSTM for this processor");
	return em_error_set(err, EM_ERROR_MEMORY, "oneDNN failed at an LSTM (status %d): is memory short?",
	                    (int)status);
}

static size_t round_up(size_t bytes)
{
	return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void *em_lstm_alloc(size_t count, size_t size, struct em_error *err)
{
	size_t bytes = count && size <= (SIZE_MAX / 2) / count ? round_up(count * size) : 0;
	void *memory = bytes ? aligned_alloc(ALIGNMENT, bytes) : NULL;

	if (memory)
		memset(memory, 0, bytes);
	else
		em_error_memory(err, (unsigned long long)count * size);
	return memory;
}

/* ---- making ---- */

static dnnl_status_t describe_tensors(struct em_lstm *l)
{
	dnnl_dim_t n = (dnnl_dim_t)l->size.rows, t = (dnnl_dim_t)l->size.steps, c = (dnnl_dim_t)l->size.inputs,
	           u = (dnnl_dim_t)l->size.units;
	const struct {
		int ndim;
		dnnl_dims_t dims;
		dnnl_format_tag_t order;
	} tensor[TENSORS] = {[SOURCE] = {3, {t, n, c}, dnnl_tnc},
	                     [START] = {4, {1, 1, n, u}, dnnl_ldnc},
	                     [KERNEL] = {5, {1, 1, c, 4, u}, dnnl_ldigo},
	                     [RECURRENT] = {5, {1, 1, u, 4, u}, dnnl_ldigo},
	                     [BIAS] = {4, {1, 1, 4, u}, dnnl_ldgo},
	                     [RESULT] = {3, {t, n, u}, dnnl_tnc},
	                     [KERNEL_TURNED] = {5, {1, 1, c, 4, u}, dnnl_ldgoi},
	                     [RECURRENT_TURNED] = {5, {1, 1, u, 4, u}, dnnl_ldgoi}};
	dnnl_status_t status = dnnl_success;

	for (int i = 0; i < TENSORS && status == dnnl_success; i++)
		status = MEMORY_DESC_BY_TAG(&l->desc[i], tensor[i].ndim, tensor[i].dims, dnnl_f32, tensor[i].order);
	return status;
}

/*
 * The state at first is 0, and it is said so: where it is left out, oneDNN 2.6 takes other numbers for it in the
 * gradient of the recurrent weights.
 */
static dnnl_status_t describe_forward(struct em_lstm *l, dnnl_primitive_attr_t attr)
{
	dnnl_prop_kind_t kind = l->training ? dnnl_forward_training : dnnl_forward_inference;
	dnnl_memory_desc_t *d = l->desc;
#if DNNL_VERSION_MAJOR >= 3
	return dnnl_lstm_forward_primitive_desc_create(
	    &l->described[0], l->engine, kind, dnnl_unidirectional_left2right, d[SOURCE], d[START], d[START], d[KERNEL],
	    d[RECURRENT], NULL, NULL, d[BIAS], d[RESULT], NULL, NULL, 0, attr);
#else
	dnnl_rnn_desc_t op;
	dnnl_status_t status =
	    dnnl_lstm_forward_desc_init_v3(&op, kind, dnnl_unidirectional_left2right, &d[SOURCE], &d[START], &d[START],
	                                   &d[KERNEL], &d[RECURRENT], NULL, NULL, &d[BIAS], &d[RESULT], NULL, NULL, 0);

	return status == dnnl_success ? dnnl_primitive_desc_create(&l->described[0], &op, attr, l->engine, NULL)
	                              : status;
#endif
}

static dnnl_status_t describe_backward(struct em_lstm *l, dnnl_primitive_attr_t attr)
{
	dnnl_memory_desc_t *d = l->desc;
#if DNNL_VERSION_MAJOR >= 3
	return dnnl_lstm_backward_primitive_desc_create(
	    &l->described[1], l->engine, dnnl_backward, dnnl_unidirectional_left2right, d[SOURCE], d[START], d[START],
	    d[KERNEL_TURNED], d[RECURRENT_TURNED], NULL, NULL, d[BIAS], d[RESULT], NULL, NULL, d[SOURCE], d[START],
	    d[START], d[KERNEL], d[RECURRENT], NULL, NULL, d[BIAS], d[RESULT], NULL, NULL, 0, l->described[0], attr);
#else
	dnnl_rnn_desc_t op;
	dnnl_status_t status = dnnl_lstm_backward_desc_init_v3(
	    &op, dnnl_backward, dnnl_unidirectional_left2right, &d[SOURCE], &d[START], &d[START], &d[KERNEL_TURNED],
	    &d[RECURRENT_TURNED], NULL, NULL, &d[BIAS], &d[RESULT], NULL, NULL, &d[SOURCE], &d[START], &d[START],
	    &d[KERNEL], &d[RECURRENT], NULL, NULL, &d[BIAS], &d[RESULT], NULL, NULL, 0);

	return status == dnnl_success
	           ? dnnl_primitive_desc_create(&l->described[1], &op, attr, l->engine, l->described[0])
	           : status;
#endif
}

/* Borrowed from the description; NULL where it wants none. */
static DESC_REF ask(const struct em_lstm *l, int way, dnnl_query_t what)
{
	DESC_REF desc = dnnl_primitive_desc_query_md(l->described[way], what, 0);

	return desc && dnnl_memory_desc_get_size(desc) ? desc : NULL;
}

static dnnl_status_t make_primitives(struct em_lstm *l)
{
	dnnl_status_t status = dnnl_success;

	for (int way = 0; way <= l->training && status == dnnl_success; way++) {
		DESC_REF workspace = ask(l, way, dnnl_query_workspace_md);
		DESC_REF scratch = ask(l, way, dnnl_query_scratchpad_md);
		size_t bytes = scratch ? round_up(dnnl_memory_desc_get_size(scratch)) : 0;

		if (bytes > l->scratch)
			l->scratch = bytes;
		if (workspace)
			l->workspace = round_up(dnnl_memory_desc_get_size(workspace));
		status = dnnl_primitive_create(&l->primitive[way], l->described[way]);
	}
	return status;
}

static dnnl_status_t make(struct em_lstm *l)
{
	dnnl_primitive_attr_t attr = NULL;
	dnnl_status_t status = dnnl_engine_create(&l->engine, dnnl_cpu, 0);

	if (status == dnnl_success)
		status = describe_tensors(l);
	if (status == dnnl_success)
		status = dnnl_primitive_attr_create(&attr);
	/* The library's own scratch memory would be one for all threads. */
	if (status == dnnl_success)
		status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
	if (status == dnnl_success)
		status = describe_forward(l, attr);
	if (status == dnnl_success && l->training)
		status = describe_backward(l, attr);
	if (status == dnnl_success)
		status = make_primitives(l);
	if (attr)
		dnnl_primitive_attr_destroy(attr);
	return status;
}

struct em_lstm *em_lstm_new(const struct em_lstm_size *size, bool training, struct em_error *err)
{
	struct em_lstm *l = calloc(1, sizeof(*l));
	dnnl_status_t status;

	if (!l) {
		em_error_memory(err, sizeof(*l));
		return NULL;
	}
	stay_in_thread(); /* scratch memory is measured for as many threads as there are */
	l->size = *size;
	l->training = training;
	status = make(l);
	if (status == dnnl_success)
		return l;
	explain(status, err);
	em_lstm_free(l);
	return NULL;
}

void em_lstm_free(struct em_lstm *l)
{
	if (!l)
		return;
	for (int way = 0; way < 2; way++) {
		if (l->primitive[way])
			dnnl_primitive_destroy(l->primitive[way]);
		if (l->described[way])
			dnnl_primitive_desc_destroy(l->described[way]);
	}
	for (int i = 0; i < TENSORS; i++)
		FREE_DESC(l->desc[i]);
	if (l->engine)
		dnnl_engine_destroy(l->engine);
	free(l);
}

/* ---- running ---- */

static size_t state_size(const struct em_lstm *l)
{
	return round_up(l->size.rows * l->size.units * sizeof(float));
}

/* oneDNN's workspace, its scratch memory, the state at first, which stays 0, and its two gradients, which nobody reads.
 */
size_t em_lstm_workspace(const struct em_lstm *l)
{
	return l->workspace + l->scratch + 3 * state_size(l);
}

#define MOST 20 /* arguments of a primitive */

struct arguments {
	dnnl_engine_t engine;
	dnnl_exec_arg_t argument[MOST];
	int count;
	dnnl_status_t status;
};

/* oneDNN's memory is not const; what is an input is only read. */
static void add(struct arguments *a, int name, DESC_REF desc, const void *bytes)
{
	dnnl_memory_t memory = NULL;

	if (a->status != dnnl_success || !desc)
		return;
	a->status = dnnl_memory_create(&memory, desc, a->engine, (void *)(uintptr_t)bytes);
	if (a->status == dnnl_success)
		a->argument[a->count++] = (dnnl_exec_arg_t){name, memory};
}

/* Runs the primitive and lets go of its arguments. */
static int run(const struct em_lstm *l, int way, struct arguments *a, struct em_error *err)
{
	dnnl_stream_t stream = NULL;
	sigset_t before = hold_signals();

	stay_in_thread();
	if (a->status == dnnl_success)
		a->status = dnnl_stream_create(&stream, l->engine, dnnl_stream_default_flags);
	if (a->status == dnnl_success)
		a->status = dnnl_primitive_execute(l->primitive[way], stream, a->count, a->argument);
	if (a->status == dnnl_success)
		a->status = dnnl_stream_wait(stream);
	if (stream)
		dnnl_stream_destroy(stream);
	for (int i = 0; i < a->count; i++)
		dnnl_memory_destroy(a->argument[i].memory);
	release_signals(before);
	return a->status == dnnl_success ? 0 : explain(a->status, err);
}

static struct arguments begin(const struct em_lstm *l, int way, const float *source, const float *result,
                              unsigned char *workspace)
{
	struct arguments a = {.engine = l->engine, .status = dnnl_success};
	unsigned char *start = workspace + l->workspace + l->scratch;

	add(&a, DNNL_ARG_SRC_LAYER, REF(l->desc[SOURCE]), source);
	add(&a, DNNL_ARG_SRC_ITER, REF(l->desc[START]), start);
	add(&a, DNNL_ARG_SRC_ITER_C, REF(l->desc[START]), start);
	add(&a, DNNL_ARG_DST_LAYER, REF(l->desc[RESULT]), result);
	add(&a, DNNL_ARG_WORKSPACE, ask(l, way, dnnl_query_workspace_md), workspace);
	add(&a, DNNL_ARG_SCRATCHPAD, ask(l, way, dnnl_query_scratchpad_md), workspace + l->workspace);
	return a;
}

int em_lstm_forward(const struct em_lstm *l, const struct em_lstm_weights *w, const float *source, float *result,
                    void *workspace, struct em_error *err)
{
	struct arguments a = begin(l, 0, source, result, workspace);

	memset((unsigned char *)workspace + l->workspace + l->scratch, 0, state_size(l));
	add(&a, DNNL_ARG_WEIGHTS_LAYER, REF(l->desc[KERNEL]), w->kernel);
	add(&a, DNNL_ARG_WEIGHTS_ITER, REF(l->desc[RECURRENT]), w->recurrent);
	add(&a, DNNL_ARG_BIAS, REF(l->desc[BIAS]), w->bias);
	return run(l, 0, &a, err);
}

/* oneDNN adds to the gradients of weights. */
static void clear(const struct em_lstm *l, const struct em_lstm_gradient *g)
{
	size_t row = 4 * l->size.units;

	memset(g->kernel, 0, l->size.inputs * row * sizeof(*g->kernel));
	memset(g->recurrent, 0, l->size.units * row * sizeof(*g->recurrent));
	memset(g->bias, 0, row * sizeof(*g->bias));
}

int em_lstm_backward(const struct em_lstm *l, const struct em_lstm_weights *w, const float *source, const float *result,
                     const float *result_gradient, void *workspace, const struct em_lstm_gradient *gradient,
                     float *source_gradient, struct em_error *err)
{
	struct arguments a = begin(l, 1, source, result, workspace);
	unsigned char *start_gradient = (unsigned char *)workspace + l->workspace + l->scratch + state_size(l);

	clear(l, gradient);
	add(&a, DNNL_ARG_WEIGHTS_LAYER, REF(l->desc[KERNEL_TURNED]), w->kernel_turned);
	add(&a, DNNL_ARG_WEIGHTS_ITER, REF(l->desc[RECURRENT_TURNED]), w->recurrent_turned);
	add(&a, DNNL_ARG_BIAS, REF(l->desc[BIAS]), w->bias);
	add(&a, DNNL_ARG_DIFF_DST_LAYER, REF(l->desc[RESULT]), result_gradient);
	add(&a, DNNL_ARG_DIFF_SRC_LAYER, REF(l->desc[SOURCE]), source_gradient);
	add(&a, DNNL_ARG_DIFF_SRC_ITER, REF(l->desc[START]), start_gradient);
	add(&a, DNNL_ARG_DIFF_SRC_ITER_C, REF(l->desc[START]), start_gradient + state_size(l));
	add(&a, DNNL_ARG_DIFF_WEIGHTS_LAYER, REF(l->desc[KERNEL]), gradient->kernel);
	add(&a, DNNL_ARG_DIFF_WEIGHTS_ITER, REF(l->desc[RECURRENT]), gradient->recurrent);
	add(&a, DNNL_ARG_DIFF_BIAS, REF(l->desc[BIAS]), gradient->bias);
	return run(l, 1, &a, err);
}

int em_lstm_multiply(const struct em_lstm_product *p, const float *a, const float *b, float *c, struct em_error *err)
{
	dnnl_dim_t m = (dnnl_dim_t)p->m, n = (dnnl_dim_t)p->n, k = (dnnl_dim_t)p->k;
	sigset_t before = hold_signals();
	dnnl_status_t status;

	stay_in_thread();
	status = dnnl_sgemm(p->a_turned ? 'T' : 'N', p->b_turned ? 'T' : 'N', m, n, k, 1, a, p->a_turned ? m : k, b,
	                    p->b_turned ? k : n, p->keep, c, n);
	release_signals(before);
	return status == dnnl_success ? 0 : explain(status, err);
}
