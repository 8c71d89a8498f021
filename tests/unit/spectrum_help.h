/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Spectra of which only some columns are there.  Include cmocka.h first. */
#ifndef SPECTRUM_HELP_H
#define SPECTRUM_HELP_H

#include "base/fft.h"
#include "crystal/spectrum.h"

#include <math.h>

/* What nobody wants is NaN: whoever looks at it all the same does not get away with it. */
static inline struct em_spectrum spectrum_part(const struct em_spectrum_plan *plan, const struct em_array *frame,
                                               const bool *wanted)
{
	struct em_spectrum s;

	assert_int_equal(em_spectrum_init_part(&s, plan, frame, wanted, NULL), 0);
	for (size_t i = 0; i < s.height * s.columns; i++)
		if (!wanted[i % s.columns / EM_FFT_PIECE])
			s.value[2 * i] = s.value[2 * i + 1] = NAN;
	return s;
}

#endif
