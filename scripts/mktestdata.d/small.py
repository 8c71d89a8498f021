# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures, and the embeddings that numpy has of them with em-small's weights, in float64."""
import io
import json
import os

import numpy as np

WEIGHTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "vision", "em-small.safetensors")
SIDE, PART, RINGS, SECTORS, LOWEST, NOISE = 64, 128, 12, 12, 0.03, 3


def read_weights():
    with open(WEIGHTS, "rb") as f:
        data = f.read()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    told = header.pop("__metadata__")
    return {name: np.frombuffer(data, "<f2", (t["data_offsets"][1] - t["data_offsets"][0]) // 2,
                                8 + size + t["data_offsets"][0]).reshape(t["shape"]).astype("f8")
            for name, t in header.items()}, told


def triangle(n):
    """[SIDE][n]: the weights of n pixels in SIDE."""
    step = n / SIDE
    centre, x = (np.arange(SIDE)[:, None] + 0.5) * step, np.arange(n) + 0.5
    w = np.maximum(1 - abs(x - centre) / max(step, 1), 0)
    return w / w.sum(1, keepdims=True)


def convolve(w, name, x, stride):
    k = w[name + ".weight"]
    n = k.shape[2]
    x = np.pad(x, ((0, 0), (n // 2, n // 2), (n // 2, n // 2)))
    views = np.lib.stride_tricks.sliding_window_view(x, (n, n), (1, 2))[:, ::stride, ::stride]
    return np.einsum("oiyx,ihwyx->ohw", k, views) + w[name + ".bias"][:, None, None]


def pooled(w, y):
    x, means, i = np.maximum(convolve(w, "stem", y[None], 4), 0), [], 0
    while "stage%d.0.weight" % i in w:
        x, k = np.maximum(convolve(w, "stage%d.0" % i, x, 2 if i else 1), 0), 1
        while "stage%d.%d.weight" % (i, k) in w:
            x, k = np.maximum(x + convolve(w, "stage%d.%d" % (i, k), x, 1), 0), k + 1
        means.append(x.mean((1, 2)))
        i += 1
    return np.concatenate(means)


def friendly(n):
    """The next multiple of 4, from 16 on, without prime factors beyond 5."""
    good = {2 ** a * 3 ** b * 5 ** c for a in range(2, 12) for b in range(7) for c in range(5)}
    return min(m for m in good if m >= max(n, 16))


def tables(height, width):
    """Of each coefficient its share in each bin, [height][width / 2 + 1][RINGS x SECTORS]."""
    share = np.zeros((height, width // 2 + 1, RINGS, SECTORS))
    for y in range(height):
        for x in range(width // 2):
            ky, kx = (y - height if 2 * y > height else y) / height, x / width
            if 2 * y == height or (y == 0 and x == 0):
                continue
            ring = (RINGS - 1) * (1 - np.log(2 * np.hypot(ky, kx)) / np.log(LOWEST))
            ring, turn = min(max(ring, 0), RINGS - 1), np.arctan2(ky, kx) / np.pi
            sector, i = (turn + 1 if turn < 0 else turn) * SECTORS, min(int(ring), RINGS - 2)
            j, f, g = int(sector), ring - i, sector % 1
            for di, dj, part in ((0, 0, (1 - f) * (1 - g)), (0, 1, (1 - f) * g), (1, 0, f * (1 - g)), (1, 1, f * g)):
                share[y, x, i + di, (j + dj) % SECTORS] += part * (2 if x else 1)
    return share.reshape(height, width // 2 + 1, -1)


def hann(n):
    return np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2


def spectrum(y):
    """The components, and the share of the power that is no white noise."""
    size = [friendly(n) for n in y.shape]
    share, window = tables(*size), np.outer(hann(y.shape[0]), hann(y.shape[1]))
    v = (y - (y * window).sum() / window.sum()) * window
    bins, area = np.tensordot(abs(np.fft.rfft2(v, size)) ** 2, share, 2), share.sum((0, 1))
    noise = np.median(bins[-SECTORS:] / area[-SECTORS:])
    level = bins + NOISE * noise * area
    q = bins ** 2 / np.where(level > 0, level, 1)  # of the lowest frequencies some have no coefficient
    q = np.cbrt(q / q.sum())
    return q / np.linalg.norm(q), max(0, 1 - noise * area.sum() / bins.sum())


def embed(w, told, picture):
    height, width = picture.shape
    ny, nx = -(-height // PART), -(-width // PART)
    described, signal = 0, 0
    for j in range(ny):
        for i in range(nx):
            x = picture[j * height // ny:(j + 1) * height // ny, i * width // nx:(i + 1) * width // nx] / 255.0
            x = triangle(x.shape[0]) @ x @ triangle(x.shape[1]).T
            y = (x - x.mean()) / x.std()
            moments = [3 * (x.mean() - 0.5), np.log(x.std() + 0.005) + 2.3, 4 * x.std()]
            described = described + np.concatenate([pooled(w, y), moments]) / (ny * nx)
            signal = signal + spectrum(y)[1] / (ny * nx)
    s = spectrum((picture - picture.mean()) / picture.std())[0]
    part, floor = [float(v) for v in told["parts"].split(",")], float(told["floor"])
    gate = floor + (1 - floor) * signal
    pieces = [w[name + ".weight"] @ v + w[name + ".bias"]
              for name, v in (("fine", described), ("coarse", described), ("waves", s))] + [s]
    z = np.concatenate([p / np.linalg.norm(p) * weight * g
                        for p, weight, g in zip(pieces, part, (gate, gate, 1, 1))])
    return z / np.linalg.norm(z)


def pictures():
    """A part as the network takes it, one to enlarge, two to reduce."""
    rng = np.random.RandomState(11)
    for height, width, period, noise in ((64, 64, 7.3, 20), (35, 34, 5.1, 8), (150, 90, 11.7, 60)):
        y, x = np.mgrid[:height, :width]
        v = 120 + 45 * np.sin(2 * np.pi * (0.8 * x + 0.6 * y) / period) * np.cos(2 * np.pi * y / (2.5 * period))
        yield np.clip(v + noise * rng.standard_normal(v.shape) + 0.2 * x, 0, 255).astype("u1")


def npy(a):
    out = io.BytesIO()
    np.save(out, a)
    return out.getvalue()


def samples():
    return []


def bad_files():
    return []


def others():
    """(file, bytes, what it is)."""
    w, told = read_weights()
    made, out = [], []
    for i, picture in enumerate(pictures()):
        made.append(("em-small-%d.npy" % i, npy(picture), "a picture of %d x %d u8" % picture.shape))
        out.append(embed(w, told, picture))
    return made + [("em-small-out.npy", npy(np.round(out, 6).astype("<f4")),
                    "the embeddings of em-small-0.npy to -2.npy, by numpy in float64")]
