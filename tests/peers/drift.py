# SPDX-License-Identifier: GPL-3.0-or-later
"""The drift that peers/drift.c printed, beside scikit-image's phase_cross_correlation of each frame with the first.

    drift.py phase|plain DRIFT.txt STEP FRAMES.npy    "MEDIAN WORST COUNT UNLIKE": the median and greatest distance, px,
                                                      over every STEP-th frame that both place, and how many
                                                      frames these are, and how many they place differently

`phase` is its phase correlation, `plain` its cross correlation.  A frame that has quality 0 with us is left out; one
that the two place more than half a pixel apart counts as unlike.
"""
import sys
import warnings

import numpy as np
from skimage.registration import phase_cross_correlation

warnings.simplefilter("ignore")


def main(kind, found, step, frames):
    ours, movie = np.loadtxt(found), np.load(frames).astype(float)
    far = []
    for k in range(1, len(movie), int(step)):
        if ours[k, 2] > 0:
            shift = phase_cross_correlation(movie[0], movie[k], upsample_factor=100,
                                            normalization="phase" if kind == "phase" else None)[0]
            far.append(np.hypot(*(-shift - ours[k, :2])))
    far = np.array(far)
    same = far[far < 0.5]
    print("%.3f %.3f %d %d" % (np.median(same), same.max(), len(same), len(far) - len(same)))


main(*sys.argv[1:])
