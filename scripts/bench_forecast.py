# SPDX-License-Identifier: GPL-3.0-or-later
"""A forecast of lowrank by the spectrum, with descriptors and without, in processor time of one thread; called by
bench.py.

The stream is in memory's cache.  What a process costs by itself is taken off: that of a tenth of the spectra.
"""
import os
import resource
import statistics
import subprocess

SERIES, SPECTRA = 8, 140


def seconds(argv):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def make(name, series, seed):
    subprocess.run(["emsynth", "reduction", "--series", str(series), "-n", str(SPECTRA), "--seed", str(seed), "-o",
                    name], check=True)


def run(report, rounds=5):
    print("\na forecast a spectrum of 1900 channels, one thread's processor time")
    make("past.tar", SERIES, 1)
    make("now.tar", 10, 2)
    make("less.tar", 1, 2)
    subprocess.run(["eelsforecast", "train", "-q", "-o", "m.safetensors", "past.tar"], check=True)
    kinds = {"lowrank, no descriptors": ["--edges", "none"], "lowrank, descriptors": [],
             "lowrank, descriptors and splitting": ["--crystal-field"]}
    times = {k: [] for k in kinds}
    for _ in range(rounds):
        for name, more in kinds.items():
            argv = ["eelsforecast", "predict", "-q", "-t", "1", "-m", "m.safetensors", "-j", *more]
            times[name].append((seconds(argv + ["now.tar"]) - seconds(argv + ["less.tar"])) / (9 * SPECTRA))
    for name, each in times.items():
        report(name, statistics.median(each))
    for name in ("past.tar", "now.tar", "less.tar", "m.safetensors"):
        os.remove(name)
