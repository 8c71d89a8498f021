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
 * Each thread carries one item at a time through all three steps.  A ticket, drawn in take, says when it may give:
 *
 *   thread 1   take 0   work 0 ........ give 0   take 2   work 2 ...
 *   thread 2            take 1   work 1 (waits)  give 1   take 3   ...
 */
struct pipeline_run {
	const struct em_pipeline *p;
	pthread_mutex_t take_lock, turn_lock;
	pthread_cond_t turn_changed;
	size_t taken, given; /* tickets drawn; tickets done */
	bool ended;          /* take has said so, or something failed: draw no more */
	bool failed;
	struct em_error error; /* of the failed item that comes first */
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

/* The caller's turn has come: give, unless the item or one before it failed. */
static void give_in_turn(struct pipeline_run *run, void *item, size_t ticket, int status, struct em_error *err)
{
	bool failed;

	pthread_mutex_lock(&run->turn_lock);
	while (run->given != ticket)
		pthread_cond_wait(&run->turn_changed, &run->turn_lock);
	failed = run->failed;
	pthread_mutex_unlock(&run->turn_lock);

	if (!failed && !status)
		status = run->p->give(run->p->ctx, item, err);

	pthread_mutex_lock(&run->turn_lock);
	if (!failed && status) {
		run->failed = true;
		run->error = *err;
	}
	run->given++;
	pthread_cond_broadcast(&run->turn_changed);
	pthread_mutex_unlock(&run->turn_lock);
	if (status)
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
		status = status == 1 ? 0 : -1;
		if (!status && run->p->work)
			status = run->p->work(run->p->ctx, item, &err);
		give_in_turn(run, item, ticket, status, &err);
		run->p->drop(item);
		memset(item, 0, run->p->item_size);
	}
	if (!item) {
		stop_taking(run);
		pthread_mutex_lock(&run->turn_lock);
		run->failed = true;
		em_error_memory(&run->error, run->p->item_size);
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
	if (run.failed && err)
		*err = run.error;
	return run.failed ? -1 : 0;
}
