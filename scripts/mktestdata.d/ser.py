# SPDX-License-Identifier: GPL-3.0-or-later
"""TIA's series, and one description without its series."""
import struct

import numpy as np

TYPES = {"u1": 1, "u2": 2, "u4": 3, "i1": 4, "i2": 5, "i4": 6, "f4": 7, "f8": 8}
SPECTRA, IMAGES, TIMES, POSITIONS = 0x4120, 0x4122, 0x4152, 0x4142


def calibration(offset, delta, element=0):
    return struct.pack("<ddi", offset, delta, element)


def ser(elements, tags, dims, total=None, wide=False):
    """elements: arrays of the same type, images top row first; dims: (size, metres a step), the fastest first."""
    word = "<Q" if wide else "<I"
    total = total or len(elements)
    a = elements[0]
    out = struct.pack("<HHHIIII", 0x4949, 0x0197, 0x220 if wide else 0x210, IMAGES if a.ndim == 2 else SPECTRA, tags,
                      total, len(elements))
    out += struct.pack(word, 0) + struct.pack("<I", len(dims))
    for size, step in dims:
        out += struct.pack("<I", size) + calibration(0, step)
        for text in (b"Position", b"meters"):
            out += struct.pack("<I", len(text)) + text
    at = len(out)
    out = out[:22] + struct.pack(word, at) + out[22 + struct.calcsize(word):]
    start = at + 2 * total * struct.calcsize(word)
    body, data, marks = b"", [], []
    for i, a in enumerate(elements):
        data.append(start + len(body))
        body += b"".join(calibration(-1e-9, 2e-10) if a.ndim == 2 else calibration(100, 0.5) for _ in a.shape)
        body += struct.pack("<H%dI" % a.ndim, TYPES[a.dtype.str[1:]], *a.shape[::-1])
        body += a[::-1].tobytes() if a.ndim == 2 else a.tobytes()
        marks.append(start + len(body))
        body += struct.pack("<II", tags, 1456073586 + i)
        body += struct.pack("<dd", 1e-9 * i, 0) if tags == POSITIONS else b""
    table = [places + [0] * (total - len(places)) for places in (data, marks)]
    return out + b"".join(struct.pack(word, place) for places in table for place in places) + body


def images():
    a = np.arange(2 * 11 * 17).reshape(2, 11, 17)
    return (a * a % 3001).astype("<u2")


def samples():
    """(file, bytes, array or list of arrays, what it tries)."""
    spectra = (np.arange(6 * 8) ** 2 % 101).astype("<i4").reshape(6, 8)
    return [
        ("preview.ser", ser(list(images()), TIMES, [(5, 1)], total=5), list(images()),
         "SER, bottom row first: two images of a series of five that was stopped"),
        ("scan.ser", ser(list(spectra), POSITIONS, [(3, 1e-9), (2, -1e-9)], wide=True), spectra.reshape(2, 3, 8),
         "SER with 8-byte offsets: the spectra of a scan"),
    ]


def bad_files():
    """(file, bytes, why it is refused)."""
    whole = ser(list(images()), TIMES, [(2, 1)])
    huge = bytearray(whole)
    huge[14:22] = struct.pack("<II", 2 ** 32 - 1, 2 ** 32 - 1)
    text = b"<ObjectInfo><Uuid>0</Uuid></ObjectInfo>"
    emi = b"JK\0\2\0\0\0\0" + b"alone_1.ser2\0B\4\2\0`\0\x19\4" + struct.pack("<I", len(text) + 2) + text + b"\r\n"
    return [
        ("cut.ser", whole[:-40], "ends within its last image"),
        ("bomb.ser", bytes(huge), "a header that claims 2^32 - 1 elements"),
        ("alone.emi", emi, "describes a SER that is not beside it"),
    ]
