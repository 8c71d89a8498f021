/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the formats inside HDF5 have in common: a list of signals, each a data set of the file whose dimensions are
 * partly those of a frame and partly those of a stack.  A format finds them and knows what they mean; the codec in
 * hdf5.c reads them.
 */
#ifndef EM_IO_HDF_SIGNAL_H
#define EM_IO_HDF_SIGNAL_H

#include "io/codec.h"
#include "io/hdf_read.h"

struct em_hdf_signal {
	const struct em_hdf_node *group, *node; /* what describes it, and its data set */
	char name[EM_META_TEXT];
	struct em_hdf_dataset data;       /* where readable */
	bool readable;                    /* if not, why is asked again when it is read */
	int order[EM_MAX_NDIM], ndim;     /* the data set's dimensions that make a frame, in our order */
	int stack[EM_MAX_NDIM], nstack;   /* and those of the stack, the slowest first */
	struct em_axis axis[EM_MAX_NDIM]; /* of the data set's dimensions */
	size_t frames, first;             /* first: the file's frame that is this one's frame 0 */
	struct em_meta meta;              /* what is known of all frames from `alike` on */
	size_t alike;
	int kind;                         /* for the format */
};

struct em_hdf_signals {
	struct em_hdf_tree tree;
	struct em_hdf_signal *signal;
	size_t count, capacity, frames;
	struct em_hdf_cache *cache;
};

#define EM_HDF_MAX_SIGNALS ((size_t)1 << 16)

/*
 * One more signal of EM_HDF_MAX_SIGNALS, its dimensions in the order of the file, no axis calibrated, nothing known,
 * all frames one: em_hdf_signal_split sees to more.  The pointer is good until the next is added.
 */
struct em_hdf_signal *em_hdf_signals_add(struct em_hdf_signals *s, const struct em_hdf_node *group,
                                         const struct em_hdf_node *node, struct em_error *err);
/* The last `kept` dimensions are a frame, the others a stack; all of them where `kept` is less than 1. */
void em_hdf_signal_split(struct em_hdf_signal *signal, int kept);
/* Dimension `spectral` is energy or wavelength: all of the data set is one array, that axis last. */
void em_hdf_signal_set_spectral(struct em_hdf_signal *signal, int spectral);
/*
 * Lengths become nm and their reciprocals 1/nm, in whichever way `units` spells them; other units stay as they are,
 * and so does a scale that cannot be: 1, without a unit.  name NULL: that of before.
 */
void em_hdf_axis_set(struct em_axis *axis, const char *name, double scale, double offset, const char *units);

/* A format.  The node of a signal may be NULL where read does it all. */
struct em_hdf_format {
	/* Add the signals that there are of this format; none: it is another's. */
	int (*find)(struct em_hdf_signals *s, struct em_error *err);
	/* What the file knows of a frame before `alike`, and its axes.  Cannot fail.  NULL: no frame is. */
	void (*describe)(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, size_t frame,
	                 struct em_axis *axis, struct em_meta *meta);
	/* Frame `frame` of a signal without a data set, its axes included. */
	int (*read)(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, struct em_array *a,
	            struct em_error *err);
	int (*tags)(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, size_t frame,
	            struct em_text *json, struct em_error *err);
};

extern const struct em_hdf_format em_hdf_velox, em_hdf_ncem, em_hdf_hspy;

#endif
