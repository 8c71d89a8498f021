#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emfft-crystallinity on real micrographs: spacings beside MANIFEST.md's, and movies made of two of them whose disorder
# follows a stated law (tests/peers/disordered.py).
. "${0%/*}/lib.sh"

have_numpy || { skip "all" "no python3 with numpy"; finish; }
for item in 01_ser_STO_HAADF 05_dm4_BTO_HAADF 19_movie_ABF_5frames_hdf5; do
	have_real $item || { skip "all" "no real data: set EM_DATA"; finish; }
done
# shellcheck disable=SC2034
STO="$REAL/01_ser_STO_HAADF/16_STOimage_1.ser"
# shellcheck disable=SC2034
BTO="$REAL/05_dm4_BTO_HAADF/BTO_crystal_1.dm4"
# shellcheck disable=SC2034
ABF="$REAL/19_movie_ABF_5frames_hdf5/stem_abf_data_imagestack.hspy"
measure() { emfft-crystallinity -q "$@"; }

# ---- spacings: half a per cent and 0.3 degrees of what the plain Fourier transform has ----
# has_spots FILE D,ANGLE...: among the spots of the first picture
has_spots() {
	file=$1; shift
	measure --each -j "$file" | head -n 1 | jq -e --arg want "$*" '
		[.bragg.phases[].spots[] | [.d_nm, .angle_deg]] as $found |
		$want | split(" ") | all(split(",") | map(tonumber) as [$d, $a] |
			any($found[]; (.[0] / $d - 1 | fabs) < 0.005 and
				([.[1] - $a, .[1] - $a + 180, .[1] - $a - 180] | any(fabs < 0.3))))'
}
check "SrTiO3 [001]" 'has_spots "$STO" 0.4020,0.9 0.4072,89.8 0.2835,45.0 0.2887,135.7'
check "BaTiO3" 'has_spots "$BTO" 0.39876,0.0 0.37995,89.6'
check "SrTiO3 [110], the first frame" 'has_spots "$ABF" 0.2718,52.2 0.1931,142.3'

# ---- disorder by law ----
# follows PICTURE PERIOD REGION DOSE: 5 to 40 % of disorder, to three points and three standard uncertainties
follows() {
	emcat -q -o picture.npy "$1" && "$PYTHON" "$TOP/tests/peers/disordered.py" picture.npy movie.npy truth.json \
		--period "$2" --region "$3" $4 && measure -j -r "in=$3" movie.npy > found.jsonl &&
	jq -es --slurpfile truth truth.json 'length == 9 and ([., $truth[0]] | transpose | all(
		.[1].ordered as $true | .[0].crystal.phases.lattice1.regions.in |
		(.fraction - $true | fabs) < 0.03 and
		(.fraction - $true | fabs) < 3 * .fraction_u + 0.005))' found.jsonl
}
check "item 01: the law, with its own noise alone" 'follows "$STO" 40.4 90,90,820,820'
check "the drift too, to a tenth of a pixel" 'jq -es --slurpfile truth truth.json "[., \$truth[0]] |
	transpose | all(([.[0].crystal.drift_px, .[1].drift_px] | transpose)[] | .[0] - .[1] | fabs < 0.1)" found.jsonl'
check "and at 50 electrons a pixel" 'follows "$STO" 40.4 90,90,820,820 "--dose 50"'
check "item 05: the law" 'follows "$BTO" 13.1 30,30,385,329'
check "and at 50 electrons a pixel" 'follows "$BTO" 13.1 30,30,385,329 "--dose 50"'

finish
