# SPDX-License-Identifier: GPL-3.0-or-later
"""png.py FILE [Y X]...: height, width; then the colours at these places.  Reads what emplot writes: 8-bit RGB."""
import struct, sys, zlib
d = open(sys.argv[1], "rb").read()
assert d[:8] == b"\x89PNG\r\n\x1a\n"
at, body, kinds = 8, b"", []
while at < len(d):
    n, kind = struct.unpack(">I4s", d[at:at + 8])
    assert zlib.crc32(d[at + 4:at + 8 + n]) == struct.unpack(">I", d[at + 8 + n:at + 12 + n])[0]
    kinds.append(kind)
    if kind == b"IHDR":
        w, h, bits, color, _, _, lace = struct.unpack(">IIBBBBB", d[at + 8:at + 21])
    if kind == b"IDAT":
        body += d[at + 8:at + 8 + n]
    at += 12 + n
assert (bits, color, lace) == (8, 2, 0) and kinds[0] == b"IHDR" and kinds[-1] == b"IEND"
raw = zlib.decompress(body)
assert len(raw) == h * (1 + 3 * w)
import numpy as np
a = np.frombuffer(raw, np.uint8).reshape(h, 1 + 3 * w)
assert set(a[:, 0]) == {1}
rgb = np.cumsum(a[:, 1:].reshape(h, w, 3), axis=1, dtype=np.uint8)
places = [int(v) for v in sys.argv[2:]]
print(h, w, *("%02x%02x%02x" % tuple(rgb[y, x]) for y, x in zip(places[::2], places[1::2])))
