# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in HDF5: EMD of Velox and of Berkeley, HyperSpy's; written by h5py, which knows nothing of our reader."""
import json

import h5py
import numpy as np

ID = "0123456789abcdef0123456789abcdef"


def timeless(kind):
    """Same arguments, same bytes: the newest HDF5 would write down when an object was made."""
    how = h5py.h5p.create(kind)
    how.set_obj_track_times(False)
    return how


def hdf5(fill, libver="earliest"):
    name, access = b"testdata.h5", h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    if libver == "latest":
        access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    with h5py.File(h5py.h5f.create(name, h5py.h5f.ACC_TRUNC, timeless(h5py.h5p.FILE_CREATE), access)) as f:
        fill(f)
        f.flush()
        return f.id.get_file_image()


def make(group, path):
    for name in path.split("/"):
        if name not in group:
            h5py.h5g.create(group.id, name.encode(), gcpl=timeless(h5py.h5p.GROUP_CREATE))
        group = group[name]
    return group


def put(group, name, data, **how):
    return group.create_dataset(name, data=data, track_times=False, **how)


# ---- Velox ----

def column(*texts, size=1024):
    """JSON, a column a frame."""
    return np.array([list(json.dumps(t).encode().ljust(size, b"\0")) for t in texts], "u1").T


def put_json(group, name, value):
    put(group, name, [json.dumps(value)], dtype=h5py.string_dtype())


def metadata(**more):
    detectors = {"Detector-0": {"DetectorName": "HAADF", "DetectorType": "ScanningDetector"},
                 "Detector-1": {"DetectorName": "SuperX1", "Dispersion": "10", "OffsetEnergy": "-200"}}
    result = {"DetectorIndex": "0", "Detector": "HAADF", "PixelSize": {"width": "2e-10", "height": "2.5e-10"},
              "PixelUnitX": "m", "PixelUnitY": "m", "Offset": {"x": "-1e-09", "y": "0"}}
    return {"Detectors": detectors, "BinaryResult": dict(result, **more), "Scan": {"FrameTime": "0.5"},
            "Optics": {"AccelerationVoltage": "200000"}}


def velox(fill, version):
    def all_of_it(f):
        put_json(f, "Version", {"version": version, "format": "Velox"})
        fill(make(f, "Data"))
    return hdf5(all_of_it)


def put_movie(data):
    group = make(data, "Image/" + ID)
    put(group, "Data", np.moveaxis(movie(), 0, 2), chunks=(7, 5, 1))
    put(group, "Metadata", column(metadata(), metadata()), chunks=(1024, 1))


def put_stream(data):
    """Two detectors; the second one's stream ends with the first spectrum."""
    eds = spectra()
    eds[0, 0, 0] -= 1
    entries = []
    for spectrum in eds.reshape(-1, 8):
        entries += [c for c, n in enumerate(spectrum) for _ in range(n)] + [65535]
    for name, stream in (("0" + ID, entries), ("1" + ID, [0])):
        group = make(data, "SpectrumStream/" + name)
        put(group, "Data", np.array(stream, "u2")[:, None], chunks=(16, 1), maxshape=(None, 1))
        put(group, "Metadata", column(metadata(DetectorIndex="1")))
        put_json(group, "AcquisitionSettings", {"bincount": "8", "RasterScanDefinition": {"Width": "4", "Height": "3"}})


def put_eels(data):
    group = make(data, "EelsSpectrumImage/" + ID)
    put(group, "Data", spectra().transpose(1, 2, 0), chunks=(4, 8, 1))
    put(group, "Metadata", column(metadata()))
    put(group, "AcquisitionMetadata", column({"Data": {"offset": 480, "dispersion": 0.25}}, size=64))


# ---- Berkeley ----

def put_berkeley(f):
    """As simulations have it: x before y."""
    group = make(f, "data/simulation")
    group.attrs["emd_group_type"] = 1
    put(group, "data", movie()[0].T.astype(">f4"))
    for i, name in enumerate(("R_x", "R_y")):
        dim = put(group, "dim%d" % (i + 1), np.arange((5, 7)[i]) * 0.5 - 1)
        dim.attrs["name"], dim.attrs["units"] = np.bytes_(name), np.bytes_("[n_m]")
    make(f, "microscope").attrs["high tension"] = 300000


# ---- HyperSpy ----

def put_hspy(f, data, settings=0, **how):
    f.attrs["file_format"], f.attrs["file_format_version"] = "HyperSpy", "3.3"
    group = make(f, "Experiments/a movie")
    put(group, "data", data, **how)
    for i, name in enumerate("tyx"):
        axis = make(group, "axis-%d" % i)
        axis.attrs["name"], axis.attrs["navigate"], axis.attrs["size"] = name, i == 0, data.shape[i]
        axis.attrs["scale"], axis.attrs["offset"], axis.attrs["units"] = 0.5, i, "s" if i == 0 else "nm"
    general = make(group, "metadata/General")
    general.attrs["title"] = "a movie"
    tem = make(group, "metadata/Acquisition_instrument/TEM")
    for i in range(settings):
        tem.attrs["setting %d" % i] = i
        make(tem, "part %d" % i)
    tem.attrs["beam_energy"] = 80.0


def other(f):
    put(f, "table/values", np.arange(4))


# ---- the samples ----

def movie():
    a = np.arange(3 * 7 * 5).reshape(3, 7, 5)
    return (a * a % 3001).astype("<u2")


def spectra():
    return (np.arange(3 * 4 * 8) ** 2 % 11 + 1).astype("<u2").reshape(3, 4, 8)


def samples():
    """(file, bytes, array or list of arrays, what it tries)."""
    packed = {"compression": "gzip", "shuffle": True, "fletcher32": True}
    return [
        ("movie.emd", velox(put_movie, "8"), list(movie()), "EMD of Velox: a movie, frames fastest"),
        ("stream.emd", velox(put_stream, "11"), spectra(), "EMD of Velox: the sum of two streams of X-rays"),
        ("eels.emd", velox(put_eels, "13"), spectra(), "EMD of Velox: EELS, turned so that the energy is last"),
        ("berkeley.emd", hdf5(put_berkeley), movie()[0].astype("f4"), "EMD of Berkeley: big-endian, x before y"),
        ("packed.hspy", hdf5(lambda f: put_hspy(f, movie(), chunks=(2, 4, 5), **packed)), list(movie()),
         "HSPY: shuffled and compressed, two frames a chunk"),
        ("latest.hspy", hdf5(lambda f: put_hspy(f, movie(), 20, chunks=(1, 7, 3), **packed), "latest"),
         list(movie()), "HSPY as the newest HDF5 writes it, with more settings than a header holds"),
        ("half.hspy", hdf5(lambda f: put_hspy(f, movie().astype("f2"))), list(movie().astype("f2").astype("f4")),
         "HSPY in one piece, half floats"),
    ]


def bad_files():
    """(file, bytes, why it is refused)."""
    whole = hdf5(lambda f: put_hspy(f, movie(), chunks=(2, 4, 5)))
    return [
        ("cut.hspy", whole[:-300], "HSPY cut short"),
        ("lzf.hspy", hdf5(lambda f: put_hspy(f, movie(), compression="lzf")), "HSPY, compressed by LZF"),
        ("other.hdf5", hdf5(other), "HDF5 that is neither EMD nor HSPY"),
    ]
