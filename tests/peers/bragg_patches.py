# SPDX-License-Identifier: GPL-3.0-or-later
"""bragg_patches.py FOLDER BRAGG: precision and recall of peak finders on spectra whose spots people marked.

FOLDER holds images/*.png and label/*.png of the ZrO2 patches (item 25 of the real data, its folder `train`), BRAGG is
tests/peers/bragg.c, compiled (cc -O2 -std=c11 -Ilib tests/peers/bragg.c build/gcc/libem.a -lfftw3f -lgsl -lgslcblas -lm).

The patches are powers of unknown gradation, 64 x 64 with k = 0 at (32, 32); each original comes with 22 rotations of
itself.  So the halves are of originals: thresholds (and, for some, a width) are chosen for the best F1 on one, and what is printed
is measured on the other.  A spot counts as found within 2.5 pixels, once; both of a pair count; what is nearer than 4
pixels to the centre does not.
"""
import os
import subprocess
import sys

import numpy as np
from scipy import ndimage
from skimage import io

FOLDER, BRAGG = sys.argv[1:3]
WITHIN, CENTRE = 2.5, 4
YY, XX = np.mgrid[-32:32, -32:32]


def load(name):
    image = io.imread(os.path.join(FOLDER, "images", name)).astype(float)
    label = io.imread(os.path.join(FOLDER, "label", name)).astype(float)
    blobs, n = ndimage.label(label < 128, np.ones((3, 3)))
    spots = np.array(ndimage.center_of_mass(255 - label, blobs, range(1, n + 1))) - 32
    return image, spots[np.hypot(*spots.T) >= CENTRE]


def hits(found, spots):
    """For each found place, by falling score: is it a spot that no better one took?"""
    used, hit = np.zeros(len(spots), bool), np.zeros(len(found), bool)
    for i, place in enumerate(found):
        d = np.where(used, np.inf, np.hypot(*(spots - place).T)) if len(spots) else np.array([np.inf])
        if d.min() <= WITHIN:
            used[d.argmin()] = hit[i] = True
    return hit


# ---- the finders: places and scores of each image, a score being greater for a better spot ----

def maxima(score):
    at = (score == ndimage.maximum_filter(score, 5, mode="wrap")) & (np.hypot(YY, XX) >= CENTRE)
    order = np.argsort(-score[at])
    return np.stack([YY[at], XX[at]], 1)[order][:60], score[at][order][:60]


def local_median(images, sigma):
    for image in images:
        power = ndimage.gaussian_filter(image ** 2, sigma, mode="wrap")
        yield maxima(power / np.maximum(ndimage.median_filter(power, 11, mode="wrap"), 1e-3))


def laplacian(images, sigma):
    for image in images:
        log = -ndimage.gaussian_laplace(np.log1p(image), sigma, mode="wrap")
        yield maxima(log / np.median(np.abs(log)))


def bragg(images, alarms):
    """em_bragg_find at a number of false alarms; by snr from there on."""
    spectra = b""
    for image in images:
        full = np.roll(np.maximum(image, 0.5) ** 2, (-32, -32), (0, 1))
        full = (full + np.roll(full[::-1, ::-1], (1, 1), (0, 1))) / 2
        spectra += b"64 64 1000 %g\n" % alarms + np.ascontiguousarray(full[:, :33], "<f8").tobytes()
    lines = subprocess.run([BRAGG], input=spectra, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
    at = 0
    for _ in images:
        n = int(lines[at])
        peak = np.array([line.split() for line in lines[at + 1:at + 1 + n]], float).reshape(-1, 6)
        at += n + 1
        yield np.concatenate([64 * peak[:, :2], -64 * peak[:, :2]]), np.concatenate([peak[:, 2], peak[:, 2]])


FINDERS = [("threshold over the local median", local_median, (0, 0.6, 0.8, 1, 1.2)),
           ("Laplacian of Gaussian", laplacian, (1, 1.5, 2, 2.5)),
           ("em_bragg_find", bragg, (0.01, 0.1, 0.3, 1, 3, 10, 30, 100))]


def measure(finder, parameter, patches):
    score, hit = [], []
    for (found, s), (_, spots) in zip(finder([image for image, _ in patches], parameter), patches):
        order = np.argsort(-s)
        score.append(s[order])
        hit.append(hits(found[order], spots))
    return np.concatenate(score), np.concatenate(hit), sum(len(spots) for _, spots in patches)


def rates(hit, total):
    found = max(hit.sum(), 1e-9)
    precision, recall = found / max(len(hit), 1), found / total
    return precision, recall, 2 * precision * recall / (precision + recall)


def choose(finder, parameters, patches):
    best = (0,)
    for parameter in parameters:
        score, hit, total = measure(finder, parameter, patches)
        order = np.argsort(-score)
        true = np.cumsum(hit[order])
        f1 = 2 * true / (np.arange(1, len(true) + 1) + total)
        if f1.max() > best[0]:
            best = (f1.max(), parameter, score[order][f1.argmax()])
    return best


def main():
    names = sorted(os.listdir(os.path.join(FOLDER, "images")))
    originals = sorted({name.split("_")[0] for name in names})
    halves = [[load(n) for n in names if n.split("_")[0] in set(originals[i::2])] for i in (0, 1)]
    print("%d originals, %d and %d patches" % (len(originals), len(halves[0]), len(halves[1])))
    for name, finder, parameters in FINDERS:
        f1, parameter, threshold = choose(finder, parameters, halves[0])
        score, hit, total = measure(finder, parameter, halves[1])
        print("%-32s chosen %-5g over %-7.3g (F1 %.3f); on the other half precision %.3f recall %.3f F1 %.3f" % (
            (name, parameter, threshold, f1) + rates(hit[score >= threshold], total)), flush=True)
    for alarms in (0.01, 1):
        score, hit, total = measure(bragg, alarms, halves[1])
        print("em_bragg_find as it is, false alarms %-5g  on the other half precision %.3f recall %.3f F1 %.3f" % (
            (alarms,) + rates(hit, total)), flush=True)


main()
