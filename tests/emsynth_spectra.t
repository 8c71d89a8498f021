#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emsynth eels and reduction: what they say of their spectra holds for the counts; seeds, threads, faults.
. "${0%/*}/lib.sh"

have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }

cat >em.py <<'END'
"""samples(): (record, {name: array}) of the stream on standard input; energies(record)."""
import io, json, sys, tarfile
import numpy as np

def samples(f=sys.stdin.buffer):
    arrays = {}
    with tarfile.open(fileobj=f, mode="r|") as t:
        for m in t:
            data, ext = t.extractfile(m).read(), m.name.split(".", 1)[1]
            if ext == "json":
                yield json.loads(data), arrays
                arrays = {}
            else:
                arrays[ext[:-4]] = np.load(io.BytesIO(data))

def energies(r):
    a = r["axes"][-1]
    return a["offset"] + a["scale"] * np.arange(a["size"])
END

# ---- the same bytes, and others ----
for what in 'eels -n 2 -s 7x5 --low --drift 0.4' 'reduction --series 3 -n 9'; do
	for n in 1 2 7; do
		# shellcheck disable=SC2086 # the command is words
		emsynth $what --seed 9 -t $n >t$n.tar
	done
	check_same "${what%% *}: the same on one thread and two" t1.tar t2.tar
	check_same "${what%% *}: and on seven" t1.tar t7.tar
	# shellcheck disable=SC2086
	emsynth $what --seed 10 | tar -xOf - --wildcards '*m.npy' '*data.npy' 2>/dev/null >other
	tar -xOf t1.tar --wildcards '*m.npy' '*data.npy' 2>/dev/null >one
	check "${what%% *}: another seed, other counts" 'test -s one && ! cmp -s one other'
done
emsynth reduction --series 2 --no-provenance >two.tar
emsynth reduction --series 5 --no-provenance | head -c "$(($(wc -c <two.tar) - 10240))" >five.tar
head -c "$(wc -c <five.tar)" two.tar >head.tar
check_same 'the first series are the same, however many follow' head.tar five.tar

# ---- what comes out ----
check_is 'an image: keys, axes, energies' \
	'["s1/eels-000000",[["y",3,0.5,"nm"],["x",5,0.5,"nm"],["energy",1000,0.3,"eV"]]]' \
	"$(emsynth eels -s 5x3 --pixel 0.5 --energy 420:0.3:1000 | emcat -j |
		jq -c '[.key, (.axes | map([.name, .size, .scale, .units]))]')"
check_is 'a line, and its low loss' '[["s1/eels-000000/core",2,400],["s1/eels-000000/low",2,-20]]' \
	"$(emsynth eels -s 9x1 --low | emcat -j | jq -sc 'map([.key, (.axes | length), .axes[-1].offset])')"
check_is 'one spectrum' 's1/eels-000000.spectrum.npy' "$(emsynth eels -s 1 | tar -t | head -n 1)"
check_is 'a reduction: as published' '[[435,0.1,1900],0.4,"s",true]' \
	"$(emsynth reduction | emcat -j | jq -sc '[(.[0].axes[0] | [.offset, .scale, .size]),
		.[0].stack[0].scale, .[0].stack[0].units, (length >= 120 and length <= 160)]')"
check_is 'a reduction: the law asked for' '["avrami"]' \
	"$(emsynth reduction -j --series 3 -n 2 --law avrami | jq -sc 'map(.synth.law) | unique')"
check_is '--drop truth' 2 "$(emsynth reduction -n 2 --drop truth | tar -t | grep -c 'npy$')"

# ---- what they say holds ----
emsynth eels -s 12x10 --pair LaTiO3/LaMnO3 --pixel 0.25 --width 0.5 --thickness 0.6 --exponent 2.8 --dose 4e8 \
	--seed 4 >image.tar
check_is 'an image: Poisson counts about the truth, an even fit of the profile, the power law before the edges' \
	'True True True True' "$("$PYTHON" -c '
from em import *
(r, a), = samples()
e, t, c = energies(r), r["truth"], a["data"]
chi = (c - a["truth"]) ** 2 / a["truth"]
print(abs(chi.mean() - 1) < 5 * (2 / c.size) ** .5, (c == np.round(c)).all(), end=" ")
from math import erf
x = np.arange(12) * 0.25
share = [0.5 * (1 + erf((v - t["position_nm"]) / 2 ** .5 / t["width_nm"])) for v in x]
ti = a["truth-ti-l23"]
print(abs(ti / ti[:, :1] * (1 - share[0]) - (1 - np.array(share))).max() < 1e-3, end=" ")
before = e < 440
r = np.polyfit(np.log(e[before]), np.log(a["truth"][0, 0, before]), 1)[0]
print(abs(r + 2.8) < 0.01)' <image.tar)"
check_is 'an image: net counts are those above the background that the law tells' 'True True' \
	"$("$PYTHON" -c '
from em import *
(r, a), = samples()
e, t = energies(r), r["truth"]
def above(name, fit):
    """The truth above a power law through it before the edge; La has nothing before it but Mn, which is a power law
    of another exponent: there at the other side."""
    y = a["truth"].astype(float)
    m = (e > fit[0]) & (e < fit[1])
    p = [np.polyfit(np.log(e[m]), np.log(s[m]), 1) for s in y.reshape(-1, len(e))]
    w = (e > t["windows"][name][0]) & (e < t["windows"][name][1])
    rest = np.array([np.exp(np.polyval(q, np.log(e[w]))).sum() for q in p]).reshape(y.shape[:2])
    return y[..., w].sum(-1) - rest
