# SPDX-License-Identifier: GPL-3.0-or-later
"""A blockfile: the picture of a scan of 5 x 5 points, and as many patterns of 5 x 5 pixels."""
import struct

import numpy as np


def blockfile(picture, patterns):
    (ny, nx), side = picture.shape, patterns.shape[1]
    head = struct.pack("<6sHIII", b"IMGBLO", 0x0102, 256, 256 + nx * ny, 131141)
    head += struct.pack("<5H2dIHId", side, 0, nx, ny, 0, 10, 10, 200000, 6226, 2000, 42339.5)
    out = head.ljust(256, b"\0") + picture.tobytes()
    return out + b"".join(struct.pack("<HI", 0x55AA, i) + p.tobytes() for i, p in enumerate(patterns))


def pixels():
    return (np.arange(26 * 25) ** 2 % 251).astype("u1").reshape(26, 5, 5)


def samples():
    """(file, bytes, array or list of arrays, what it tries)."""
    a = pixels()
    return [("scan.blo", blockfile(a[0], a[1:]), list(a), "BLO: the picture of a scan, then its 25 patterns")]


def bad_files():
    """(file, bytes, why it is refused)."""
    a = pixels()
    return [("cut.blo", blockfile(a[0], a[1:])[:270], "a blockfile that ends within the picture of the scan")]
