# SPDX-License-Identifier: GPL-3.0-or-later
"""Our cross sections (./sigma, of sigma.c) beside HyperSpy's hydrogenic ones.  Each line of standard input is an edge,
a beam (kV), a collection (mrad) and a bound; to it come the greatest relative difference over the energies that HyperSpy
tabulates, and how many these are.

Left out are 20 eV from the onset of L edges with white lines, where ours follow Egerton's program and HyperSpy's, meant
for fits of the continuum, do not; and 6 eV about L1, whose place differs."""
import subprocess
import sys

import numpy as np
from hyperspy.misc.eels.hydrogenic_gos import HydrogenicGOS


def compare(name, kv, collection):
    gos = HydrogenicGOS(name)
    table = gos.integrateq(gos.onset_energy, float(collection) * 1e-3, float(kv))
    ev, theirs = table.x, table.y
    keep = (ev > gos.onset_energy + 0.5) & (ev < gos.onset_energy + 400)
    shell = name.split("_")[1][0]
    if shell == "L":
        keep &= (abs(ev - gos.onset_energy_L1) > 6) & (ev > gos.onset_energy + (20 if 18 <= gos.Z <= 28 else 0))
    ours = subprocess.run(
        ["./sigma", str(gos.Z), shell, str(gos.onset_energy), kv, "0", collection], check=True, text=True,
        capture_output=True, input="\n".join(f"{e:.17g}" for e in ev[keep])).stdout.split()
    return np.max(np.abs(np.array(ours, float) / theirs[keep] - 1)), keep.sum()


for line in sys.stdin:
    print(*line.split(), "%.6f %d" % compare(*line.split()[:3]))
