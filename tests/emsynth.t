#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emsynth: what it says of its pictures holds for their pixels; seeds, threads, proportions, faults.
. "${0%/*}/lib.sh"

have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }

cat >em.py <<'END'
"""samples(): (record, {name: array}) of the stream on standard input."""
import io, json, struct, sys, tarfile
import numpy as np

def tif(b):
    n, = struct.unpack_from("<H", b, 8)
    tags = {e[0]: e[3] for e in (struct.unpack_from("<HHII", b, 10 + 12 * i) for i in range(n))}
    kind = "uif"[(tags.get(339, 1) & 255) - 1] + str((tags[258] & 255) // 8)
    return np.frombuffer(b, "<" + kind, offset=tags[273]).reshape(tags[257], tags[256])

def samples(f=sys.stdin.buffer):
    arrays = {}
    with tarfile.open(fileobj=f, mode="r|") as t:
        for m in t:
            data, ext = t.extractfile(m).read(), m.name.split(".", 1)[1]
            if ext == "json":
                yield json.loads(data), arrays
                arrays = {}
            else:
                arrays[ext] = tif(data) if ext == "tif" else np.load(io.BytesIO(data))
END

# ---- the same bytes, and others ----
for what in 'chips --classes 30 --per-class 3' 'images -n 4 -s 96x64' \
	'movie -n 5 -s 96x80 --domain 1 --drift 3.5 --contamination 0.1'; do
	for n in 1 2 7; do
		# shellcheck disable=SC2086 # the command is words
		emsynth $what --seed 9 -t $n >t$n.tar
	done
	check_same "${what%% *}: the same on one thread and two" t1.tar t2.tar
	check_same "${what%% *}: and on seven" t1.tar t7.tar
	# shellcheck disable=SC2086
	emsynth $what --seed 10 | tar -xOf - --wildcards '*.tif' >other
	tar -xOf t1.tar --wildcards '*.tif' >one
	check "${what%% *}: another seed, other pictures" '! cmp -s one other'
done
emsynth chips --classes 5 --per-class 2 --no-provenance >few.tar
emsynth chips --classes 40 --per-class 2 --no-provenance | head -c "$(tar -tRf few.tar | tail -n 1 |
	sed 's/block \([0-9]*\):.*/\1/' | awk '{print $1 * 512}')" >head.tar
head -c "$(wc -c <head.tar)" few.tar >few-head.tar
check_same 'the first are the same, however many follow' few-head.tar head.tar

# ---- what comes out ----
emsynth chips --classes 12 --per-class 5 --group 3 --seed 2 >chips.tar
emcat -j chips.tar >chips.jsonl
check_is 'chips: 12 labels, 5 of each' '[12,5,5]' \
	"$(jq -sc 'group_by(.label) | map(length) | [length, min, max]' chips.jsonl)"
check_is 'chips: 64 pixels, grey levels, in nm' '[[[64,64],"uint8","nm","nm"]]' \
	"$(jq -sc 'map([.image.shape, .image.dtype, .axes[0].units, .axes[1].units]) | unique' chips.jsonl)"
check_is 'chips: three classes a group, one contrast in each' 'true' \
	"$(jq -s 'group_by(.synth.group) | map((map(.synth.class) | unique | length) == 3 and
		(map(.synth.contrast) | unique | length) == 1) | all' chips.jsonl)"
check_is 'a group of relatives: one thing more or less' 'true' \
	"$(emsynth chips -j --classes 40 --per-class 1 --group 2 --related 1 --seed 4 | jq -s '
		def class: .synth | del(.class, .instance, .direction_deg, .scale, .dose, .defocus_nm, .astigmatism_nm,
			.astigmatism_deg, .probe_px, .drift_px, .jitter_px, .slope, .contamination, .contamination_at,
			.charging, .black, .gain);
		[_nwise(2) | (.[0] | class | to_entries) - (.[1] | class | to_entries) | length <= 1] | all')"
check_is 'kinds: only those asked for' '["foam","grains"]' \
	"$(emsynth chips -j --classes 30 --per-class 1 --kind foam=2,grains | jq -sc 'map(.synth.family) | unique')"
check_is 'contrast: only those asked for' '["abf","bf"]' \
	"$(emsynth chips -j --classes 30 --per-class 1 --contrast bf,abf | jq -sc 'map(.synth.contrast) | unique')"
