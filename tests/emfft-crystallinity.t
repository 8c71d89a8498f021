#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emfft-crystallinity: against movies whose truth is known; regions, control, profile, maps; one frame after the other;
# bad frames, no spots, and what it refuses.
. "${0%/*}/lib.sh"

for tool in emfft-crystallinity emsynth emcat jq; do
	have $tool || { skip "all" "no $tool"; finish; }
done
have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }

# ---- the truth: a whole point at 1000 electrons a pixel, three at 50 ----
"$PYTHON" "$TOP/scripts/crystallinity-truth" --runs 5 --json > truth.jsonl
check "1000 e/px: within a point of the truth" 'sed -n 1p truth.jsonl | jq -e ".dose == 1000 and .worst <= 1"'
check "50 e/px: within three points" 'sed -n 2p truth.jsonl | jq -e ".dose == 50 and .worst <= 3"'
check "no bias beyond a third of a point" 'jq -se "all(.bias | fabs < 0.33)" truth.jsonl'
# 50 intervals that share five movies
check "the 90 % intervals hold the truth in 75 to 100 %" 'jq -se "all(.cover >= 0.75 and .cover <= 1)" truth.jsonl'
check "nor are they wider than they must" 'jq -se "all(.uncertainty < 2 * .rms)" truth.jsonl'
check "the drift to a twentieth of a pixel" 'jq -se "all(.drift_px < 0.05)" truth.jsonl'
"$PYTHON" "$TOP/scripts/crystallinity-truth" --runs 2 --dose 300 --json \
	--movie "--drift 10 --change-contrast -0.2 --contamination 0.05" \
	--measure "-n 1 --control lattice1/substrate -r substrate=60,340,380,90" > control.jsonl
check "a control takes off what happens to the whole picture" 'jq -e ".worst <= 1.5" control.jsonl'

# ---- one movie ----
emsynth movie -q -n 9 -s 256 --film 6 --drift 6 --seed 5 --dose 500 -o movie.tar
measure() { emfft-crystallinity -q "$@"; }
measure -r film=16,16,220,120 -r substrate=16,165,220,60 --across 128,8,128,248 --dose-rate 2.6e11 --map -o out.tar \
	movie.tar
tar -xOf movie.tar --wildcards '*.json' > in.jsonl
tar -xOf out.tar --wildcards '*.json' > out.jsonl
check_is "the record gains bragg and crystal" '["bragg","crystal"]' \
	"$(jq -cn --slurpfile i in.jsonl --slurpfile o out.jsonl '($o[0] | keys) - ($i[0] | keys)')"
check_is "one lattice, of 0.39 nm" '["lattice1",true,true,true]' "$(head -n 1 out.jsonl | jq -c '.bragg.phases |
	[.[].name] + (.[0].lattice | [(.a_nm - 0.39 | fabs < 0.0008), (.b_nm - 0.39 | fabs < 0.0008),
	(.gamma_deg - 90 | fabs < 0.2)])')"
check_is "spots are where h a* + k b* is" "0" "$(head -n 1 out.jsonl | jq '
	[.bragg.phases[] | .lattice as $l | .spots[] |
	select((.y - .h * $l.a_star[0] - .k * $l.b_star[0] | fabs > 0.002) or
	       (.x - .h * $l.a_star[1] - .k * $l.b_star[1] | fabs > 0.002))] | length')"
check_is "time is the records', dose the rate times it" "true" "$(jq -s 'all(.crystal.time_s == .truth.time_s and
	(.crystal.dose - 2.6e11 * .truth.time_s | fabs) <= 1e6)' out.jsonl)"
check_is "the reference is the first four: their mean is 1" "true" \
	"$(jq -s '[.[:4][].crystal.phases.lattice1.relative] | (add / 4 - 1 | fabs) < 1e-6' out.jsonl)"
check_is "the film loses its order, the substrate does not" "true" "$(jq -s '.[-1].crystal.phases.lattice1.regions |
	.film.fraction < 0.75 and (.substrate.fraction - 1 | fabs) < 0.02' out.jsonl)"
check_is "the substrate is not strained: five uncertainties, and 1e-4" "true" "$(jq -s 'map(
	.crystal.phases.lattice1.regions.substrate | select(.strain_yy)) | length == 9 and
	all((.strain_yy | fabs) < 5 * .strain_yy_u + 1e-6 and (.strain_xx | fabs) < 5 * .strain_xx_u + 1e-6 and
	(.strain_xx | fabs) < 1e-4)' out.jsonl)"
check_is "the profile has as much order as the line passes" "true" "$(jq -s '.[-1].crystal.phases.lattice1.profile |
	(.distance_px | length) == (.order | length) and (.order[-8:-2] | add / 6 - 1 | fabs) < 0.05 and
	([.order[] | numbers] | min) < 0.6' out.jsonl)"
