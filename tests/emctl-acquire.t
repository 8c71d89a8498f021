#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emctl acquire, spectrum, diffraction and watch: what is in the stream, the dose that is left, and who may be at it.
. "${0%/*}/lib.sh"

EM_SCOPE='sim:?clock=virtual'
export EM_SCOPE

record() { tar xOf "$1" --wildcards '*.json'; }

check "to STEM" 'emctl set mode=stem mag=200000 stage.x=3um stage.y=-2um'
check "an image" 'emctl acquire -d HAADF --size 96x64 --dwell 2 -o a.tar'
record a.tar >a.json
check_is "its shape" "[64,96]" "$(jq -c .image.shape a.json)"
check_is "axes in nm" "nm nm" "$(jq -r '[.axes[].units] | join(" ")' a.json)"
check_near "where the stage stood" 3 "$(jq .stage.x_um a.json)" 0.2
check_is "pixels to places on the stage" '[47.5,31.5]' "$(jq -c .to_stage.centre_px a.json)"
check_is "of which the scale is the axes'" 1 "$(jq '(.to_stage.um_per_px[0][0] | fabs) * 1000 / .axes[1].scale |
	if . > 0.98 and . < 1.02 then 1 else . end' a.json)"
check "the microscope and how it was exposed" 'jq -e ".microscope.mode == \"STEM\" and .microscope.beam_kev == 300 and
	.acquisition.detector == \"HAADF\" and .acquisition.dwell_s == 2e-6 and .dose.e_per_A2 > 0 and
	.scope.controls.mag == 200000" a.json >/dev/null'
check "a second one has another key" 'emctl acquire -d HAADF --size 32 -j >b.json &&
	test "$(jq .key b.json)" != "$(jq .key a.json)"'
check "streams go together" 'emctl acquire -d HAADF --size 32 -n 2 >c.tar &&
	cat a.tar c.tar | emcat -j | wc -l | grep -qx 3'
check_is "keys of one's own" "x/a-000001 x/a-000002" \
	"$(emctl acquire -d HAADF --size 32 -n 2 --key x/a -j | jq -r .key | paste -sd' ' -)"
check "spectrum" 'emctl spectrum -o s.tar &&
	record s.tar | jq -e ".axes[0].name == \"energy\" and .axes[0].units == \"eV\"" >/dev/null'
check "diffraction goes there and comes back" 'emctl set mode=tem && emctl diffraction --binning 8 -o d.tar &&
	record d.tar | jq -e ".axes[0].units == \"1/nm\" and .microscope.camera_length_mm > 0" >/dev/null &&
	test "$(emctl get projection)" = projection=imaging'
check "the detector suits the mode" \
	'emctl acquire --binning 16 -j | jq -e ".acquisition.detector == \"CCD\"" >/dev/null'
emctl --scope 'sim:?seed=8' diffraction --exposure 20 2>cut.err >cut.tar & pid=$!
sleep 1
kill -TERM $pid
wait $pid
check "a pattern that was stopped says that the projection has changed" 'grep -q "projection=diffraction" cut.err'
emctl set mode=stem
check_is "watch" 3 "$(emctl watch -n 3 --interval 0 --size 32 -j | wc -l)"
check_is "spectra" 2 "$(emctl watch --spectrum -n 2 --interval 0 -j | jq -r '.axes[0].units' | grep -c eV)"

# ---- refusals

check_fails "no such detector" 4 "no detector 'XX'; there are:" 'emctl acquire -d XX -o x.tar'
check "no file of it" 'test ! -e x.tar'
check_fails "a key that is none" 1 'key' 'emctl acquire --size 32 --key ../x -j'
check_fails "nothing of that name" 2 "'sound' is none of: image" 'emctl-acquire sound'
check_fails "no name at all" 2 'no detector has such a name' "emctl acquire -d ''"
check_fails "a spectrum of a camera" 2 'CCD is a camera: it gives no spectra' 'emctl spectrum -d CCD'
check_fails "a pattern of a spectrometer" 2 'EELS is a spectrometer: it sees no' 'emctl diffraction -d EELS'
check_fails "a dwell of a camera" 2 'CCD is a camera: it has no --dwell' 'emctl acquire -d CCD --dwell 1'
check_fails "an exposure of a scan" 2 'HAADF is a scan detector: it has no --exposure' 'emctl acquire --exposure 1'
check_is "nothing was exposed, nor the projection changed" projection=imaging "$(emctl get projection)"
check_fails "a detector that is retracted" 4 'retracted' \
	'emctl --scope "sim:?clock=virtual&fault=retracted@1-9999" acquire -d HAADF --size 32 -j'

