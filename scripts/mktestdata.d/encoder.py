# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of a few thousand random weights with ResNet's names, a picture, and the embedding that numpy has of it."""
import io
import json
import struct

import numpy as np

SIZE, MEAN, STD = 32, (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)
# blocks of each stage: (channels inside, channels out, bottleneck)
STAGES = [[(8, 8, False), (8, 8, False)], [(8, 8, False)], [(4, 16, True), (4, 16, True)], [(8, 24, True)]]


def weights():
    rng, w = np.random.RandomState(7), {}

    def convolution(conv, norm, inside, out, k):
        w[conv + ".weight"] = (rng.standard_normal((out, inside, k, k)) * (2 / (inside * k * k)) ** 0.5).astype("f2")
        w[norm + ".weight"] = rng.uniform(0.5, 1.5, out).astype("f4")
        w[norm + ".bias"] = (0.1 * rng.standard_normal(out)).astype("f4")
        w[norm + ".running_mean"] = (0.1 * rng.standard_normal(out)).astype("f4")
        w[norm + ".running_var"] = rng.uniform(0.5, 2, out).astype("f4")
        w[norm + ".num_batches_tracked"] = np.array(3, "i8")

    convolution("conv1", "bn1", 3, 8, 7)
    inside = 8
    for s, blocks in enumerate(STAGES, 1):
        for b, (width, out, bottleneck) in enumerate(blocks):
            name = "layer%d.%d." % (s, b)
            for i, (a, c, k) in enumerate([(inside, width, 1), (width, width, 3), (width, out, 1)] if bottleneck else
                                          [(inside, width, 3), (width, out, 3)], 1):
                convolution(name + "conv%d" % i, name + "bn%d" % i, a, c, k)
            if inside != out or (s > 1 and b == 0):
                convolution(name + "downsample.0", name + "downsample.1", inside, out, 1)
            inside = out
    w["fc.weight"] = rng.standard_normal((3, inside)).astype("f2")
    w["fc.bias"] = rng.standard_normal(3).astype("f2")
    return w


def convolve(w, conv, norm, x, stride):
    k = w[conv + ".weight"].astype("f8")
    n, pad = k.shape[2], k.shape[2] // 2
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    views = np.lib.stride_tricks.sliding_window_view(x, (n, n), (1, 2))[:, ::stride, ::stride]
    y = np.einsum("oiyx,ihwyx->ohw", k, views)
    gain, bias, mean, var = (w[norm + p].astype("f8")[:, None, None]
                             for p in (".weight", ".bias", ".running_mean", ".running_var"))
    return (y - mean) / np.sqrt(var + 1e-5) * gain + bias


def resample(a, n):
    """Bilinear, enlarging, along the first axis."""
    at = (np.arange(n) + 0.5) * len(a) / n - 0.5
    low = np.floor(at).astype(int)
    part = (at - low).reshape(-1, *[1] * (a.ndim - 1))
    return a[low.clip(0, len(a) - 1)] * (1 - part) + a[(low + 1).clip(0, len(a) - 1)] * part


def embed(w, picture):
    x = resample(resample(picture / 255.0, SIZE).T, SIZE).T
    x = np.stack([(x - m) / s for m, s in zip(MEAN, STD)])
    x = np.maximum(convolve(w, "conv1", "bn1", x, 2), 0)
    x = np.pad(x, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    x = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2].max((3, 4))
    for s, blocks in enumerate(STAGES, 1):
        for b, (_, _, bottleneck) in enumerate(blocks):
            name, stride, y = "layer%d.%d." % (s, b), 2 if s > 1 and b == 0 else 1, x
            last, strided = (3, 2) if bottleneck else (2, 1)
            for i in range(1, last + 1):
                y = convolve(w, name + "conv%d" % i, name + "bn%d" % i, y, stride if i == strided else 1)
                y = np.maximum(y, 0) if i < last else y
            if name + "downsample.0.weight" in w:
                x = convolve(w, name + "downsample.0", name + "downsample.1", x, stride)
            x = np.maximum(x + y, 0)
    return x.mean((1, 2))


def safetensors(tensors, metadata):
    header, parts, at = {"__metadata__": metadata}, [], 0
    for name, a in tensors.items():
        raw = a.astype(a.dtype.newbyteorder("<")).tobytes()
        header[name] = {"dtype": {"f2": "F16", "f4": "F32", "i8": "I64"}[a.dtype.str[1:]], "shape": list(a.shape),
                        "data_offsets": [at, at + len(raw)]}
        parts.append(raw)
        at += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


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
    w = weights()
    picture = (np.arange(20 * 24) ** 2 % 251).astype("u1").reshape(20, 24)
    told = {"input_size": str(SIZE), "mean": ",".join(map(str, MEAN)), "std": ",".join(map(str, STD))}
    return [("tiny-resnet.safetensors", safetensors(w, told), "a ResNet of two kinds of blocks, random, F16 and F32"),
            ("tiny-resnet-in.npy", npy(picture), "a picture of 20 x 24 u8, enlarged to the network's 32 x 32"),
            ("tiny-resnet-out.npy", npy(embed(w, picture).astype("<f4")), "its embedding, by numpy in float64")]