ti = above("Ti-L23", (402, 448))
want = a["truth-ti-l23"]
# tails of the white lines reach before the edge
print(abs(ti - want).max() < 0.005 * want.max(), end=" ")
print(sorted(t["windows"]) == ["La-M45", "Mn-L23", "O-K", "Ti-L23"])' <image.tar)"
check_is 'low loss: ln(I_t / I_0) is t/lambda' 'True' \
	"$(emsynth eels -s 3x1 --low --thickness 0.8 --resolution 0.4 --dose 1e12 --energy 400:0.2:2500 | "$PYTHON" -c '
from em import *
r, a = list(samples())[1]
e, y = energies(r), a["truth"].astype(float)
print(abs(np.log(y.sum(-1) / y[:, e < 1.5].sum(-1)) - 0.8).max() < 0.005)')"
check_is 'a reduction: gain, drift and intensity as told' 'True True True' \
	"$(emsynth reduction -n 150 --drift 0.45 --gain-noise 0.02 --spread 0 --readout 0 --dose 1e13 --thinning 0 \
		--conversion 0 --change-dose 0.2 --walk 0 --seed 6 | "$PYTHON" -c '
from em import *
s = list(samples())
e = energies(s[0][0])
ratio = np.array([a["spectrum"] / a["truth"] for r, a in s]).astype(float)
gain = ratio.mean(0)
print(abs(ratio - gain).max() < 2e-3 and abs(gain.std() - 0.02) < 0.002, end=" ")
# where the first frame lies in the last: least squares, without its detector
from numpy import interp
first, last = s[0][1]["truth"].astype(float), s[-1][1]["truth"].astype(float)
k = slice(100, 400)
d = np.arange(0.3, 0.6, 0.005)
off = [((last - 1.2 * interp(e - v, e, first))[k] ** 2).sum() for v in d]
print(abs(d[int(np.argmin(off))] - s[-1][0]["truth"]["shift_ev"]) < 0.006, end=" ")
print(abs(s[-1][0]["truth"]["intensity"] - 1.2) < 1e-6)')"
check_is 'a reduction: peaks that split lose it, and the prepeak wanes' 'True True True' \
	"$(emsynth reduction -n 40 --conversion 0.95 --law first-order --drift 0 --walk 0 --resolution 0.5 |
		"$PYTHON" -c '
from em import *
s = list(samples())
e = energies(s[0][0])
def depth(y):
    at = lambda v: y[np.argmin(abs(e - v))]
    return (at(458.3) + at(460.6)) / 2 / at(459.4)
print(depth(s[0][1]["truth"]) > 1.15 and depth(s[-1][1]["truth"]) < 1.05, end=" ")
pre = [(lambda y: y[(e > 530.5) & (e < 532.3)].mean() / y[(e > 536.5) & (e < 538.5)].mean())(a["truth"]) for r, a in s]
print(pre[-1] < 0.97 * pre[0], end=" ")
ti3 = [r["truth"]["ti3"] for r, a in s]
print(ti3[0] == 0 and abs(ti3[-1] - 0.95) < 1e-6 and min(np.diff(ti3)) > 0)')"

# ---- faults ----
check_fails 'unknown compounds' 2 'SrTiO3, LaFeO3' 'emsynth eels --pair Gold/SrTiO3'
check_fails 'one compound' 2 'expected A/B' 'emsynth eels --pair SrTiO3'
check_fails 'no channels' 2 'channels' 'emsynth eels --energy 400:0.25:0'
check_fails 'too many channels' 2 'channels' 'emsynth eels --energy 400:0.25:1e12'
check_fails 'a scale that is none' 2 'eV a channel' 'emsynth eels --energy 400:0:100'
check_fails 'an energy that is none' 2 'OFFSET:SCALE:CHANNELS' 'emsynth reduction --energy nan:1:100'
check_fails 'core losses at the zero-loss peak' 2 'core loss' 'emsynth eels --energy 0:1:100'
check_fails 'an enormous image' 2 '2 GiB' 'emsynth eels -s 60000'
check_fails 'a foil too thick' 2 'thickness 9' 'emsynth eels --thickness 9'
check_fails 'no foil' 2 'thickness 0' 'emsynth reduction --thickness 0'
check_fails 'NaN' 2 'width' 'emsynth eels --width nan'
check_fails 'a dose of nothing' 2 'dose' 'emsynth eels --dose 0'
check_fails 'two doses' 2 'one --dose' 'emsynth eels --dose 5,10'
check_fails 'a gain of another kind' 2 'gain-noise' 'emsynth reduction --gain-noise 2'
check_fails 'a reading below nothing' 2 'readout' 'emsynth reduction --readout -1'
check_fails 'a reduction without end' 2 'has an end' 'emsynth reduction -n 0'
check_fails 'one frame' 2 'of 2 to' 'emsynth reduction -n 1'
check_fails 'more series than can be' 2 'series' 'emsynth reduction --series 99999999'
check_fails 'an unknown law' 2 'law' 'emsynth reduction --law murphy'
check_fails 'kinds of spectra' 2 'no --kind' 'emsynth eels --kind foam'
check_fails 'a list of spectra' 2 'chips or images' 'emsynth eels --list'
check_fails 'all of the foil lost' 2 'thinning' 'emsynth reduction --thinning 1'
check_is 'endless images' 3 "$(emsynth eels -j -s 1 -n 0 | head -n 3 | wc -l | tr -d ' ')"
finish
