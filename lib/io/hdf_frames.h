/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames on their way into one data set of an HDF5 file: what the writers of HyperSpy's files and of Berkeley's EMD
 * have in common.  The data set's dimensions are those of the stack, the slowest first, then those of a frame.
 */
#ifndef EM_IO_HDF_FRAMES_H
#define EM_IO_HDF_FRAMES_H

#include "io/codec.h"
#include "io/hdf_write.h"

struct em_hdf_frames {
	struct em_hdf_out out;
	struct em_array first; /* without its data */
	struct em_meta meta;   /* what all frames say; the stack's sizes and axes, and the place of frame 0 */
	size_t count, step;    /* step: from frame to frame along a stack of one dimension */
	bool ordered;          /* each frame had the next place in the stack */
};

/* The first three members of an em_codec_writer; the state is a struct em_hdf_frames. */
int em_hdf_frames_begin(const char *path, const struct em_array *first, const struct em_meta *meta, void **state,
                        struct em_error *err);
int em_hdf_frames_add(void *state, const struct em_array *a, const struct em_meta *meta, struct em_error *err);
void em_hdf_frames_abandon(void *state);

/*
 * The dimensions of all frames together, EM_MAX_NDIM at most; how many.  Frames that fill a stack in its order have its
 * axes, and so have evenly spaced ones of a stack of one dimension; others are counted along "t".
 */
int em_hdf_frames_shape(const struct em_hdf_frames *f, size_t *shape, struct em_axis *axis);
/* Is the last axis one of energies or wavelengths? */
bool em_hdf_frames_are_spectra(const struct em_hdf_frames *f);

extern const struct em_codec_writer em_hspy_writer, em_emd_writer;

#endif
