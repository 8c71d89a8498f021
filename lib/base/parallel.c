/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifdef __linux__
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_THREADS 256

/* Of a cluster's node a job has the processors that its scheduler bound it to, not all that are online. */
static long allowed_cpus(void)
{
#ifdef __linux__
	cpu_set_t set;

	if (!sched_getaffinity(0, sizeof(set), &set)) /* fails on machines of more than 1024: they count as online */
		return CPU_COUNT(&set);
#endif
	return sysconf(_SC_NPROCESSORS_ONLN);
}

int em_parallel_cpus(void)
{
	long n = allowed_cpus();

	return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

/* main_loop in the caller and in threads - 1 helpers; returns when all have. */
static void run_threads(int threads, void *(*main_loop)(void *), void *arg)
{
	pthread_t helper[MAX_THREADS];
	int started = 0;

	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
	while (started < threads - 1 && !pthread_create(&helper[started], NULL, main_loop, arg))
		started++;
	main_loop(arg);
	while (started > 0)
		pthread_join(helper[--started], NULL);
}

struct for_loop {
	void (*body)(void *ctx, size_t i);
	void *ctx;
	size_t next, n;
	pthread_mutex_t lock;
};

static void *run_for(void *arg)
{
	struct for_loop *loop = arg;

	for (;;) {
		size_t i;

		pthread_mutex_lock(&loop->lock);
		i = loop->next++;
		pthread_mutex_unlock(&loop->lock);
		if (i >= loop->n)
			return NULL;
		loop->body(loop->ctx, i);
	}
}

void em_parallel_for(int threads, size_t n, void (*body)(void *ctx, size_t i), void *ctx)
{
	struct for_loop loop = {body, ctx, 0, n, PTHREAD_MUTEX_INITIALIZER};

	if ((size_t)threads > n)
		threads = (int)n;
	if (threads > 1) {
		run_threads(threads, run_for, &loop);
		return;
	}
	for (size_t i = 0; i < n; i++)
		body(ctx, i);
}

/*
 * Each thread carries one item at a time through all steps.  A ticket, drawn in take, says when it may pass a gate:
 *
 *   thread 1   take 0   work 0 ........ give 0   take 2   work 2 ...
 *   thread 2            take 1   work 1 (waits)  give 1   take 3   ...
 */
struct gate {
	size_t passed;         /* tickets */
	bool failed;           /* nothing is done here any more */
	struct em_error error; /* of the failed item that comes first */
};

struct pipeline_run {
	const struct em_pipeline *p;
	pthread_mutex_t take_lock, turn_lock;
	pthread_cond_t turn_changed;
	size_t taken; /* tickets drawn */
	bool ended;   /* take has said so, or something failed: draw no more */
	struct gate meet, give;
};

static void stop_taking(struct pipeline_run *run)
{
	pthread_mutex_lock(&run->take_lock);
	run->ended = true;
	pthread_mutex_unlock(&run->take_lock);
}

/* 1 and a ticket, or 0.  A failed take still draws a ticket, so that its error waits behind earlier items. */
static int draw(struct pipeline_run *run, void *item, size_t *ticket, int *status, struct em_error *err)
{
	int drawn = 0;

	pthread_mutex_lock(&run->take_lock);
	if (!run->ended) {
		*status = run->p->take(run->p->ctx, item, err);
		if (*status != 1)
			run->ended = true;
		if (*status != 0) {
			*ticket = run->taken++;
			drawn = 1;
		}
	}
	pthread_mutex_unlock(&run->take_lock);
	return drawn;
}

/* Take the step when the item's turn has come, unless the item or one before it failed: then it has failed as well. */
static int pass(struct pipeline_run *run, struct gate *gate, int (*step)(void *, void *, struct em_error *), void *item,
                size_t ticket, int status, struct em_error *err)
{
	bool failed;

	pthread_mutex_lock(&run->turn_lock);
	while (gate->passed != ticket)
		pthread_cond_wait(&run->turn_changed, &run->turn_lock);
	failed = gate->failed;
	pthread_mutex_unlock(&run->turn_lock);

	if (!failed && !status && step)
		status = step(run->p->ctx, item, err);

	pthread_mutex_lock(&run->turn_lock);
	if (!failed && status) {
		gate->failed = true;
		gate->error = *err;
	}
	gate->passed++;
	pthread_cond_broadcast(&run->turn_changed);
	pthread_mutex_unlock(&run->turn_lock);
	return failed ? -1 : status;
}

static void carry(struct pipeline_run *run, void *item, size_t ticket, int status, struct em_error *err)
{
	const struct em_pipeline *p = run->p;

	if (!status && p->work)
		status = p->work(p->ctx, item, err);
	status = pass(run, &run->meet, p->meet, item, ticket, status, err);
	if (!status && p->finish)
		status = p->finish(p->ctx, item, err);
	if (pass(run, &run->give, p->give, item, ticket, status, err))
		stop_taking(run);
}

static void *run_pipeline(void *arg)
{
	struct pipeline_run *run = arg;
	void *item = calloc(1, run->p->item_size);
	struct em_error err = {0};
	size_t ticket;
	int status;

	while (item && draw(run, item, &ticket, &status, &err)) {
		carry(run, item, ticket, status == 1 ? 0 : -1, &err);
		run->p->drop(item);
		memset(item, 0, run->p->item_size);
	}
	if (!item) {
		stop_taking(run);
		pthread_mutex_lock(&run->turn_lock);
		run->give.failed = true;
		em_error_memory(&run->give.error, run->p->item_size);
		pthread_mutex_unlock(&run->turn_lock);
	}
	free(item);
	return NULL;
}

int em_parallel_pipeline(int threads, const struct em_pipeline *p, struct em_error *err)
{
	struct pipeline_run run = {.p = p,
	                           .take_lock = PTHREAD_MUTEX_INITIALIZER,
	                           .turn_lock = PTHREAD_MUTEX_INITIALIZER,
	                           .turn_changed = PTHREAD_COND_INITIALIZER};

	run_threads(threads, run_pipeline, &run);
	if (run.give.failed && err)
		*err = run.give.error;
	return run.give.failed ? -1 : 0;
}