check_is 'dose: within its bounds' 'true' \
	"$(emsynth chips -j --classes 30 --per-class 2 --dose 7,9 |
		jq -s 'map(.synth.dose >= 7 and .synth.dose <= 9) | all')"
check_is 'defocus: as given' '[25]' \
	"$(emsynth chips -j --classes 9 --per-class 2 --defocus 25 | jq -sc 'map(.synth.defocus_nm) | unique')"
check_is 'artefacts 0: none' '[[0,0,0,0,0,0,0,0]]' \
	"$(emsynth chips -j --classes 30 --per-class 1 --artefacts 0 | jq -sc 'map(.synth | [.jitter_px, .charging,
		.contamination, .astigmatism_nm] + .drift_px + .slope) | unique')"
check_is 'images: every kind that is listed can be made' '' \
	"$(for kind in $(emsynth images --list | cut -d ' ' -f 1) $(emsynth chips --list | cut -d ' ' -f 1); do
		[ "$(emsynth images --kind "$kind" -s 100x90 -j | jq -c '[.synth.kind, .image.shape]')" = \
			"[\"$kind\",[90,100]]" ] || echo "$kind"
	done)"
check_is 'images: labels have names' 'true' "$(emsynth images -n 8 -s 128 | "$PYTHON" -c '
from em import *
print("true" if all(len(r["labels"]) > a["labels.npy"].max() and a["labels.npy"].shape == a["tif"].shape
                    for r, a in samples()) else "false")')"

# ---- what it says holds ----
check_is 'a flat field: mean and variance are the dose' 'True True' \
	"$(emsynth chips --classes 1 --per-class 60 --kind flat --contrast haadf --dose 30 --artefacts 0 --electrons \
		--seed 5 | "$PYTHON" -c '
from em import *
v = np.array([a["tif"] for r, a in samples()], float)
m = v.mean()
assert v.dtype == float and v.max() > 0
print(abs(v.var() / m - 1) < 5 * (2 / v.size) ** .5, 30 * 0.3 < m < 30 * 1.6)')"

# Lattices with right angles, straight, without faults or disorder, of atoms that lie in planes along b: the period in
# the spectrum, from a_nm and the axes.
emsynth chips -s 160 --classes 300 --per-class 1 --group 1 --kind lattice --contrast haadf,abf --artefacts 0 --seed 3 \
	--dose 3000 >lattices.tar
cat >spacing.py <<'END'
from em import *
worst, n = 0, 0
for r, a in samples():
    s = r["synth"]
    if s["lattice"] not in ("square", "rectangular") or s["motif"] not in ("single", "dumbbell") or \
            s["fault"] != "none" or any(s[k] for k in ("strain", "shear", "disorder", "overlay")):
        continue
    v = a["tif"].astype(float)
    h, w = v.shape
    window = np.outer(np.hanning(h + 2)[1:-1], np.hanning(w + 2)[1:-1])
    v = (v - (v * window).sum() / window.sum()) * window
    y, x = np.mgrid[:h, :w]
    want = r["axes"][0]["scale"] / s["a_nm"]            # cycles a pixel
    at = np.radians(s["direction_deg"])
    def power(k, t):
        return abs((v * np.exp(-2j * np.pi * k * (np.cos(t) * x + np.sin(t) * y))).sum())
    k = max(np.linspace(0.97, 1.03, 61) * want, key=lambda k: power(k, at))
    t = max(np.radians(np.linspace(-2, 2, 41)) + at, key=lambda t: power(k, t))
    worst = max(worst, abs(k / want - 1), abs(t - at) / 2)
    n += 1
print(n >= 5, worst <= 0.005)
END
check_is 'lattices: spacing within 0.5 %, direction within 0.6 degrees' 'True True' \
	"$("$PYTHON" spacing.py <lattices.tar)"

# Labels against grey levels: solid matter is brighter than its thin support nearly everywhere inside its outline.
check_is 'images: particles are where the labels say' 'True' \
	"$(emsynth images --kind particles --contrast haadf -n 6 -s 256 --artefacts 0 --dose 3000 | "$PYTHON" -c '
from em import *
ok = []
for r, a in samples():
    v, inside = a["tif"].astype(float), a["labels.npy"] == 1
    edge = np.zeros_like(inside)
    for d in range(-3, 4):
        for axis in (0, 1):
            edge |= np.roll(inside, d, axis) != inside
    ok.append(np.percentile(v[inside & ~edge], 10) > np.percentile(v[~inside & ~edge], 90))
