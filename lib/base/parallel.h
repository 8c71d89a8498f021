/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two shapes of parallel work, both on POSIX threads: independent indices, and items that are read in order, worked on
 * side by side and written in the order they were read.  Threads that wait sleep: a filter that stands in a pipe
 * must not spin.
 */
#ifndef EM_BASE_PARALLEL_H
#define EM_BASE_PARALLEL_H

#include "base/error.h"

#include <stddef.h>

/* The processors this process may use, at least 1. */
int em_parallel_cpus(void);

/* body(ctx, i) for every i in [0, n), on up to `threads` threads (1: all in the caller, in order).  Threads that
 * cannot be had are done without. */
void em_parallel_for(int threads, size_t n, void (*body)(void *ctx, size_t i), void *ctx);

/*
 * take -> work -> meet -> finish -> give.  take, meet and give are never called by two threads at once, and meet and
 * give see the items in the order that take produced them; work and finish run side by side.  At most `threads` items
 * exist at a time.  An item is item_size bytes, zeroed before take; drop frees what it holds after give, or instead of
 * it once something failed.
 */
struct em_pipeline {
	void *ctx;
	size_t item_size;
	int (*take)(void *ctx, void *item, struct em_error *err); /* 1 an item, 0 no more, -1 failed */
	int (*work)(void *ctx, void *item, struct em_error *err); /* 0 or -1; NULL: nothing to do */
	int (*give)(void *ctx, void *item, struct em_error *err); /* 0 or -1 */
	void (*drop)(void *item);
	int (*meet)(void *ctx, void *item, struct em_error *err);   /* as work: what depends on the items before */
	int (*finish)(void *ctx, void *item, struct em_error *err); /* as work */
};

/* 0 when all items went through; -1 with the first error in item order: items before it have been given, none after
 * it. */
int em_parallel_pipeline(int threads, const struct em_pipeline *p, struct em_error *err);

#endif
