# SPDX-License-Identifier: GPL-3.0-or-later
"""Background and net counts of every pixel of a spectrum image of 100 x 100 x 2048, beside HyperSpy on the same array
in memory; called by bench.py.

The first times are of the work alone, without reading: ours is measured inside tests/peers/eels_background.c,
HyperSpy's is remove_background (its fast way, which is the two-area method) and the sum over the signal's window.  Then
all of it, from a .hspy file to the maps of three edges: eelsquant as a process beside HyperSpy that is already loaded.
They take turns; medians.
"""
import os
import statistics
import subprocess
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")
try:
    import hyperspy.api as hs
except ImportError:
    hs = None

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIDE, CHANNELS, OFFSET, SCALE = 100, 2048, 350.0, 0.5
BACKGROUND, SIGNAL = (400.0, 450.0), (456.0, 506.0)
EDGES = {"Ti-L23": (BACKGROUND, SIGNAL), "O-K": ((490.0, 526.0), (532.0, 582.0)),
         "La-M45": ((740.0, 824.0), (832.0, 882.0))}
METHODS = ("two-area", "log", "log-unweighted", "linear")


def build():
    flags = subprocess.check_output(["make", "-sC", TOP, "print-flags"], text=True).split()
    source = os.path.join(TOP, "tests", "peers", "eels_background.c")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", "eels_background", source, *flags], check=True)


def image():
    """Counts of Ti L on a background, 300 electrons a channel at its onset."""
    ev = OFFSET + SCALE * np.arange(CHANNELS)
    expected = 300 * (ev / 456) ** -3.0 + 100 * (ev >= 456)
    return np.random.RandomState(1).poisson(expected, (SIDE, SIDE, CHANNELS)).astype("f4")


def ours(method, threads):
    """Seconds, and the sum of all net counts."""
    out = subprocess.check_output(["./eels_background", "-t", "3", str(threads), method, "si.npy", str(OFFSET),
                                   str(SCALE), "%g-%g" % BACKGROUND, "%g-%g" % SIGNAL], text=True).split()
    return statistics.median(map(float, out[:-1])) / 1e3, float(out[-1])


def net_counts(s, background=BACKGROUND, window=SIGNAL):
    rest = s.remove_background(signal_range=background, background_type="PowerLaw", fast=True, show_progressbar=False)
    return rest.isig[window[0]:window[1]].integrate1D(-1).data


def theirs(s):
    start = time.perf_counter()
    net = net_counts(s)
    return time.perf_counter() - start, float(net.sum(dtype=float))


def quantify_theirs():
    start = time.perf_counter()
    s = hs.load("si.hspy")
    for windows in EDGES.values():
        net_counts(s, *windows)
    return time.perf_counter() - start


def quantify_ours(method, threads):
    argv = ["eelsquant", "-q", "-t", str(threads), "-b", method, "-e", ",".join(EDGES), "--gain", "1", "--drop", "data",
            "-o", "quantified.tar", "si.hspy"]
    for edge, windows in EDGES.items():
        for option, window in zip(("--fit", "--signal"), windows):
            argv[1:1] = [option, "%s=%g-%g" % (edge, *window)]
    start = time.perf_counter()
    subprocess.run(argv, check=True)
    return time.perf_counter() - start


def signal(data):
    hs.set_log_level("ERROR")
    s = hs.signals.EELSSpectrum(data)
    axis = s.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units = OFFSET, SCALE, "eV"
    return s


def run(report, rounds=5):
    print("\nbackground and net counts of %d x %d spectra of %d channels, float32" % (SIDE, SIDE, CHANNELS))
    build()
    data = image()
    np.save("si.npy", data.reshape(-1, CHANNELS))  # a movie, if it had three dimensions
    s = signal(data) if hs else None
    kinds = [(m, t) for m in METHODS for t in (1, 2)]
    times, peer, nets = {k: [] for k in kinds}, [], {}
    for _ in range(rounds):
        for k in kinds:
            seconds, nets[k] = ours(*k)
            times[k].append(seconds)
        if s is not None:
            seconds, nets["peer"] = theirs(s)
            peer.append(seconds)
    reference = statistics.median(peer) if peer else None
    for k in kinds:
        median = statistics.median(times[k])
        report("%s, %s" % (k[0], "one thread" if k[1] == 1 else "two threads"), median, data.nbytes,
               "HyperSpy takes %.0f times as long" % (reference / median) if peer else "")
    if peer:
        report("HyperSpy %s, two-area" % hs.__version__, reference, data.nbytes,
               "its net counts differ from ours by %.1e" % abs(nets["two-area", 1] / nets["peer"] - 1))
        run_whole(report, s, data.nbytes, rounds)
    else:
        print("    no HyperSpy for this python")
    os.remove("si.npy")


def run_whole(report, s, size, rounds):
    print("\nthree edges of the same, from a .hspy file to maps")
    s.save("si.hspy", overwrite=True, compression=None)
    kinds = [(m, t) for m in ("two-area", "linear") for t in (1, 2)]
    times, peer = {k: [] for k in kinds}, []
    for _ in range(rounds):
        for k in kinds:
            times[k].append(quantify_ours(*k))
        peer.append(quantify_theirs())
    for k in kinds:
        median = statistics.median(times[k])
        report("eelsquant, %s, %s" % (k[0], "one thread" if k[1] == 1 else "two threads"), median, size,
               "HyperSpy takes %.0f times as long" % (statistics.median(peer) / median))
    report("HyperSpy %s, two-area" % hs.__version__, statistics.median(peer), size, "")
    os.remove("si.hspy")
    os.remove("quantified.tar")
