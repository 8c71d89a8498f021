/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples set aside in a temporary file, for what must see more of a stream than memory should hold: write them all,
 * then read them all, in order.  The file has no name, so nothing is left behind however the process ends.
 */
#ifndef EM_IO_SPOOL_H
#define EM_IO_SPOOL_H

#include "base/error.h"
#include "io/stream.h"

struct em_spool;

/* The file will be in folder `dir`; it is made when the first sample comes. */
struct em_spool *em_spool_new(const char *dir, struct em_error *err);
void em_spool_free(struct em_spool *spool); /* NULL allowed */

/* Append a sample.  After em_spool_next only once the spool has been read to its end: it then starts anew. */
int em_spool_add(struct em_spool *spool, const struct em_sample *s, struct em_error *err);
/* The next one: 1 and a sample (released by the caller), 0 at the end (the spool is then empty again), -1. */
int em_spool_next(struct em_spool *spool, struct em_sample *s, struct em_error *err);

#endif
