# SPDX-License-Identifier: GPL-3.0-or-later
"""Merlin's frames, as values and as the words that one chip sends."""
import numpy as np


def frame(number, kind, width, height, depth, values):
    words = ["MQ1", "%06d" % number, "00384", "01", "%04d" % width, "%04d" % height, kind, "   1x1", "01",
             "2021-04-15 14:44:15.862206", "0.001000", "0", "0", "0", "2.000000E+0", "MQ1A",
             "2021-04-15T13:44:15.862206000Z", "1000000ns", str(depth)]
    return ",".join(words).encode().ljust(384, b"\0") + values


def words(a):
    """12 bits a pixel in 16, four to a word of 64 bits, the first pixel lowest."""
    return a.astype(">u2").reshape(-1, 4)[:, ::-1].tobytes()


def samples():
    """(file, bytes, array or list of arrays, what it tries).  The last row comes first."""
    a = (np.arange(3 * 9 * 16) ** 2 % 4093).astype("<u2").reshape(3, 9, 16)
    return [
        ("merlin.mib", b"".join(frame(i + 1, "U16", 16, 9, 12, p[::-1].astype(">u2").tobytes())
                                for i, p in enumerate(a)), list(a), "MIB: three frames, big-endian, last row first"),
        ("merlin-raw.mib", frame(1, "R64", 16, 9, 12, words(a[0][::-1])), a[0], "MIB: raw words of 12-bit counters"),
    ]


def bad_files():
    """(file, bytes, why it is refused)."""
    return [("merlin-cut.mib", frame(1, "U16", 16, 9, 12, b"\0" * 100), "a Merlin frame that is cut")]
