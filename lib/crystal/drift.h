/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Registration of the frames of a lattice movie, from their spectra alone: how far the specimen has moved in the frame
 * since the first one.
 *
 * A frame is compared with a reference: the running average of the spectra before it, each turned back by the drift
 * found for it, F(k) exp(2 pi i k.d).  An average over the last EM_DRIFT_MEMORY frames follows a pattern that changes
 * slowly, and its position wanders by a sixteenth only of what each frame's errs.
 *
 * The comparison is phase correlation (Kuglin and Hines, Proc. IEEE Int. Conf. Cybernetics and Society (1975) 163) in
 * the form of a likelihood: the band |k| <= EM_DRIFT_BAND falls into blocks 1/128 or more of a cycle a pixel wide, and
 * in each the cross power counts by what is not common to the two.  So spots, rings and noise have their say by how
 * much they tell: noise none, and a block that changes its contrast none until the reference has learned it.  As
 * blocks, not single frequencies, are made white, what the window spreads around a spot does not outweigh it.  Both
 * spectra were windowed on the frame, not on the specimen, which pulls towards no drift; most of that is taken off.
 * What is left at 256 pixels is 0.2 % of the way or less (0.5 % where the spectrum ends before 0.1 cycles a pixel), and
 * a quarter of it at twice the size.
 *
 * A lattice looks the same a lattice vector further.  Of the places where the likelihood peaks the drift is the one
 * where it is greatest together with a prior: Student's t of a pixel's width and two degrees of freedom around the
 * last drift plus the mean speed.  Its tails admit a jump where anything but the lattice shows it; where nothing does,
 * the nearest place is taken.  Seen are steps of up to half a block's period from there: 64 pixels at most, 21 or a
 * sixth of the side at least.
 *
 * A pattern that lies on the frame, not on the specimen, pulls: gains of the pixels that differ by 1 % (white) cost
 * less than 1 % of the way at 50 to 1000 electrons a pixel and a third of a pixel a frame, by 3 % up to 5 %, and a
 * tenth of a drift ten times as slow; by 10 % they hide the drift.  Divide by a flat field first.
 */
#ifndef EM_CRYSTAL_DRIFT_H
#define EM_CRYSTAL_DRIFT_H

#include "base/error.h"
#include "crystal/spectrum.h"

#include <stddef.h>

#define EM_DRIFT_BAND 0.25 /* cycles a pixel: finer spots do not take part */
#define EM_DRIFT_MEMORY 16 /* frames */

struct em_drift;

/* For frames of one size.  EM_ERROR_DATA for fewer than EM_SPECTRUM_LEAST pixels a side, or too many. */
struct em_drift *em_drift_new(size_t height, size_t width, struct em_error *err);
void em_drift_free(struct em_drift *d); /* NULL allowed */

/* The columns that it needs of spectra: see em_spectrum_want. */
void em_drift_want(const struct em_drift *d, bool *wanted);

/*
 * The next frame's drift (y, x; px; the specimen at r in the first frame is now at r + drift), and how well the frame
 * fits: the correlation with the reference over the band, from 0 to 1, noise included.  A frame that shows nothing
 * (zeros, saturation, noise alone), or nothing known, has quality 0 and keeps the drift of the frame before; it does
 * not touch the reference.  After EM_DRIFT_MEMORY / 2 frames in a row with something unknown the reference begins
 * anew with the last of them, at the drift that was kept.  EM_ERROR_DATA for a spectrum of another size.
 */
int em_drift_next(struct em_drift *d, const struct em_spectrum *s, double drift[2], double *quality,
                  struct em_error *err);

#endif
