# SPDX-License-Identifier: GPL-3.0-or-later
"""NDATA of Nion Swift: a ZIP, not packed, of an array and of what is known of it; and EMSA/MAS spectra as text."""
import io
import json
import struct
import zlib

import numpy as np


def member_file(members):
    body = directory = b""
    for name, data in members:
        fields = struct.pack("<HHHHHIIIHH", 10, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(name), 0)
        directory += b"PK\1\2\x0a\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name
        body += b"PK\3\4" + fields + name + data
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


def ndata(a, sequence, collection, datum, units):
    known = {"title": "ramp", "is_sequence": sequence, "collection_dimension_count": collection,
             "datum_dimension_count": datum,
             "dimensional_calibrations": [{"scale": 0.5, "offset": 0.0, "units": u} for u in units]}
    array = io.BytesIO()
    np.save(array, a)
    return member_file([(b"data.npy", array.getvalue()), (b"metadata.json", json.dumps(known).encode())])


def msa(values):
    head = ["FORMAT      : EMSA/MAS Spectral Data File", "VERSION     : 1.0", "TITLE       : ramp",
            "NPOINTS     : %d." % len(values), "NCOLUMNS    : 5.", "DATATYPE    : Y", "XPERCHAN    : 0.5",
            "OFFSET      : 100.", "XUNITS      : eV", "BEAMKV   -kV: 200.", "SPECTRUM    : "]
    rows = [", ".join("%.2f" % v for v in values[i:i + 5]) + "," for i in range(0, len(values), 5)]
    return "\r\n".join(["#" + line for line in head] + rows + ["#ENDOFDATA   : "]).encode()


def samples():
    movie = np.arange(3 * 4 * 5, dtype="u2").reshape(3, 4, 5)
    cube = np.arange(2 * 3 * 7, dtype="f4").reshape(2, 3, 7)
    line = np.arange(23, dtype="f4") * 2.25
    yield ("movie-u2.ndata", ndata(movie, True, 0, 2, ["s", "nm", "nm"]), list(movie),
           "NDATA: a sequence of three images")
    yield "cube-f4.ndata", ndata(cube, False, 2, 1, ["nm", "nm", "eV"]), cube, "NDATA: a spectrum image: one array"
    yield "line.msa", msa(line), line, "EMSA/MAS: a spectrum, five numbers a line, CRLF"
    pairs = "".join("%.1f\t%.2f\n" % (100 + i / 2, v) for i, v in enumerate(line))
    yield "columns.msa", pairs.encode(), line, "two columns of numbers and no header"


def bad_files():
    array = ndata(np.zeros((4, 5, 3), "u1"), False, 0, 2, ["", ""])
    yield "colour.ndata", array, "a picture in colour, which nobody would tell from planes"
    yield "cut.ndata", array[:-40], "ends within its directory"
    yield "cut.msa", msa(np.arange(23, dtype="f4"))[:-60], "ends within its numbers"
    uneven = "".join("%.1f %.1f\n" % (i * i, i) for i in range(20))
    yield "uneven.msa", uneven.encode(), "two columns whose first is not evenly spaced"
