# SPDX-License-Identifier: GPL-3.0-or-later
"""What peers/eels_background.c printed by the two-area method, beside HyperSpy's.

    eels_background.py JOBS

reads lines "OURS.txt SPECTRA.npy BACKGROUND SIGNAL [BACKGROUND SIGNAL]..." and prints "A R NET COUNT" for each: the
greatest relative difference of each over all spectra and windows, and how many these are.  A and r are
PowerLaw.estimate_parameters', net counts what remove_background leaves in the signal's window.  That of net counts is
relative to these, or to a thousandth of the background where that is more: they are differences of large numbers.
"""
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
import hyperspy.api as hs  # noqa: E402
from hyperspy.components1d import PowerLaw  # noqa: E402

hs.set_log_level("ERROR")


def spectra(path, offset, scale):
    s = hs.signals.EELSSpectrum(np.load(path).astype(float))  # it sums what is float32 in float32: wrong by 1e-7
    axis = s.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units = offset, scale, "eV"
    return s


def theirs(s, background, signal):
    a, r = PowerLaw().estimate_parameters(s, *background, out=True)
    rest = s.remove_background(signal_range=background, background_type="PowerLaw", fast=True, show_progressbar=False)
    held = s.isig[signal[0]:signal[1]].data.sum(axis=-1, dtype=float)
    net = rest.isig[signal[0]:signal[1]].integrate1D(-1).data
    return [np.ravel(x) for x in (a, r, net, held)]


def compare(ours, path, *windows):
    with open(ours) as f:
        offset, scale, _ = map(float, f.readline().split())
        found = np.loadtxt(f, ndmin=2)
    windows = [tuple(map(float, w.split("-"))) for w in windows]
    s = spectra(path, offset, scale)
    expected = np.concatenate([np.column_stack(theirs(s, *pair)) for pair in zip(windows[::2], windows[1::2])])
    a, r, net, held = expected.T
    size = np.maximum(abs(net), 1e-3 * abs(held - net))
    off = [abs(found[:, 0] / a - 1), abs(found[:, 1] - r) / np.maximum(abs(r), 1e-3), abs(found[:, 2] - net) / size]
    print("%.3g %.3g %.3g %d" % (*(x.max() for x in off), len(found)), flush=True)


with open(sys.argv[1]) as jobs:
    for job in jobs:
        compare(*job.split())
