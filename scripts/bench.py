# SPDX-License-Identifier: GPL-3.0-or-later
"""Time and peak memory of each tool and of the whole pipeline; called by scripts/bench.

The picture is the published STO/Ge micrograph where it lies in $EM_DATA (../shared/data), else a generated one.  Each
figure is the best of several runs, each a fresh process; files come from the page cache, results go to /dev/null or a
temporary folder.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

import bench_crystallinity
import bench_eels
import bench_eelstm
import bench_encoders
import bench_forecast
import bench_formats
import bench_scope
import bench_small

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.environ.get("EM_BIN", os.path.join(TOP, "bin"))
REAL = os.path.join(os.environ.get("EM_DATA", os.path.join(TOP, "..", "shared", "data")), "14_pychip_STO_Ge_chips")
os.environ["PATH"] = BIN + os.pathsep + os.environ["PATH"]


def once(argv, source=None, sink=os.devnull):
    """Seconds that one process took."""
    with open(source or os.devnull, "rb") as i, open(sink, "wb") as o:
        start = time.perf_counter()
        status = subprocess.call(argv, stdin=i, stdout=o)
        seconds = time.perf_counter() - start
    if status:
        sys.exit("bench: failed: " + " ".join(argv))
    return seconds


def peak(argv):
    """Peak MiB of one process, by GNU time: a child of ours would inherit our own peak."""
    r = subprocess.run(["/usr/bin/time", "-f", "%M", *argv], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                       text=True, check=True)
    return int(r.stderr.split()[-1]) / 1024


def best(argv, runs=5, **files):
    return min(once(argv, **files) for _ in range(runs))


def row(name, seconds, size=None, note=""):
    rate = "%8.0f MB/s" % (size / seconds / 1e6) if size else " " * 13
    print("  %-46s %9.1f ms %s  %s" % (name, seconds * 1e3, rate, note), flush=True)


def real_picture():
    """(image, support JSON, chip, CLAHE clip): the published supports are named by row and column from 1."""
    classes = []
    for name in sorted(os.listdir(os.path.join(REAL, "support_set"))):
        chips = [[int(n) - 1 for n in re.findall(r"\d+", f)]
                 for f in sorted(os.listdir(os.path.join(REAL, "support_set", name)))]
        classes.append({"name": name, "chips": chips})
    return (os.path.join(REAL, "manuscript_images", "fig2_A", "STO-Ge-HAADF.jpg"),
            {"chip": {"size": 95}, "classes": classes}, 95, "2.0")


def generated_picture():
    once([sys.executable, os.path.join(TOP, "scripts", "mktestdata"), "--size", "3072", "--chip", "96", "--out", "."])
    with open("support.json") as f:
        return os.path.abspath("demo.tif"), json.load(f), 96, "2.0"


def pipeline():
    image, support, chip, clip = real_picture() if os.path.isdir(REAL) else generated_picture()
    with open("s.json", "w") as f:
        json.dump(support, f)
    chipped = ["emchip", "-s", str(chip), "--clahe", clip]
    once(chipped + ["-o", "chips.tar", image])
    once(["emembed", "-o", "embedded.tar", "chips.tar"])
    once(["emclassify", "-S", "s.json", "-o", "classes.tar", "embedded.tar"])
    count = len(subprocess.check_output(["emcat", "-j", "classes.tar"]).splitlines())
    size = os.path.getsize
    print("\n%s, %d chips of %d px; MB/s of each input" % (os.path.basename(image), count, chip))
    row("emcat", best(["emcat", image]), size(image))
    row("emchip --clahe", best(chipped + [image]), size(image), "from the file to chips")
    row("emembed", best(["emembed", "chips.tar"]), size("chips.tar"))
    row("emclassify", best(["emclassify", "-S", "s.json", "embedded.tar"]), size("embedded.tar"))
    row("emplot classmap", best(["emplot", "classmap", "-i", image, "-o", "map.png", "classes.tar"]),
        size("classes.tar"))
    whole = ["sh", "-ec", "emchip -s %d --clahe %s '%s' | emembed | emclassify -S s.json --stats stats.json |"
             " emplot classmap -i '%s' -o map.png" % (chip, clip, image, image)]
    ours = best(whole)
    row("all four in a pipe: file to map and statistics", ours, size(image))
    peer = [sys.executable, os.path.join(TOP, "scripts", "bench-peer.py"), image, "s.json", "peer.png", "peer.json"]
    theirs = best(peer, runs=2)
    with open("peer.json") as f:
        told = json.load(f)
    row("numpy and scikit-image, the same work", theirs, size(image),
        "%.1f times ours" % (theirs / ours))
    print("    of which " + ", ".join("%s %.0f" % (k, 1e3 * v) for k, v in told["seconds"].items()) + " ms")
    labels = [json.loads(line)["class"]["label"] for line in
              subprocess.check_output(["emcat", "-j", "classes.tar"]).splitlines()]
    same = sum(a == b for a, b in zip(labels, told["labels"]))
    print("    both give the same class to %d of %d chips" % (same, len(labels)))


def throughput():
    rng = np.random.RandomState(1)
    np.save("f4.npy", rng.standard_normal((8192, 8192)).astype("f4"))
    np.save("u1.npy", rng.randint(0, 256, (8192, 8192), "u1"))
    print("\nemchip on one core (-t 1), an array of 8192 x 8192")
    for name, argv, chips in (("256 x 256 float32", ["emchip", "-t", "1", "-s", "256", "f4.npy"], 1024),
                              ("256 x 256 float32, half overlapping",
                               ["emchip", "-t", "1", "-s", "256", "--stride", "128", "f4.npy"], 3969),
                              ("64 x 64 uint8", ["emchip", "-t", "1", "-s", "64", "u1.npy"], 16384)):
        once(argv, sink="out.tar")
        out = os.path.getsize("out.tar")
        os.remove("out.tar")
        seconds = best(argv)
        row(name, seconds, out, "of output; %.0f chips/s" % (chips / seconds))
        piped = best(["sh", "-c", " ".join(argv) + " | cat >/dev/null"])
        row(name + ", through a pipe", piped, out, "of output; %.0f chips/s" % (chips / piped))


def memory():
    demo = os.path.join(TOP, "testdata", "demo.tif")
    print("\npeak memory in MiB at 1,024 and at 259,081 samples")
    for name, stride in (("few", "16"), ("many", "1")):
        once(["emchip", "-s", "4", "--stride", stride, demo], sink=name + ".tar")
        once(["emembed", "-e", "pixels", "-o", name + "-e.tar", name + ".tar"])
    with open("m.json", "w") as f:
        json.dump({"classes": [{"name": "a", "chips": [[0, 0], [0, 1]]}, {"name": "b", "chips": [[30, 3], [31, 5]]}]},
                  f)
    once(["emclassify", "-q", "-S", "m.json", "--save", "p.json", "few-e.tar"])
    for name, few, many in (
            ("emcat", ["emcat", "few.tar"], ["emcat", "many.tar"]),
            ("emchip", ["emchip", "-s", "4", "--stride", "16", demo], ["emchip", "-s", "4", "--stride", "1", demo]),
            ("emembed", ["emembed", "few.tar"], ["emembed", "many.tar"]),
            ("emclassify", ["emclassify", "-q", "-S", "p.json", "few-e.tar"],
             ["emclassify", "-q", "-S", "p.json", "many-e.tar"])):
        print("  %-46s %9.1f %9.1f      259,081 in %.2f s" % (name, peak(few), peak(many), once(many)), flush=True)


def main():
    for tool in ("emcat", "emchip", "emembed", "emclassify", "emplot"):
        if not os.access(os.path.join(BIN, tool), os.X_OK):
            sys.exit("bench: %s is not built: run make bench, or make first" % tool)
    print(subprocess.check_output(["emcat", "--version"], text=True).split("\n")[0], "on %d processors" %
          len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory(prefix="em-bench.") as folder:
        os.chdir(folder)
        pipeline()
        throughput()
        memory()
        bench_formats.run(row)
        bench_crystallinity.run(row)
        bench_eels.run(row)
        bench_eelstm.run(row)
        bench_forecast.run(row)
        bench_scope.run(row)
        bench_small.run(row)
        bench_encoders.run(row)
        os.chdir(TOP)


if __name__ == "__main__":
    main()
