/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Work that is cheaper for several items at a time, asked for by many threads, each with one item: who comes while
 * others are at work waits, and goes with the next batch.  One that is not full waits for more for EM_BATCH_WAIT at
 * most: those who are on their way come sooner, and a live stream does not notice.
 */
#ifndef EM_VISION_BATCH_H
#define EM_VISION_BATCH_H

#include "base/error.h"

#include <stddef.h>

#define EM_BATCH_WAIT 2000000 /* ns */

struct em_batch;

/* run() gets 1 to `most` items and is called by at most `threads` callers at a time; it returns 0, or -1 with *err set
 * for all its items.  NULL: EM_ERROR_MEMORY. */
struct em_batch *em_batch_new(size_t most, size_t threads,
                              int (*run)(void *ctx, size_t n, const void *const *in, void *const *out,
                                         struct em_error *err),
                              void *ctx, struct em_error *err);
void em_batch_free(struct em_batch *batch); /* NULL allowed; nobody is in em_batch_run */
/* One item, from any thread; returns when it is done. */
int em_batch_run(struct em_batch *batch, const void *in, void *out, struct em_error *err);

#endif
