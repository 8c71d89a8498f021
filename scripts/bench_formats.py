# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what microscopes write, beside HyperSpy and ncempy, and the raw throughput of movies; called by bench.py.

Two commands are timed in turn, A B A B, and the ratio is that of the medians: a machine that slows down slows both.
"""
import os
import statistics
import struct
import subprocess
import sys
import time

import numpy as np

FRAMES, EDGE = 512, 1024  # of uint16: 1 GiB


def seconds(command):
    start = time.perf_counter()
    subprocess.run(["sh", "-c", command], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def in_turn(a, b, runs):
    """Medians of the two, after a run of each that does not count."""
    seconds(a), seconds(b)
    pairs = [(seconds(a), seconds(b)) for _ in range(runs)]
    return [statistics.median(t) for t in zip(*pairs)]


# ---- a small file, from nothing to its pixels ----

def group(entries):
    return struct.pack(">BBQ", 0, 0, len(entries)) + b"".join(entries)


def entry(name, kind, body):
    return struct.pack(">BH", kind, len(name)) + name.encode() + struct.pack(">Q", len(body)) + body


def directory(name, entries):
    return entry(name, 20, group(entries))


def value(name, info, payload):
    return entry(name, 21, b"%%%%" + struct.pack(">Q%dQ" % len(info), len(info), *info) + payload)


def u32(name, v):
    return value(name, [5], struct.pack("<I", v))


def write_dm4(path, frames):
    """Frames of uint16 as DigitalMicrograph 4 has them, calibrated; the pixels come last but for the file's end."""
    shape = frames.shape[::-1]
    nm = value("Units", [20, 4, 2], "nm".encode("utf-16-le"))
    axes = [directory("", [value("Origin", [6], struct.pack("<f", 0)), value("Scale", [6], struct.pack("<f", 0.02)),
                           nm]) for _ in shape]
    data = directory("ImageData", [
        directory("Calibrations", [directory("Dimension", axes)]),
        u32("DataType", 10), directory("Dimensions", [u32("", n) for n in shape]), u32("PixelDepth", 2),
        value("Data", [20, 4, frames.size], frames.tobytes())])
    root = group([directory("ImageList", [directory("", [data, directory("ImageTags", [])])])])
    with open(path, "wb") as f:
        f.write(struct.pack(">IQI", 4, len(root), 1) + root + bytes(8))


def write_mrc(path, frames):
    n, h, w = frames.shape
    head = bytearray(1024)
    struct.pack_into("<4i", head, 0, w, h, n, 6)
    struct.pack_into("<3i3f", head, 28, w, h, n, 0.2 * w, 0.2 * h, 0.2 * n)
    struct.pack_into("<3i", head, 64, 1, 2, 3)
    head[208:216] = b"MAP DD\0\0"
    with open(path, "wb") as f:
        f.write(head)
        frames.tofile(f)


def write_emd(path, frames):
    import h5py
    with h5py.File(path, "w") as f:
        g = f.create_group("data/movie")
        g.attrs["emd_group_type"] = 1
        g["data"] = frames
        for i, n in enumerate(frames.shape):
            d = g.create_dataset("dim%d" % (i + 1), data=np.arange(n) * (0.02 if i else 1.0))
            d.attrs["name"], d.attrs["units"] = "tyx"[i], "n_m" if i else "s"


def small_file(report):
    rng = np.random.RandomState(1)
    write_dm4("small.dm4", rng.randint(0, 60000, (1, 512, 512)).astype("<u2")[0])
    ours = "emcat small.dm4"
    peers = (("HyperSpy", "import hyperspy.api as hs; hs.load('small.dm4').data.mean()"),
             ("ncempy", "from ncempy.io import dm; dm.dmReader('small.dm4')['data'].mean()"))
    print("\na DM4 of 512 x 512, a fresh process each time, beside")
    for name, code in peers:
        theirs = '%s -c "%s" 2>/dev/null' % (sys.executable, code)
        if subprocess.run(["sh", "-c", theirs], check=False, stdout=subprocess.DEVNULL).returncode:
            print("  %s: not installed here" % name)
            continue
        a, b = in_turn(ours, theirs, 5)
        report("%s: %.0f ms" % (name, b * 1e3), a, None, "%.0f times as fast" % (b / a))
    os.remove("small.dm4")


# ---- long movies ----

def movies(report):
    rng = np.random.RandomState(1)
    frames = rng.randint(0, 60000, (1, EDGE, EDGE)).astype("<u2") + np.arange(FRAMES, dtype="<u2")[:, None, None]
    print("\na movie of 1 GiB into a pipe, `emcat FILE | cat`, beside `cat FILE | cat`, from the page cache")
    for name, write in (("movie.dm4", write_dm4), ("movie.mrc", write_mrc), ("movie.emd", write_emd)):
        try:
            write(name, frames)
        except ImportError:
            print("  %s: not without h5py" % name)
            continue
        a, b = in_turn("emcat %s | cat >/dev/null" % name, "cat %s | cat >/dev/null" % name, 7)
        report(name, a, os.path.getsize(name), "%.2f times the time of cat" % (a / b))
        first = statistics.median(seconds("emcat %s | head -c 1000000 >/dev/null" % name) for _ in range(5))
        report("    its first frame", first)
        os.remove(name)


def run(report):
    small_file(report)
    movies(report)
