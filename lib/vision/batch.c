/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/batch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define MOST 64

struct job {
	const void *in;
	void *out;
	struct em_error *err;
	struct job *next;
	int status;
	bool done;
};

struct em_batch {
	size_t most, threads, running;
	int (*run)(void *ctx, size_t n, const void *const *in, void *const *out, struct em_error *err);
	void *ctx;
	struct job *first, **last; /* those that wait, in the order in which they came */
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

struct em_batch *em_batch_new(size_t most, size_t threads,
                              int (*run)(void *ctx, size_t n, const void *const *in, void *const *out,
                                         struct em_error *err),
                              void *ctx, struct em_error *err)
{
	struct em_batch *b = calloc(1, sizeof(*b));

	if (!b) {
		em_error_memory(err, sizeof(*b));
		return NULL;
	}
	b->most = most < MOST ? most : MOST;
	b->threads = threads;
	b->run = run;
	b->ctx = ctx;
	b->last = &b->first;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	return b;
}

void em_batch_free(struct em_batch *b)
{
	if (!b)
		return;
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->changed);
	free(b);
}

/* The first ones that wait, as one batch; locked before and after. */
static void run_some(struct em_batch *b)
{
	struct job *job[MOST];
	const void *in[MOST];
	void *out[MOST];
	struct em_error why = {0};
	size_t n = 0;
	int status;

	for (; b->first && n < b->most; n++) {
		job[n] = b->first;
		in[n] = job[n]->in;
		out[n] = job[n]->out;
		b->first = job[n]->next;
	}
	if (!b->first)
		b->last = &b->first;
	b->running++;
	pthread_mutex_unlock(&b->lock);
	status = b->run(b->ctx, n, in, out, &why);
	pthread_mutex_lock(&b->lock);
	b->running--;
	for (size_t i = 0; i < n; i++) {
		job[i]->status = status;
		if (status && job[i]->err)
			*job[i]->err = why;
		job[i]->done = true;
	}
	pthread_cond_broadcast(&b->changed);
}

int em_batch_run(struct em_batch *b, const void *in, void *out, struct em_error *err)
{
	struct job job = {.in = in, .out = out, .err = err};

	pthread_mutex_lock(&b->lock);
	*b->last = &job;
	b->last = &job.next;
	while (!job.done) {
		if (b->first && b->running < b->threads)
			run_some(b);
		else
			pthread_cond_wait(&b->changed, &b->lock);
	}
	pthread_mutex_unlock(&b->lock);
	return job.status;
}
