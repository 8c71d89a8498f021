/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The energy axis of spectra, in eV, and windows on it.  What comes in keV or meV is converted where it enters; every
 * function of this room has eV.
 */
#ifndef EM_EELS_ENERGY_H
#define EM_EELS_ENERGY_H

#include "base/array.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct em_energy {
	size_t channels;
	double offset; /* eV, the middle of channel 0 */
	double scale;  /* eV a channel, > 0 */
};

struct em_energy_window {
	double from, to; /* eV, from < to */
};

/* Channels first, first + 1, ..., first + count - 1. */
struct em_energy_span {
	size_t first, count;
};

/*
 * From the last axis of an array of spectra.  EM_ERROR_DATA: an axis that is not in eV, keV or meV (the text says how
 * to calibrate it), a scale that is not finite and above 0, or of less than two channels.
 */
int em_energy_of_array(struct em_energy *e, const struct em_array *a, struct em_error *err);

double em_energy_at(const struct em_energy *e, double channel);
/* The inverse, with a fraction; may lie outside the axis. */
double em_energy_channel(const struct em_energy *e, double ev);
/* Does it lie between the middles of the first channel and the last? */
bool em_energy_holds(const struct em_energy *e, double ev);

/*
 * From the channel nearest to window->from up to, without it, the one nearest to window->to: as HyperSpy slices, so
 * that windows side by side share no channel.  EM_ERROR_USAGE where a part of the window is outside the axis (by more
 * than half a channel) or it holds no channel; the text gives both.
 */
int em_energy_span(const struct em_energy *e, const struct em_energy_window *window, struct em_energy_span *span,
                   struct em_error *err);

/* "405-448", "405:448", "-3.5:3.5", with or without "eV" after it: EM_ERROR_USAGE where it is no window. */
int em_energy_parse_window(const char *text, struct em_energy_window *window, struct em_error *err);

#endif
