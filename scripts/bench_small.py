# SPDX-License-Identifier: GPL-3.0-or-later
"""emembed's own encoders on chips of 64 x 64, from stream to stream, and beside the same network in PyTorch; called by
bench.py.  In turn, A B C A B C; each figure is the best of its rounds."""
import os
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
THREADS, CHIPS, BATCH = 2, 4000, 256


def emembed(name, stream, threads=THREADS):
    start = time.perf_counter()
    subprocess.run(["emembed", "-q", "-t", str(threads), "-e", name, stream], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def pytorch():
    """A function that embeds BATCH chips and tells the seconds a chip, or None."""
    try:
        import torch
        sys.path.insert(0, os.path.join(TOP, "scripts"))
        import encoder_net
    except ImportError:
        return None
    torch.set_num_threads(THREADS)
    net, x = encoder_net.Small().eval().to(memory_format=torch.channels_last), torch.rand(BATCH, 64, 64)

    def once():
        with torch.no_grad():
            start = time.perf_counter()
            net(x)
            return (time.perf_counter() - start) / BATCH
    once()
    return once


def run(report, rounds=5):
    print("\nencoders on chips of 64 x 64, a chip, %d threads" % THREADS)
    for name, count in (("chips", CHIPS), ("chip", 1)):
        subprocess.run(["emsynth", "chips", "-q", "--classes", str(count), "--per-class", "1", "-o", name + "64.tar"],
                       check=True)
    names, peer = ("em-small", "spectral", "pixels"), pytorch()
    times, theirs = {name: [] for name in names}, []
    for _ in range(rounds):
        for name in names:
            times[name].append(emembed(name, "chips64.tar"))
        if peer:
            theirs.append(peer())
    for name in names:
        t = min(times[name]) / CHIPS
        report(name, t, None, "%.0f chips/s, from stream to stream" % (1 / t))
    if peer:
        report("em-small's network in PyTorch, eager", min(theirs), None, "%.2f times ours; batches of %d, no streams" %
               (min(theirs) / min(times["em-small"]) * CHIPS, BATCH))
    report("em-small, one chip from nothing", min(emembed("em-small", "chip64.tar") for _ in range(rounds)), None, "")
