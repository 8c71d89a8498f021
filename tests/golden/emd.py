# SPDX-License-Identifier: GPL-3.0-or-later
"""EMD of Velox and of Berkeley: what is meant to differ from RosettaSciIO, each with its reason: from the golden signal to what we should give."""

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


DIFFERENCES = [velox_type, berkeley_nanometres, spectrum_image]
