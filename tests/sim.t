#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# sim: as commands meet it: one microscope however it is called, limiters, piezos, and what the beam leaves behind.
. "${0%/*}/lib.sh"

sim() { what=$1; shift; emctl -q --scope "$what" "$@"; }

# ---- one name

sim 'sim:?clock=virtual' set stage.x=7um
check_near "sim: is sim:?seed=1" 7 "$(sim 'sim:?seed=1' get stage.x | sed 's/.*=//; s/um//')" 0.2
sim 'sim:?seed=1&clock=virtual' set stage.y=1um
check_is "with one journal" "2" "$(sim 'sim:?mechanics=real' log | grep -c 'move stage.*: done')"
mkdir a b
printf '{"film":{"material":"C","thickness_nm":20}}' >a/foil.json
cp a/foil.json b
(cd a && sim 'sim:foil.json?clock=virtual' set stage.x=3um)
check_near "a specimen by another path" 3 "$(sim "sim:$PWD/a/foil.json" get stage.x | sed 's/.*=//; s/um//')" 0.2
check_is "and of another folder another one" "1" "$(cd b && sim 'sim:foil.json' get stage.x |
	sed 's/.*=//; s/um//' | awk '{print $1 < 0.1}')"

check_fails "a specimen that is not there" 1 "cannot read the specimen 'fiol.json'" 'sim sim:fiol.json set stage.x=1um'
echo '{"somebody":"else"}' >notes.json
check_fails "a file of somebody else is not written over" 1 'no simulator.s state' \
	'sim "sim:?state=notes.json" get stage.x'
check_is "but left as it is" '{"somebody":"else"}' "$(cat notes.json)"
: >empty.state
check "an empty one is a new microscope" 'sim "sim:?state=empty.state" get stage.x'

# ---- limiters and piezos

s="sim:?clock=virtual&state=$T/stage"
check_fails "a corner of the ranges" 4 'a hardware limiter stopped the stage' 'sim "$s" set stage.x=950um stage.y=950um'
check "the status says so" 'sim "$s" status | grep -q "stage at a limiter"'
check "and as JSON" 'sim "$s" status -j | jq -e ".motion == \"at a limiter\"" >/dev/null'
check "back from it" 'sim "$s" set stage.x=100um stage.y=0um && sim "$s" status | grep -q "stage at rest"'
check "a high stage is tilted less" '! sim "$s" set stage.z=180um stage.a=30deg 2>/dev/null'
check "piezo" 'sim "$s" set stage.drive=piezo stage.x+=5um && test "$(sim "$s" get stage.drive)" = stage.drive=piezo'
check_fails "goes so far" 4 'the piezo: stage.x: 11[0-9.]*um is not between' 'sim "$s" set stage.x+=8um'

# ---- what the beam leaves: 20 nm of carbon, and what grew on it

(cd a && s='sim:foil.json?clock=virtual&mechanics=ideal&contamination=20&state=grown' &&
	sim "$s" set mode=stem mag=2M &&
	for n in 1 10 1; do
		sim "$s" acquire -d HAADF --size 256 --dwell 100 -n $n -o "$T/$n-$(ls "$T" | wc -l).tar"
	done &&
	sim "$s" set stage.x=1um && sim "$s" acquire -d HAADF --size 256 --dwell 100 -o "$T/beside.tar")
mean() { emcat -q -O npy -o mean.npy "$1" && "$PYTHON" -c 'import numpy; print(numpy.load("mean.npy").mean() - 500)'; }
if have_numpy; then
	first=$(mean "$(ls -- 1-*.tar | head -n 1)")
	last=$(mean "$(ls -- 1-*.tar | tail -n 1)")
	# 11 scans of 1.05e24 a square metre: 22 nm, of which levelling off at 40 nm leaves 14
	check "grows where it was" "awk 'BEGIN { r = $last / $first; exit !(r > 1.6 && r < 1.85) }'"
	check_near "and nowhere else" 1 "$(echo "$(mean beside.tar) $first" | awk '{print $1 / $2}')" 0.1
else
	skip "what the beam leaves" "no numpy"
fi
check "the truth has it" 'jq -e ".exposure.contamination_m == 0" a/grown.truth.json >/dev/null'

# ---- spectra

sim 'sim:?clock=virtual&seed=3&mechanics=ideal' set mode=stem energy.offset=200eV energy.dispersion=0.1eV
check "carbon has its edge" 'sim "sim:?clock=virtual&seed=3&mechanics=ideal" spectrum --size 2000x1 --exposure 1 |
	eelsquant -q -e C-K -j | jq -e "[.eels.edges[\"C-K\"] | .counts > 10 * .counts_u] | all" >/dev/null'

finish
