# SPDX-License-Identifier: GPL-3.0-or-later
"""An epoch of training EELSTM, the published network, on as many windows as its authors had, beside PyTorch's nn.LSTM
from the same weights; called by bench.py.

Both train for a few epochs in each round, in turn, and each epoch but a process's first is timed; medians.  PyTorch
multiplies matrices by the BLAS that the system offers it: Debian's package asks for any.  Each that is installed has a
row; the reference one is slow enough for one round to do.
"""
import glob
import os
import statistics
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEER = os.path.join(TOP, "tests", "peers", "eelstm")
CHANNELS, UNITS, WINDOWS, THREADS, EPOCHS = 1900, 256, 313, 2, 3


def build():
    """Our side, a program of a few lines around the library."""
    flags = subprocess.check_output(["make", "-sC", TOP, "print-flags"], text=True).split()
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", "eelstm", PEER + ".c", *flags], check=True)


def python():
    """One that has PyTorch, or None."""
    for name in (sys.executable, "/usr/bin/python3"):
        if not subprocess.call([name, "-c", "import torch"], stderr=subprocess.DEVNULL):
            return name
    return None


def libraries():
    """{name: folder} of the BLASes that are installed side by side, as Debian does it; else the one there is."""
    found = {os.path.basename(os.path.dirname(f)): os.path.dirname(f)
             for f in glob.glob("/usr/lib/*/*/libblas.so.3")}
    return found or {"its BLAS": None}


def epochs(argv, folder=None):
    """(last loss, seconds of each epoch but the first)."""
    env = dict(os.environ, **({"LD_LIBRARY_PATH": folder} if folder else {}))
    lines = [line.split() for line in subprocess.check_output(argv, text=True, env=env).splitlines()]
    return float(lines[-1][0]), [float(line[1]) for line in lines[1:]]


def run(report, rounds=5):
    print("\nEELSTM, %d LSTM units twice: an epoch of %d windows of 8 x %d, %d threads" %
          (UNITS, WINDOWS, CHANNELS, THREADS))
    build()
    peer = python()
    numbers = [str(v) for v in (CHANNELS, UNITS, WINDOWS, 1e-5, 1e-7)]
    subprocess.run([peer or sys.executable, PEER + ".py", "make", ".", *numbers], check=True)
    ours, theirs, losses = [], {}, {}
    for i in range(rounds):
        loss, seconds = epochs(["./eelstm", "model.safetensors", "frames.f32", "windows.txt", str(EPOCHS),
                                str(THREADS)])
        ours += seconds
        for name, folder in libraries().items() if peer else ():
            if i == 0 or name != "blas":
                losses[name], seconds = epochs([peer, PEER + ".py", "train", ".", str(EPOCHS), str(THREADS)], folder)
                theirs.setdefault(name, []).extend(seconds)
    mine = statistics.median(ours)
    report("ours", mine, None, "%.2g ms a window" % (mine / WINDOWS * 1e3))
    for name, seconds in theirs.items():
        report("PyTorch on " + {"blas": "reference BLAS"}.get(name, name), statistics.median(seconds), None,
               "%.1f times ours; losses within %.1g" % (statistics.median(seconds) / mine,
                                                        abs(losses[name] / loss - 1)))
