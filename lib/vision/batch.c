/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/batch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define MOST 64

struct job {
	const void *in;
	void *out;
	struct em_error *err;
	struct job *next;
	pthread_cond_t turn; /* done, or first in line with room to run: nobody else is woken */
	struct timespec came;
	int status;
	bool done;
};

struct em_batch {
	size_t most, threads, running;
	size_t waiting;
	int (*run)(void *ctx, size_t n, const void *const *in, void *const *out, struct em_error *err);
	void *ctx;
	struct job *first, **last; /* those that wait, in the order in which they came */
	pthread_mutex_t lock;
	pthread_condattr_t monotonic;
	struct timespec ended; /* the last batch that did */
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
	pthread_condattr_init(&b->monotonic);
	pthread_condattr_setclock(&b->monotonic, CLOCK_MONOTONIC);
	return b;
}

void em_batch_free(struct em_batch *b)
{
	if (!b)
		return;
	pthread_condattr_destroy(&b->monotonic);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* The first in line has to look whether it is its turn. */
static void wake_first(struct em_batch *b)
{
	if (b->first && b->running < b->threads)
		pthread_cond_signal(&b->first->turn);
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
	b->waiting -= n;
	b->running++;
	wake_first(b);
	pthread_mutex_unlock(&b->lock);
	status = b->run(b->ctx, n, in, out, &why);
	pthread_mutex_lock(&b->lock);
	b->running--;
	clock_gettime(CLOCK_MONOTONIC, &b->ended);
	for (size_t i = 0; i < n; i++) {
		job[i]->status = status;
		if (status && job[i]->err)
			*job[i]->err = why;
		job[i]->done = true;
		pthread_cond_signal(&job[i]->turn);
	}
	wake_first(b);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Until when the first in line waits for others.  Those whose batch has just ended are on their way again. */
static struct timespec patience(const struct em_batch *b)
{
	struct timespec t = is_before(&b->first->came, &b->ended) ? b->ended : b->first->came;

	t.tv_nsec += EM_BATCH_WAIT;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Until the job is done, running batches where it falls to this thread; locked before and after. */
static void wait_or_run(struct em_batch *b, struct job *job)
{
	while (!job->done) {
		bool room = b->first && b->running < b->threads;
		struct timespec now, until = room ? patience(b) : job->came;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (room && (b->waiting >= b->most || is_before(&until, &now)))
			run_some(b);
		else if (room && b->first == job)
			pthread_cond_timedwait(&job->turn, &b->lock, &until);
		else
			pthread_cond_wait(&job->turn, &b->lock);
	}
}

int em_batch_run(struct em_batch *b, const void *in, void *out, struct em_error *err)
{
	struct job job = {.in = in, .out = out, .err = err};

	clock_gettime(CLOCK_MONOTONIC, &job.came);
	pthread_cond_init(&job.turn, &b->monotonic);
	pthread_mutex_lock(&b->lock);
	*b->last = &job;
	b->last = &job.next;
	b->waiting++;
	wait_or_run(b, &job);
	pthread_mutex_unlock(&b->lock);
	pthread_cond_destroy(&job.turn);
	return job.status;
}
