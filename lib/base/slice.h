/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "10:200:5": every fifth of a sequence from the 11th on, before the 201st; Python's slices, forwards only. */
#ifndef EM_BASE_SLICE_H
#define EM_BASE_SLICE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A zeroed slice is everything.  Negative begin and end count from the end of the sequence. */
struct em_slice {
	long begin, end;
	bool has_end;
	size_t step; /* 0 stands for 1 */
};

/* "7" is that one element, "10:200", ":5", "-3:", "::10".  EM_ERROR_USAGE for anything else and a step below 1. */
int em_slice_parse(const char *text, struct em_slice *slice, struct em_error *err);
/* Is element i of a sequence of n in it? */
bool em_slice_holds(const struct em_slice *slice, size_t i, size_t n);
/* Does it need to know how many there are? */
bool em_slice_needs_size(const struct em_slice *slice);

#endif