print(all(ok))')"

# ---- movies ----
emsynth movie -n 5 -s 200x160 --domain 1 --vacuum 0.4 --drift 6 --gradient 0.3 --change-dose -0.1 --seed 4 \
	--misfit 0.02 --rotation 3 >movie.tar
emcat -j movie.tar >movie.jsonl
check_is 'movie: times, fluences and the plateau' \
	'[[0,0,0],[600,156,0.15],[1200,312,0.162],[1800,468,0.281],[2400,624,0.4]]' \
	"$(jq -sc 'map(.truth | [.time_s, .fluence / 1e12, ((1 - .fraction) * 1000 | round / 1000)])' movie.jsonl)"
check_is 'movie: the drift ends where it should' '[0,6]' \
	"$(jq -sc 'map(.truth.drift_px | map(. * .) | add | sqrt | . * 1e6 | round / 1e6) | [.[0], .[-1]]' movie.jsonl)"
check_is 'movie: electrons, labels with names, in nm' '[[[160,200],"uint16","nm",4]]' \
	"$(jq -sc 'map([.image.shape, .image.dtype, .axes[0].units, (.labels | length)]) | unique' movie.jsonl)"
check_is 'movie: the fraction seen is that of the labels; the truth, that of the first box' 'True True' \
	"$("$PYTHON" -c '
from em import *
seen, first = [], []
for r, a in samples():
    t, v = r["truth"], a["labels.npy"]
    dy, dx = t["drift_px"]
    seen.append(abs((v == 2).sum() / (v >= 2).sum() - t["fraction_seen"]) < 1e-8)
    # in later frames: borders lie between pixels, and a part of a pixel of them is lost or won
    y, x, h, w = t["film"]
    y, x = y + round(dy), x + round(dx)
    box = v[y:y + h, x:x + w]
    first.append(box.shape == (h, w) and abs((box == 2).mean() - t["fraction"]) < (0.01 if t["time_s"] else 1e-8))
print(all(seen), all(first))' <movie.tar)"
check_is 'movie: Bragg phases of the substrate go with the drift, to 1/500 of a turn at 5000 electrons' 'True True' \
	"$(emsynth movie -n 6 -s 256 --domain 1 --drift 11 --film 3 --dose 5000 --seed 8 | "$PYTHON" -c '
from em import *
worst, moved, zero = 0, 0, None
for r, a in samples():
    y0, x0, h, w = r["truth"]["substrate"]
    v = a["tif"].astype(float)[y0 + 12:y0 + h - 12]
    v = (v - v.mean()) * np.outer(np.hanning(v.shape[0] + 2)[1:-1], np.hanning(v.shape[1] + 2)[1:-1])
    y, x = np.mgrid[:v.shape[0], :v.shape[1]]
    d = np.array(r["truth"]["drift_px"])
    g = np.array([(1, 1), (1, -1), (2, 0), (0, 2)]) * r["axes"][0]["scale"] / r["synth"]["substrate_a_nm"]
    f = np.array([(v * np.exp(-2j * np.pi * (k[0] * y + k[1] * x))).sum() for k in g])
    zero = f if zero is None else zero
    got = np.angle(f / zero) / (2 * np.pi) + g @ d
    worst, moved = max(worst, abs(got - np.round(got)).max()), max(moved, abs(d).max())
print(worst < 0.002, moved > 5)')"
emsynth movie --frames-at 0,20,40 -s 64 --domain 0.5 --drift 3 | tar -xOf - --wildcards '*.tif' >at.bin
emsynth movie -n 3 -s 64 --domain 0.5 --drift 3 | tar -xOf - --wildcards '*.tif' >all.bin
check_same 'movie: --frames-at takes frames of the same movie' at.bin all.bin
check_is 'movie: --history' '[0.9,0.5,0]' \
	"$(emsynth movie -j -n 3 -s 100 --domain 0.5 --minutes 10 --history 0:0.1,5:0.5,6:1 |
		jq -sc 'map(.truth.fraction)')"
check_is 'movie: linear within its minutes; relative to the first' '[1,0.8,0.6]' \
	"$(emsynth movie -j -n 3 -s 100 --domain 0.5 --minutes 10 --history linear | jq -sc 'map(.truth.relative)')"
