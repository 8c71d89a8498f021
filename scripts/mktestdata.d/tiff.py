# SPDX-License-Identifier: GPL-3.0-or-later
"""TIFF as programs write it that know more of a picture than the standard has room for."""
import struct

import numpy as np


def tiff(pages, images, order):
    """pages: a list of {tag: (type, bytes)} with the numbers of the standard left out; images: a list of 2-D arrays.
    Directories in front, pictures one after the other; fewer pages than images leave images without a directory."""
    height, width = images[0].shape
    big = [a.astype(a.dtype.newbyteorder(order)).tobytes() for a in images]
    item, kind = images[0].itemsize, {"u": 1, "i": 2, "f": 3}[images[0].dtype.kind]
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 12: 8}
    out = bytearray(struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8))
    short = lambda v: (3, struct.pack(order + "H", v))
    long = lambda v: (4, struct.pack(order + "I", v))

    def directory(at, tags, pixels, last):
        tags = dict(tags)
        tags.update({256: long(width), 257: long(height), 258: short(8 * item), 259: short(1), 262: short(1),
                     273: long(pixels), 277: short(1), 278: long(height), 279: long(len(big[0])), 339: short(kind)})
        entries, values = b"", b""
        values_at = at + 2 + 12 * len(tags) + 4
        for tag, (type, data) in sorted(tags.items()):
            entries += struct.pack(order + "HHI", tag, type, len(data) // sizes[type])
            if len(data) > 4:
                entries += struct.pack(order + "I", values_at + len(values))
                values += data + b"\0" * (len(data) % 2)
            else:
                entries += data.ljust(4, b"\0")
        following = 0 if last else values_at + len(values)
        return struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", following) + values

    length = 8
    for tags in pages:
        length += len(directory(0, tags, 0, True))
    for i, tags in enumerate(pages):
        out += directory(len(out), tags, length + i * len(big[0]), i == len(pages) - 1)
    return bytes(out) + b"".join(big)


def text(s):
    return 2, s.encode("latin-1") + b"\0"


def rational(top, below, order):
    return 5, struct.pack(order + "II", top, below)


def hidden():
    """A hyperstack whose images have no directories, as ImageJ writes it beyond 4 GiB."""
    images = list((np.arange(4 * 9 * 14) ** 2 % 4001).astype("u2").reshape(4, 9, 14))
    lines = "ImageJ=1.54f\nimages=4\nslices=2\nframes=2\nhyperstack=true\nunit=nm\nspacing=2\nfinterval=0.5\n"
    page = {270: text(lines), 282: rational(4, 1, ">"), 283: rational(4, 1, ">")}
    return tiff([page], images, ">"), images


def samples():
    """(file, bytes, array or list of arrays, what it tries)."""
    whole, images = hidden()
    series = list((np.arange(2 * 8 * 11) % 97 - 5).astype("f4").reshape(2, 8, 11))
    double = lambda v: (12, struct.pack("<d", v))
    gatan = {65003: text("\xb5m"), 65004: text("\xb5m"), 65005: text("s"), 65009: double(0.25), 65010: double(0.5),
             65011: double(2.5)}
    return [
        ("hyperstack.tif", whole, images, "TIFF of ImageJ, big-endian: four images behind one directory"),
        ("series-dm.tif", tiff([gatan, {}], series, "<"), series, "TIFF of DigitalMicrograph: a series"),
    ]


def bad_files():
    """(file, bytes, why it is refused)."""
    return [("cut-hyperstack.tif", hidden()[0][:-100], "ends within the last of the images behind its only directory")]
