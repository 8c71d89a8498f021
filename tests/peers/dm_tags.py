# SPDX-License-Identifier: GPL-3.0-or-later
"""Each tag that emcat shows of a DigitalMicrograph file, beside what HyperSpy has of it.

    dm_tags.py FILE...      a line a file: "ok NAME" or "bad NAME: the first tag that differs"

HyperSpy's tree of the whole file is compared with ours of each of its images.  It differs on purpose in: the second of
two tags of the same name, which overwrites the first (ours has both); text that ends in NULs (ours ends before); UTF-16
with a zero inside, which is an array of numbers (ours says so); arrays without elements; and the sign of bytes.
"""
import json
import os
import re
import struct
import subprocess
import sys

from hyperspy.io_plugins.digital_micrograph import DigitalMicrographReader


def first_difference(ours, theirs, way="", todo=None):
    """Where the trees differ, or None; counts the values in todo."""
    if isinstance(ours, dict) and set(ours) == {"array", "size"} and not isinstance(theirs, dict):
        return None if ours["size"] == len(theirs) else f"{way}: size {ours['size']}, {len(theirs)}"
    if isinstance(ours, dict) and "array" in ours:
        return None if ours["size"] == theirs["size"] else f"{way}: size {ours['size']}, {theirs['size']}"
    if isinstance(ours, dict):
        last = {}
        for name in ours:
            base, _, place = name.rpartition("#")
            last[base if place.isdigit() and base in ours else name] = ours[name]
        if set(last) != set(theirs):
            return f"{way}: {sorted(set(last) ^ set(theirs))}"
        for name in last:
            bad = first_difference(last[name], theirs[name], f"{way}.{name}", todo)
            if bad:
                return bad
        return None
    todo[0] += 1
    return None if same(ours, theirs) else f"{way}: {ours!r}, {theirs!r}"[:300]


def same(ours, theirs):
    if isinstance(theirs, str) and isinstance(ours, list):
        return ours == [ord(c) for c in theirs]
    if isinstance(theirs, str):
        units = theirs.rstrip("\0").encode("utf-16-le", "surrogatepass")
        return ours == units.decode("utf-16-le", "replace")
    if isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(same(a, b) for a, b in zip(ours, theirs))
    if ours is None:
        return theirs != theirs or theirs in (float("inf"), -float("inf"))
    if isinstance(theirs, float):
        return ours == theirs or struct.pack("<f", ours) == struct.pack("<f", theirs)
    return ours == theirs or (-128 <= theirs < 0 and ours == theirs + 256)


def read_theirs(path):
    with open(path, "rb") as f:
        reader = DigitalMicrographReader(f)
        reader.parse_file()
        return {name: value for name, value in reader.tags_dict.items() if name != "root"}


def images(tree):
    """The entries of ImageList that are no thumbnails."""
    shown = {t["ImageIndex"] for t in tree.get("Thumbnails", {}).values()}
    return [v for i, v in enumerate(tree["ImageList"].values()) if i not in shown]


def check(path, todo):
    """Where our tags differ from theirs, or None."""
    command = [os.path.join(os.environ["EM_BIN"], "emcat"), "-j", "--tags", "--frames", "0:1", path]
    lines = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    theirs = read_theirs(path)
    each = images(theirs)
    for line in lines:
        record = json.loads(line)
        where = re.search(r"/d(\d+)", record["key"])
        theirs["ImageList"] = {"TagGroup0": each[int(where.group(1)) if where else 0]}
        bad = first_difference(record["source"]["tags"], theirs, "", todo)
        if bad:
            return bad
    return None


def main():
    todo = [0]
    for path in sys.argv[1:]:
        bad = check(path, todo)
        print(f"bad {os.path.basename(path)}: {bad}" if bad else f"ok {os.path.basename(path)}")
    print(f"# {todo[0]} values", file=sys.stderr)


main()