tar -xf out.tar
check_is "maps: order, amplitude, disorder" "3" "$(find . -name 'movie-000008.lattice1-*.npy' | wc -l)"
check_is "the disorder map is order below 1/2" "[]" "$("$PYTHON" - <<'E'
import glob
import numpy as np
bad = []
for f in sorted(glob.glob("s5/*.lattice1-order.npy")):
    o, d = np.load(f), np.load(f.replace("-order", "-disorder"))
    ok = (d == 0) | ((d == 1) & (o > 0.5)) | ((d == 2) & ~(o > 0.5) & np.isfinite(o))
    if not ok.all() or not (d == 1).any() or o.shape != d.shape:
        bad.append(f)
print(bad)
E
)"
measure -t 1 --no-provenance --map movie.tar > t1.tar
measure -t 3 --no-provenance --map < movie.tar > t3.tar
check_same "the same bytes with one thread and three" t1.tar t3.tar
head -n 1 out.jsonl > first.json
spots() { jq -c '[.bragg.phases[].spots[] | [.y, .x]]'; }
check_is "a record is a file of spots" "$(spots < first.json)" \
	"$(measure -s first.json -j movie.tar | tail -n 1 | spots)"
check_is "spacings choose spots" '[[0.276,0.276]]' "$(measure -s diagonal=d:0.2758 -j movie.tar | head -n 1 |
	jq -c '[.bragg.phases[] | [.spots[].d_nm * 1000 | round / 1000]]')"
check_is "a known lattice is found" '["0 1","1 0"]' "$(measure -s sto=lattice:0.39,0.39,90:10,01 -j movie.tar |
	head -n 1 | jq -c '[.bragg.phases[].spots[] | "\(.h | fabs) \(.k | fabs)"] | sort')"
echo '{"regions":[{"name":"a","polygon":[[15.5,15.5],[235.5,15.5],[235.5,135.5],[15.5,135.5]]},
	{"name":"b","box":[16,16,120,220]}]}' > r.json
check_is "a polygon and a box are the same rectangle" "true" "$(measure --areas r.json -r c=16,16,220,120 -j movie.tar |
	tail -n 1 | jq '[.crystal.phases.lattice1.regions[].fraction] | length == 3 and max - min < 1e-6')"
check_is "lengths in nm" "true" "$(measure -r a=1,2,5,3nm -r b=25,50,125,75 -j movie.tar | tail -n 1 |
	jq '.crystal.phases.lattice1.regions | (.a.fraction - .b.fraction | fabs) < 0.01')"

# ---- live ----
mkfifo pipe
(measure -n 2 -j pipe | cat > live.jsonl; echo yes > ended) &
exec 8> pipe
head -c 700000 movie.tar >&8
for _ in $(seq 100); do [ "$(wc -l < live.jsonl)" -ge 2 ] && break; sleep 0.1; done
check "frames of a pipe go out before it ends" '[ "$(wc -l < live.jsonl)" -ge 2 ] && [ ! -e ended ]'
tail -c +700001 movie.tar >&8
exec 8>&-
wait
check_is "and all of them in the end" 9 "$(wc -l < live.jsonl)"
head -c 400000 movie.tar > growing.tar
check_fails "a stream that is cut" 1 'truncated|broken' 'emfft-crystallinity -q -j growing.tar'
(sleep 1; tail -c +400001 movie.tar >> growing.tar) &
check_is "one that grows is followed" 9 "$(measure --follow -j growing.tar | wc -l)"
wait

