# SPDX-License-Identifier: GPL-3.0-or-later
"""The pipeline as a laboratory would script it with numpy and scikit-image: what scripts/bench compares with.

    bench-peer.py IMAGE SUPPORT.json MAP.png RESULT.json

Load, equalise (CLAHE, 8 x 8 tiles), cut into chips, describe each by its mean, standard deviation and windowed power
spectrum pooled in 9 rings and 8 sectors, give it the class of the nearest prototype, write the map over the picture.
Vectorised throughout; a batch of chips at a time, so that it is no straw man.
"""
import time

START = time.perf_counter()
import json
import sys

import numpy as np
from skimage import exposure, io, util

SECONDS = {"import": time.perf_counter() - START}


def lap(name, since):
    SECONDS[name] = time.perf_counter() - since
    return time.perf_counter()


def pooling(n):
    """Which of 9 x 8 cells each element of rfft2's half plane falls in; -1 none."""
    ky, kx = np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None]
    r = np.hypot(ky, kx)
    ring = np.floor(r / 0.5 * 9).astype(int)
    sector = np.floor((np.arctan2(ky, kx) + np.pi / 2) / np.pi * 8).astype(int).clip(0, 7)
    return np.where((r > 0) & (ring < 9), ring * 8 + sector, 72).ravel()


def describe(chips):
    n = chips.shape[1]
    window = np.hanning(n).astype("f4")
    cell, features = pooling(n), []
    weight = 1 / np.maximum(np.bincount(cell, minlength=73), 1)
    for batch in np.array_split(chips.astype("f4"), max(1, len(chips) // 128)):
        mean, std = batch.mean(axis=(1, 2)), batch.std(axis=(1, 2))
        power = np.abs(np.fft.rfft2((batch - mean[:, None, None]) * np.outer(window, window))) ** 2
        power = power.reshape(len(batch), -1)
        pooled = np.stack([np.bincount(cell, p, 73)[:72] for p in power]) * weight[:72]
        features.append(np.column_stack([mean, std, np.sqrt(pooled) / n]))
    features = np.concatenate(features)
    return (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)


def main():
    image_file, support_file, map_file, result_file = sys.argv[1:]
    now = time.perf_counter()
    image = io.imread(image_file, as_gray=True)
    image = util.img_as_ubyte(image) if image.dtype != np.uint8 else image
    now = lap("load", now)
    tiles = (image.shape[0] // 8, image.shape[1] // 8)
    image = util.img_as_ubyte(exposure.equalize_adapthist(image, kernel_size=tiles, clip_limit=0.01))
    now = lap("clahe", now)
    with open(support_file) as f:
        support = json.load(f)
    n = support["chip"]["size"]
    rows, cols = image.shape[0] // n, image.shape[1] // n
    chips = util.view_as_blocks(image[:rows * n, :cols * n], (n, n)).reshape(-1, n, n)
    features = describe(chips)
    now = lap("embed", now)
    prototypes = np.stack([features[[r * cols + c for r, c in k["chips"]]].mean(axis=0) for k in support["classes"]])
    distance = np.linalg.norm(features[:, None] - prototypes[None], axis=2)
    best = distance.argmin(axis=1)
    now = lap("classify", now)
    palette = np.array([[27, 158, 119], [217, 95, 2], [117, 112, 179], [231, 41, 138]], "f4")
    tint = (0.45 * palette[best % 4]).reshape(rows, 1, cols, 1, 3)
    blocks = image[:rows * n, :cols * n].reshape(rows, n, cols, n, 1)
    overlay = (np.float32(0.55) * blocks + tint).astype("u1").reshape(rows * n, cols * n, 3)
    io.imsave(map_file, overlay, check_contrast=False, compression=1)
    lap("draw", now)
    with open(result_file, "w") as f:
        json.dump({"seconds": SECONDS, "labels": [support["classes"][i]["name"] for i in best]}, f)


if __name__ == "__main__":
    main()
