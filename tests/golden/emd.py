# SPDX-License-Identifier: GPL-3.0-or-later
"""EMD of Velox and of Berkeley: what is meant to differ from RosettaSciIO, each with its reason."""

EXTENSIONS = ["emd"]


def velox_type(g, file):
    """RosettaSciIO makes float64 of every image of Velox; we give what the file has: 16-bit counts, or the float32 of
    computed maps."""
    if "velox" not in file or g["dtype"] != "float64":
        return None
    counts = g["max"] > 100 and all(float(g[n]).is_integer() for n in ("min", "max", "first", "last"))
    return dict(g, dtype="uint16" if counts else "float32")


def berkeley_nanometres(g, file):
    """Berkeley's "n_m" is nm."""
    if not any(a["units"] == "n_m" for a in g["axes"]):
        return None
    return dict(g, axes=[dict(a, units="nm") for a in g["axes"]])


def spectrum_image(g, file):
    """A spectrum image is a .npy member, no picture, and keeps its type."""
    return dict(g, spectra=True) if len(g["shape"]) == 3 and g["axes"][2]["units"] in ("eV", "keV") else None


def scanned_area(g, file):
    """X-rays of a scan of 16 x 20 points, as the other maps of the file are: the stream has 319 marks between pixels,
    and the metadata tell the area.  RosettaSciIO fills them into the raster of the whole field, 128 x 128."""
    if g["shape"] != [128, 128, 4096]:
        return None
    y, x, energy = g["axes"]
    return dict(g, shape=[16, 20, 4096], mean=g["mean"] * 128 * 128 / (16 * 20),
                axes=[dict(y, size=16), dict(x, size=20), energy])


DIFFERENCES = [scanned_area, velox_type, berkeley_nanometres, spectrum_image]
