/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Power laws with and without counting noise, for the tests of backgrounds. */
#ifndef EM_TEST_BACKGROUND_HELP_H
#define EM_TEST_BACKGROUND_HELP_H

#include "base/random.h"
#include "eels/background.h"

#include <math.h>

#define CHANNELS 400

/* 350 to 550 eV; the windows of Ti L. */
static const struct em_energy help_axis = {CHANNELS, 350, 0.5};
static const struct em_energy_window help_fit = {400, 450}, help_signal = {456, 506};

/* Expected counts: level at 425 eV, falling as E^-r, and from 456 eV on `step` of that at 456 eV in each channel. */
static inline void help_expect(double *y, double level, double r, double step)
{
	for (size_t i = 0; i < CHANNELS; i++) {
		double ev = em_energy_at(&help_axis, (double)i);
		y[i] = level * pow(ev / 425, -r) + (ev > 455.9 ? step * level * pow(456. / 425, -r) : 0);
	}
}

/* The step's counts in help_signal's 100 channels. */
static inline double help_net(double level, double r, double step)
{
	return 100 * step * level * pow(456. / 425, -r);
}

static inline void help_round(float *to, const double *from)
{
	for (size_t i = 0; i < CHANNELS; i++)
		to[i] = (float)from[i];
}

/* Electrons of `gain` counts each. */
static inline void help_count(float *to, const double *expected, double gain, struct em_random *random)
{
	for (size_t i = 0; i < CHANNELS; i++)
		to[i] = (float)(gain * em_random_poisson(random, expected[i] / gain));
}

#endif
