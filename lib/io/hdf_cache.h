/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chunks that were unpacked, for whoever reads frame after frame of one file from several threads: one that holds many
 * frames is unpacked once, not once a frame.
 */
#ifndef EM_IO_HDF_CACHE_H
#define EM_IO_HDF_CACHE_H

#include "io/hdf_read.h"

/*
 * The elements of a chunk, from `unpack` (malloc'ed, NULL: refused) where nobody has them yet; who asks meanwhile
 * waits for it.  They are shared: to be read only, and given back.  No cache (NULL): unpacked for the caller alone.
 */
const unsigned char *em_hdf_cache_take(struct em_hdf_cache *cache, const struct em_hdf_dataset *d,
                                       const struct em_hdf_chunk *chunk,
                                       unsigned char *(*unpack)(const struct em_hdf_dataset *d,
                                                                const struct em_hdf_chunk *chunk,
                                                                struct em_error *err),
                                       struct em_error *err);
void em_hdf_cache_give_back(struct em_hdf_cache *cache, const unsigned char *elements);

#endif