# ---- bad frames ----
"$PYTHON" - <<'E'
import numpy as np
y, x = np.mgrid[:128, :128]
f = 100 + 20 * np.cos(2 * np.pi * x / 9.3) + 20 * np.cos(2 * np.pi * y / 8.1)
m = np.repeat(f[None], 6, 0).astype("f4")
np.save("good.npy", m)
n = m.copy(); n[2, 40:44, 50:60] = np.nan; np.save("nan.npy", n)
n = m.copy(); n[3] = 0; np.save("zeros.npy", n)
n = m.copy(); n[3] = 0; n[3, 64, 64] = 1; np.save("dark.npy", n)
np.save("late.npy", np.concatenate([0 * m, m]))
np.save("gone.npy", np.concatenate([m[:1], np.zeros((80, 128, 128), "f4")]))
n = m.astype("u2"); n[3] = 65535; np.save("saturated.npy", n)
n = m.copy(); n[4] = np.nan; np.save("allnan.npy", n)
np.save("noise.npy", np.random.default_rng(1).normal(100, 10, (4, 128, 128)).astype("f4"))
np.save("small.npy", f[:12, :12].astype("f4")); np.save("other.npy", f[:, :120].astype("f4"))
E
phases() { jq -c 'if .crystal.phases == null then [.crystal.note, .crystal.phases]
	else [.crystal.phases[].fraction * 100 | round / 100] end' | uniq -c | sed 's/^ *//' | tr '\n' ' '; }
check_is "pixels that are not numbers are left out" '6 [1] ' "$(measure -n 2 -j nan.npy | phases)"
check_is "a frame of zeros: null, and why" '3 [1] 1 ["the frame is constant",null] 2 [1] ' \
	"$(measure -n 2 -j zeros.npy | phases)"
check_is "a beam that comes late" '6 ["the frame is constant",null] 6 [1] ' "$(measure -n 2 -j late.npy | phases)"
check_is "and one that goes before the reference is whole" '1 [1] 80 ["the frame is constant",null] ' \
	"$(measure -j gone.npy | phases)"
check_is "a dark frame, all but one pixel of zeros" '3 [1] 1 ["the frame is dark",null] 2 [1] ' \
	"$(measure -n 2 -j dark.npy | phases)"
check_is "a saturated frame" '3 [1] 1 ["the frame is saturated",null] 2 [1] ' \
	"$(measure -n 2 -j saturated.npy | phases)"
check_is "no Bragg spot: null, and a word" '4 ["no Bragg spots",null] ' "$(measure -j noise.npy | phases)"
check_fails "and a warning" 0 'no Bragg spots in the first 4 frames' 'emfft-crystallinity -j noise.npy'
check_fails "a frame without a number" 1 'allnan/f000004: no pixel of the frame is a finite number' \
	'emfft-crystallinity -j allnan.npy'
check_exit "with -k it passes by" 3 'emfft-crystallinity -q -k -j allnan.npy'
check_fails "a frame of another size" 1 'a frame of 120 x 128 pixels among frames of 128 x 128' \
	'emfft-crystallinity -j good.npy other.npy'
check_fails "too few pixels" 1 'too few to see a lattice' 'emfft-crystallinity -j small.npy'
echo '{"phases":[{"name":"a","spots":[{"y":0.6,"x":0}]}]}' > s.json
check_fails "spots beyond Nyquist's frequency" 1 'y and x are cycles a pixel, below 0.5' \
	'emfft-crystallinity -s s.json -j good.npy'
check_fails "a region outside of the frame" 1 'far' 'emfft-crystallinity -r far=500,500,10,10 -j good.npy'
check_fails "a spacing that is not there" 1 'no Bragg spot has such a spacing' \
	'emfft-crystallinity -s d:3.3 -j good.npy'
check_fails "a control that is not there" 1 'to be the control' 'emfft-crystallinity --control x -j good.npy'
check_fails "spots that cannot be read" 2 "spots 'd:x'" 'emfft-crystallinity -s d:x good.npy'
check_fails "a mask of nothing" 2 'radius 0' 'emfft-crystallinity --radius 0 -j good.npy'
check_fails "a file that is none" 1 'nofile' 'emfft-crystallinity -s nofile.json -j good.npy'
head -c 10240 /dev/zero > empty.tar
check_exit "an empty stream is no error" 0 'emfft-crystallinity -j empty.tar'

# ---- pictures by themselves ----
check_is "--each: sizes may differ, the lattice is all over" '7 [1] ' "$(measure --each -j good.npy other.npy | phases)"
"$PYTHON" - <<'E'
import numpy as np
y, x = np.mgrid[:256, :256]
r = np.random.default_rng(2)
disc = np.hypot(y - 120, x - 140) < 60
def lattice(period, angle):
    u, v = ((np.cos(angle) * p + np.sin(angle) * q) / period for p, q in ((x, y), (y, -x)))
    return np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v) + np.cos(2 * np.pi * (u + v))
two = 20 * np.where(disc, lattice(7.5, 0.4), lattice(9.3, 0))
np.save("two.npy", (100 + two + r.normal(0, 10, y.shape)).astype("f4"))
E
check_is "the share is of the whole picture, to 4 %" "true" "$(measure --each -s p=d:7.5 -j two.npy |
	jq '.crystal.phases.p | .seen * .fraction / (3.14159 * 3600 / 65536) - 1 | fabs < 0.04')"
check_is "two lattices are two phases" '[7.5,9.3]' "$(measure --each -j two.npy |
	jq -c '[.bragg.phases[].lattice.a_px * 10 | round / 10] | sort')"
check_is "a precipitate of the second: its area, to 4 %" "true" \
	"$(measure --each -s p=d:7.5 -r all=0,0,256,256 -j two.npy |
	jq '.crystal.phases.p.regions.all | .seen * .fraction / (3.14159 * 3600 / 65536) - 1 | fabs < 0.04')"

finish