check_is 'movie: relative to nothing is nothing' 'null' \
	"$(emsynth movie -j -n 1 -s 100 --domain 0.5 --history 0:1 | jq -c .truth.relative)"

# ---- endless, and faults ----
check_is 'endless chips: as many as are taken' 300 "$(emsynth chips -j --classes 0 | head -n 300 | wc -l | tr -d ' ')"
check_is 'endless images' 3 "$(emsynth images -j -s 32 -n 0 | head -n 3 | wc -l | tr -d ' ')"
sh -c "trap '' PIPE; emsynth chips --classes 0 2>err; echo \$? >status" | head -c 1 >/dev/null
check_is 'EPIPE: dies by it, in silence' '141 0' "$(cat status) $(wc -c <err | tr -d ' ')"
check_fails 'full disk' 1 'No space left' 'emsynth chips >/dev/full'
check_fails 'nothing asked for' 2 'chips or images' 'emsynth'
check_fails 'files' 2 'reads no files' 'emsynth chips a.tif'
check_fails 'another word' 2 'chips or images' 'emsynth pictures'
check_fails 'an unknown kind' 2 'gold.*--list' 'emsynth chips --kind gold'
check_fails 'a scene among chips' 2 'tissue.*--list' 'emsynth chips --kind tissue'
check_fails 'a weight that is none' 2 'NAME=WEIGHT' 'emsynth chips --kind foam=x'
check_fails 'a kind that the contrast does not show' 2 'none of the kinds' 'emsynth chips --kind rough --contrast haadf'
check_fails 'no weight at all' 2 'none of the kinds' 'emsynth chips --kind foam=0'
check_fails 'an unknown contrast' 2 'haadf,abf,bf,sem' 'emsynth chips --contrast haadf,adf'
check_fails 'a dose of nothing' 2 'dose 0' 'emsynth chips --dose 0'
check_fails 'bounds the wrong way round' 2 'LO <= HI' 'emsynth chips --dose 9,7'
check_fails 'a size in nm' 2 'expected pixels' 'emsynth chips -s 5nm'
check_fails 'a movie without end' 2 'has.*an end' 'emsynth movie -n 0'
check_fails 'a movie of kinds' 2 'no --kind' 'emsynth movie --kind foam'
check_fails 'frames counted and told' 2 '-n or --frames-at' 'emsynth movie -n 3 --frames-at 0'
check_fails 'a frame after the end' 2 '41 minutes' 'emsynth movie --frames-at 0,41'
check_fails 'times that are none' 2 'minutes with commas' 'emsynth movie --frames-at 0,,3'
check_fails 'times with more behind' 2 'minutes with commas' 'emsynth movie --frames-at 3x'
check_fails 'a movie of a surface' 2 'haadf or in bf' 'emsynth movie --contrast sem'
check_fails 'two doses of one movie' 2 'one --dose' 'emsynth movie --dose 5,10'
check_fails 'too many electrons' 2 'dose.*20000' 'emsynth movie --dose 1e6'
check_fails 'disorder that heals' 2 'do not fall' 'emsynth movie --history 0:0.5,10:0.2'
check_fails 'a fraction above 1' 2 'do not fall' 'emsynth movie --history 0:0,10:1.2'
check_fails 'a film thicker than the picture' 2 'leaves nothing' 'emsynth movie --film 30'
check_fails 'a drift out of the picture' 2 'less drift' 'emsynth movie --drift 900'
check_fails 'a lattice that is not resolved' 2 'do not resolve' 'emsynth movie --pixel 0.2'
check_fails 'a domain below the pixels' 2 'domain' 'emsynth movie --domain 0.01'
check_fails 'a gradient above 1' 2 'gradient' 'emsynth movie --gradient 2'
check_fails 'a list of movies' 2 'chips or images' 'emsynth movie --list'
check_fails 'a share above 1' 2 'related' 'emsynth chips --related 2'
check_exit 'one pixel' 0 'emsynth chips -s 1 --classes 30 --per-class 1 >/dev/null'
check_exit 'a line of pixels' 0 'emsynth images -s 300x1 -n 12 >/dev/null'
check_is '--list tells what --kind takes' "$(emsynth chips --list | wc -l)" \
	"$(emsynth chips --list -v | grep -c '^[a-z]')"
finish