# ---- dose

check "another place" 'emctl set stage.x=50um && emctl dose | grep -qx "0 e/A^2"'
one=$(emctl acquire -d HAADF --size 64 --dwell 1 -j | jq .dose.e_per_A2)
check_near "the meter has it" "$one" "$(emctl dose | sed 's/ .*//')" 0.01
budget=$(echo "$one" | awk '{print 2.5 * $1}')
expose() { emctl acquire "$@" -d HAADF --size 64 --dwell 1 -j; }
check "a second one is in the budget" "expose --max-dose $budget >second"
check_near "both are told" "$(echo "$one" | awk '{print 2 * $1}')" "$(jq .dose.place_e_per_A2 second)" 0.02
check_fails "a third one is not" 4 'is past the budget of' "expose --max-dose $budget"
check "elsewhere it is" "emctl set stage.x=60um && expose --max-dose $budget >third"
check "a dry run tells, and exposes nothing" 'expose --dry-run |
	 grep -q "^expose HAADF; .* e/A^2$" &&
	emctl log -n 1 | grep -q "acquire .*done"'
check "another specimen" 'emctl dose reset && emctl dose | grep -qx "0 e/A^2"'

# ---- settling

check "until the picture stands still" 'emctl set mag=100000 stage.x=3um &&
	emctl acquire --settle 50 -d HAADF --size 256 --dwell 5 -j >still'
check_fails "or not" 4 'still drifts|nothing to tell' \
	'emctl --timeout 3 acquire --settle 0.000001 -d HAADF --size 256 --dwell 5 -j'

# ---- pipelines

# the pipelines of emctl-acquire(1) make sense: columns of atoms whose order falls with the dose, white lines of the
# substrate, and none of the film's
EM_SCOPE="sim:?clock=virtual&mechanics=ideal&state=$T/film.state"
check "the film, in focus" 'emctl set mode=stem mag=2M stage.x=20um stage.y=-13.43um defocus=148nm'
emctl acquire -d HAADF --size 512 --dwell 10 -n 4 | emfft-crystallinity -n 1 -j >order
check "its spots are found" 'jq -es "[.[].crystal.phases.lattice1.d_a_nm] |
	all(. > 0.38 and . < 0.40)" order >/dev/null'
check "its order falls" 'jq -es "[.[].crystal.phases.lattice1.fraction] | (. == (sort | reverse)) and
	.[0] - .[3] > 0.05" order >/dev/null'
emctl set energy.offset=400eV
spectra() { emctl watch --spectrum --exposure 1 --interval 0 -n 2 | eelsquant -e Ti-L23,O-K -j; }
spectra >film
emctl set stage.y=-13.3um
spectra >substrate
check "no titanium in the film" 'jq -es "[.[].eels.edges[\"Ti-L23\"]] | all(.counts < 4 * .counts_u)" film'
check "but in the substrate, from the first spectrum on" \
	'jq -es "[.[].eels.edges[\"Ti-L23\"]] | all(.counts > 10 * .counts_u)" substrate'
check "and oxygen in both" 'jq -es "[.[].eels.edges[\"O-K\"]] | all(.counts > 5 * .counts_u)" film substrate'
EM_SCOPE='sim:?clock=virtual'

check "into the filters" 'emctl acquire -d HAADF --size 256 --dwell 1 | emchip -s 64 | emembed -j | wc -l | grep -qx 16'
emctl --scope 'sim:?seed=9' set mode=stem
emctl --scope 'sim:?seed=9' watch --interval 0.2 -d HAADF --size 32 --dwell 1 -j >watch.json & pid=$!
sleep 1
check "who watches leaves it to others between" 'emctl --scope "sim:?seed=9" set stage.x=2um'
kill -TERM $pid
wait $pid; status=$?
check_is "a watch ends by a signal" 130 $status
(emctl --scope 'sim:?seed=9' --journal unread.jsonl watch --interval 20 -d HAADF --size 32 --dwell 1 -j
echo $? >watched) | head -n 1 >first
check_is "or when nobody reads any more, without another exposure" "141 1" \
	"$(cat watched) $(emctl --journal unread.jsonl log -j | jq -r .phase | grep -c end)"
check "with what it has seen" 'jq -es "length >= 2" watch.json >/dev/null'

finish
