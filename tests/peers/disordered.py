#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A movie of a crystal that loses its order, from one real picture of it.

    tests/peers/disordered.py PICTURE.npy OUT.npy TRUTH.json --period PX --region X,Y,W,H

The law: a place is disordered in a frame of disorder f where a smooth random field, of domains of about three periods,
is below its f-quantile over the region.  There the lattice is replaced by matter of the same local mean with a texture
of random phases whose power depends on |k| as the picture's own contrast's does, on average over all directions, times
--texture squared; its borders are 3 pixels wide.  The specimen drifts, by parts of pixels, within --drift of where it
began.  The picture's own noise goes with it; --dose counts electrons.  TRUTH.json has for each frame what share of the
region is in order, and where the specimen is.
"""
import argparse
import json

import numpy as np

DISORDER = [0, 0, 0, 0, 0.05, 0.1, 0.2, 0.3, 0.4]
MARGIN = 12  # pixels that the frames are smaller by on each side: the drift stays within


def blurred(a, sigma):
    """By a Gaussian; a is continued by its mirror image."""
    pad = [(int(4 * sigma) + 1,) * 2] * 2
    wide = np.pad(a, pad, mode="symmetric")
    k2 = np.fft.fftfreq(wide.shape[0])[:, None] ** 2 + np.fft.rfftfreq(wide.shape[1])[None] ** 2
    wide = np.fft.irfft2(np.fft.rfft2(wide) * np.exp(-2 * np.pi ** 2 * sigma ** 2 * k2), wide.shape)
    return wide[pad[0][0]:pad[0][0] + a.shape[0], pad[1][0]:pad[1][0] + a.shape[1]]


def moved(a, by):
    """By (y, x) to subpixels; a is continued by its mirror image."""
    pad = 32
    wide = np.pad(a, pad, mode="symmetric")
    k = np.fft.fftfreq(wide.shape[0])[:, None] * by[0] + np.fft.rfftfreq(wide.shape[1])[None] * by[1]
    return np.fft.irfft2(np.fft.rfft2(wide) * np.exp(-2j * np.pi * k), wide.shape)[pad:-pad, pad:-pad]


def texture(contrast, rng):
    """Random phases, of the contrast's power at each |k| averaged over all directions: amorphous."""
    window = np.hanning(contrast.shape[0])[:, None] * np.hanning(contrast.shape[1])[None]
    power = abs(np.fft.rfft2(contrast * window)) ** 2 / (window ** 2).mean()
    k = np.hypot(np.fft.fftfreq(contrast.shape[0])[:, None], np.fft.rfftfreq(contrast.shape[1])[None])
    ring = np.rint(k * min(contrast.shape)).astype(int)
    mean = np.bincount(ring.ravel(), power.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    noise = np.fft.rfft2(rng.normal(size=contrast.shape)) / np.sqrt(contrast.size)
    return np.fft.irfft2(noise * np.sqrt(mean[ring]), contrast.shape)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("picture")
    a.add_argument("movie")
    a.add_argument("truth")
    a.add_argument("--period", type=float, required=True, help="of the lattice, pixels")
    a.add_argument("--region", required=True, help="X,Y,W,H of the first frame")
    a.add_argument("--texture", type=float, default=0.5, help="contrast of what is disordered, over the lattice's")
    a.add_argument("--drift", type=float, default=6)
    a.add_argument("--dose", type=float, help="electrons a pixel, on average; none: no noise but the picture's")
    a.add_argument("--seed", type=int, default=1)
    a = a.parse_args()
    rng = np.random.default_rng(a.seed)
    picture = np.load(a.picture).astype(float)
    x, y, w, h = (int(v) for v in a.region.split(","))
    region = np.s_[MARGIN + y:MARGIN + y + h, MARGIN + x:MARGIN + x + w]
    local = blurred(picture, 0.7 * a.period)
    other = local + a.texture * texture(picture - local, rng)
    field = blurred(rng.normal(size=picture.shape), 1.2 * a.period)
    drift = np.cumsum(rng.normal(size=(len(DISORDER), 2)), 0)
    drift = (drift - drift[0]) * a.drift / abs(drift - drift[0]).max()
    frames, truth = [], []
    for f, by in zip(DISORDER, drift):
        below = field < np.quantile(field[region], f) if f else np.zeros(field.shape, bool)
        share = blurred(below.astype(float), 1.2)
        frame = moved(picture + share * (other - picture), by)[MARGIN:-MARGIN, MARGIN:-MARGIN]
        if a.dose:
            frame = rng.poisson(a.dose * np.maximum(frame, 0) / frame.mean())
        frames.append(frame.astype("f4"))
        truth.append({"disorder": f, "ordered": 1 - share[region].mean(), "drift_px": (by - drift[0]).tolist()})
    np.save(a.movie, np.array(frames))
    with open(a.truth, "w") as out:
        json.dump(truth, out)


if __name__ == "__main__":
    main()
