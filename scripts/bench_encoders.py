# SPDX-License-Identifier: GPL-3.0-or-later
"""emembed with a ResNet-50 beside PyTorch, eager and frozen, and beside its own convolutions alone; called by bench.py.

Same weights, the same number of threads, in turn: A B A B; each figure is the best of its rounds.  Ours is the whole of
emembed, from the stream with its pictures to the stream with embeddings, less its start; PyTorch's is the network
alone, in batches of 8.
"""
import os
import shlex
import subprocess
import sys
import time

import numpy as np

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = os.path.join(TOP, "tests", "peers")
THREADS, BATCH, SIZE = 2, 8, 224
OURS = 4  # pictures that emembed's network takes at a time
GMAC = 4.09  # multiplications of its convolutions and their sums, 1e9 a picture


def emembed(stream, *options):
    start = time.perf_counter()
    subprocess.run(["emembed", "-q", "-t", str(THREADS), "-e", "net.safetensors", *options, stream],
                   stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def a_picture(few, many):
    """Seconds: the longer stream's time less the shorter's."""
    return (min(many) - min(few)) / (4 * BATCH)


def theirs(model, x):
    import torch
    with torch.no_grad():
        start = time.perf_counter()
        model(x)
        return (time.perf_counter() - start) / len(x)


def alone(precision):
    return float(subprocess.check_output(["./convolutions", str(THREADS), str(OURS), "2", precision]))


def bare():
    """Could the program that runs the convolutions alone be built?"""
    flags = subprocess.run(["make", "-sC", TOP, "print-flags"], stdout=subprocess.PIPE, text=True, check=True).stdout
    cc = os.environ.get("CC", "gcc")
    command = [cc, "-O2", "-o", "convolutions", os.path.join(PEERS, "convolutions.c"), *shlex.split(flags)]
    return subprocess.run(command, check=False).returncode == 0


def streams():
    rng = np.random.RandomState(1)
    for name, count in (("few", BATCH), ("many", 5 * BATCH)):
        np.save(name + ".npy", rng.randint(0, 256, (count, SIZE, SIZE), "u1"))
        with open(name + ".tar", "wb") as f:
            subprocess.run(["emcat", name + ".npy"], stdout=f, check=True)


def run(report, rounds=5):
    print("\nResNet-50 at %d x %d, a picture, %d threads" % (SIZE, SIZE, THREADS))
    try:
        import torch
        sys.path.insert(0, PEERS)
        import encoders
    except ImportError:
        print("  PyTorch: not installed here")
        return
    torch.set_num_threads(THREADS)
    model = encoders.make("resnet50")
    encoders.write("net.safetensors", {k: v.numpy() for k, v in model.state_dict().items()}, {"input_size": str(SIZE)})
    streams()
    x = torch.rand(BATCH, 3, SIZE, SIZE)
    with torch.no_grad():
        frozen = torch.jit.freeze(torch.jit.trace(model, x))
        model(x), frozen(x), frozen(x)
    built, half = bare(), emembed_knows_bf16()
    precisions = ["fp32", "bf16"] if half else ["fp32"]
    times = {}

    def note(name, seconds):
        times.setdefault(name, []).append(seconds)

    for _ in range(rounds):
        note("eager", theirs(model, x))
        note("frozen", theirs(frozen, x))
        for p in precisions:
            for name in ("few", "many"):
                note(name + p, emembed(name + ".tar", "--precision", p))
            if built:
                note("alone" + p, alone(p))
    t = {name: min(v) for name, v in times.items()}
    report("PyTorch eager", t["eager"])
    report("PyTorch frozen TorchScript", t["frozen"])
    for p in precisions:
        ours = a_picture(times["few" + p], times["many" + p])
        report("emembed, " + p, ours, None, "eager takes %.2f times that, frozen %.2f; 8 from nothing: %.0f ms" %
               (t["eager"] / ours, t["frozen"] / ours, t["few" + p] * 1e3))
        if built:
            report("its convolutions alone, through oneDNN", t["alone" + p], None,
                   "%.0f GMAC/s; ours is %.2f times that" % (GMAC / t["alone" + p], ours / t["alone" + p]))
    if not half:
        print("  emembed, bf16: this processor has no instructions for it")


def emembed_knows_bf16():
    return subprocess.run(["emembed", "-q", "-e", "net.safetensors", "--precision", "bf16", "few.tar"], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
