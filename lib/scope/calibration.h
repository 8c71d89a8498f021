/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How large a pixel is and where it lies on the stage, for instruments whose wire does not tell: measured once and
 * written down, a detector and a magnification each.
 *
 *     {"camera": [{"mag": 5000, "width": 516, "um_per_px": [[0.0382, 0.0067], [-0.0067, 0.0382]]},
 *                 {"mag": 10000, "width": 516, "nm_per_px": 19.4}]}
 *
 * um_per_px is as in the record's to_stage: columns for x to the right and y down, rows for what has to be added to the
 * stage's x and y.  The scale along x and y are its columns' lengths.  Both hold for a picture of the whole field that
 * is `width` pixels across; of one that is binned they follow.
 */
#ifndef EM_SCOPE_CALIBRATION_H
#define EM_SCOPE_CALIBRATION_H

#include "scope/instrument.h"

#define EM_CALIBRATIONS_MAX 256

struct em_calibration {
	struct em_calibration_entry {
		char detector[EM_DETECTOR_NAME];
		double mag, width;
		double scale[2];       /* m a pixel, y and x */
		double to_stage[2][2]; /* m a pixel; NAN: only the scale is known */
	} entry[EM_CALIBRATIONS_MAX];
	size_t count;
};

/* Adds what is in the file.  EM_ERROR_DATA where it cannot be understood, EM_ERROR_IO; then *c is as it was. */
int em_calibration_read(struct em_calibration *c, const char *path, struct em_error *err);
/* Fills in scale and to_stage, those that are NAN, for a picture of the whole field; false where nothing is known of
 * that magnification (to 0.5 %). */
bool em_calibration_apply(const struct em_calibration *c, const char *detector, double mag, double width,
                          struct em_acquired *a);

#endif
