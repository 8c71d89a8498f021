#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Backgrounds and net counts of real spectra: the two-area method beside HyperSpy's, spectrum by spectrum, and the
# reference numbers of the data's list, which are those of an unweighted line through the logarithms.
. "${0%/*}/lib.sh"

STO="$REAL/08_dm_STO_EELS/EELS_STO.dm3"
GELLERUP="$REAL/08_dm_STO_EELS/SrTiO3 EELS Ti and O edge spectra 60mu 1s 0.2 disp.dm3"
HL=$REAL/09_dm3_STO_EELS_with_model/hl.dm3
TIO2=$REAL/10_dm3_TiO2_quant_B3r1

for item in 04_emd_velox13_EELS_EDS 07_dm3_atomic_EELS_SI 08_dm_STO_EELS 09_dm3_STO_EELS_with_model \
	10_dm3_TiO2_quant_B3r1 11_dm3_BN_timeseries_A3r1 12_dm3_STO_timeseries_D3r1 13_dm3_BN_timeseries_200x0.2s; do
	have_real $item || { skip "all" "no $item: set EM_DATA"; finish; }
done
if ! flags=$(make -sC "$TOP" print-flags 2>error.txt | tr '\n' ' ') ||
	! eval "${CC:-cc} -O2 -o eels_background '$TOP/tests/peers/eels_background.c' $flags" 2>error.txt
then skip 'all' "cannot build tests/peers/eels_background.c: $(head -n 1 error.txt)"; finish; fi

# ---- the list's reference numbers: six digits ----
# reference NAME FILE BACKGROUND SIGNAL R NET OPTIONS
reference() {
	name=$1 file=$2
	# shellcheck disable=SC2086
	./eels_background $7 -i log-unweighted "$file" - "$3" "$4" >found.txt
	check "$name: r $5, net $6" "awk -v r=$5 -v net=$6 'NR == 2 {ok = (\$2 - r)^2 < (6e-6)^2 &&
		(\$3 / net - 1)^2 < (3e-6)^2} END {exit !ok}' found.txt || { cat found.txt; false; }"
}
reference 'SrTiO3_example, Ti L' "$HL" 400-450 456-506 3.21462 9.46566e6
reference 'SrTiO3_example, O K' "$HL" 490-528 532-582 3.16741 4.24008e6
reference 'Gellerup, Ti L' "$GELLERUP" 400-450 456-506 2.83360 5.0775e7
reference 'Gellerup, O K' "$GELLERUP" 490-526 530-580 2.63503 2.61684e7
# the list's reader had 0.25000001 eV a channel, and so not the last one
reference 'EELS_STO, Ti L' "$STO" 400-449.9 456-505.9 2.43779 6.59401e6
reference 'EELS_STO, O K' "$STO" 490-525.9 530-579.9 1.99835 2.38145e6
reference 'thick TiO2, Ti L' "$TIO2/SI_HL.dm3" 400-448 454-504 4.16261 3.21219e6 -m
reference 'thick TiO2, O K' "$TIO2/SI_HL.dm3" 495-524 528-578 -1.19283 -369797 -m

# ---- thick TiO2: Ti has counts, O has none, by any method, as a mean and frame by frame ----
for method in two-area log log-unweighted linear; do
	for mean in -m ''; do
		# shellcheck disable=SC2086
		./eels_background $mean $method "$TIO2/SI_HL.dm3" - 400-448 454-504 >ti.txt
		# shellcheck disable=SC2086
		./eels_background $mean $method "$TIO2/SI_HL.dm3" - 495-524 528-578 >o.txt
		check "thick TiO2, $method${mean:+, mean}: Ti L has counts" \
			"awk 'NR > 1 && \$4 % 32 {bad = 1} END {exit bad || NR < 2}' ti.txt"
		check "thick TiO2, $method${mean:+, mean}: O K has none" \
			"awk 'NR > 1 && !(\$4 % 32) {bad = 1} END {exit bad || NR < 2}' o.txt"
	done
done

# ---- windows by default: which spectra have counts of an edge ----
# by_default NAME FILE EDGES HAVE: HAVE holds 0 or 1 for each edge
by_default() {
	for mean in -m ''; do
		# shellcheck disable=SC2086
		./eels_background -e $mean linear "$2" - "$3" >found.txt
		check "$1${mean:+, mean}: $3 has counts: $4" "awk -v have='$4' 'NR > 1 {flags[NR - 2] = \$4}
			END {edges = split(have, want, \",\"); spectra = (NR - 1) / edges
				for (i = 0; i < NR - 1; i++) bad += !(flags[i] % 32) != want[int(i / spectra) + 1]
				exit bad || spectra < 1}' found.txt"
	done
}
by_default 'thick TiO2' "$TIO2/SI_HL.dm3" Ti-L23,O-K 1,0
by_default 'SrTiO3 series' "$REAL/12_dm3_STO_timeseries_D3r1/SI_HL.dm3" Ti-L23,O-K 1,1
by_default 'SrTiO3' "$HL" Ti-L23,O-K 1,1
by_default 'BN series' "$REAL/11_dm3_BN_timeseries_A3r1/HL_SI.dm3" B-K,N-K 1,1
by_default 'fast BN series: no C' "$REAL/13_dm3_BN_timeseries_200x0.2s/HLmulti_02_cal.dm3" B-K,C-K,N-K 1,0,1

# ---- errors: those stated beside the scatter from each spectrum of a series to the next ----
# honest NAME FILE BACKGROUND SIGNAL
honest() {
	./eels_background linear "$2" - "$3" "$4" >found.txt
	scatter=$(awk 'NR > 2 {sum += ($3 - before)^2 / 2} NR > 1 {before = $3; stated += $5}
		END {printf "%.2f", sqrt(sum / (NR - 2)) / (stated / (NR - 1))}' found.txt)
	check "$1: net counts scatter by $scatter of their errors" \
		"echo '$scatter' | awk '{exit !(\$1 > 0.5 && \$1 < 1.5)}'"
}
honest 'TiO2 series, Ti' "$TIO2/SI_HL.dm3" 400-448 454-504
honest 'BN series, B' "$REAL/11_dm3_BN_timeseries_A3r1/HL_SI.dm3" 150-183 188-238
honest 'BN series, N' "$REAL/11_dm3_BN_timeseries_A3r1/HL_SI.dm3" 350-395 401-451
honest 'SrTiO3 series, Ti' "$REAL/12_dm3_STO_timeseries_D3r1/SI_HL.dm3" 400-450 456-506
honest 'SrTiO3 series, O' "$REAL/12_dm3_STO_timeseries_D3r1/SI_HL.dm3" 490-526 530-580
honest 'fast BN series, B' "$REAL/13_dm3_BN_timeseries_200x0.2s/HLmulti_02_cal.dm3" 150-183 188-238
honest 'fast BN series, N' "$REAL/13_dm3_BN_timeseries_200x0.2s/HLmulti_02_cal.dm3" 350-395 401-451

# ---- compositions of the round robin's crystals: the numbers that eelsquant(1) states ----
# The published ones are 0.347, 0.519 and 0.982.  Two of ours are farther from the truth: 50 eV of near-edge structure,
# which the hydrogenic model has not, are summed, where they fitted 300 to 500 eV of background, edges and plural
# scattering together.  By windows of 80 eV B/N is 0.87, with what the spectrometer shows without a specimen taken off
# as well other numbers again (tests/unit/test_composition_real.c): recipes differ by more than what they aim at.
# ratio NAME EXPECTED TRUTH CORE LOW A B OPTIONS...: atoms A to B, and how many model uncertainties B/A is off
ratio() {
	name=$1 expected=$2 truth=$3 core=$4 low=$5 a=$6 b=$7; shift 7
	eelsquant -q -j -c --beam 300,0.2,4.12 --deconvolve "$@" --also "$low" "$core" >ratio.json
	check_is "$name is $expected, the crystal's $truth; off by so many _model_u" "$expected" "$(jq -r --arg b "$b" \
		--arg r "per_$a" --argjson t "$truth" '.eels.composition[$b] |
		.[$r] as $v | (10 * ($v - 1 / $t | fabs) / .[$r + "_model_u"] | round / 10) as $off |
		"\(100 / $v | round / 100) \($off)"' ratio.json)"
}
ratio 'Ti/O of SrTiO3' '0.38 0.6' 0.3333 "$HL" "$REAL/09_dm3_STO_EELS_with_model/ll.dm3" Ti O \
	-e Ti-L23,O-K --tails
ratio 'Ti/O of the SrTiO3 series' '0.36 0.3' 0.3333 "$REAL/12_dm3_STO_timeseries_D3r1/SI_HL.dm3" \
	"$REAL/12_dm3_STO_timeseries_D3r1/SI_LL.dm3" Ti O -e Ti-L23,O-K --tails
ratio 'Ti/O of thick TiO2' '0.58 0.7' 0.5 "$TIO2/SI_HL.dm3" "$TIO2/SI_LL.dm3" Ti O -e Ti-L23,O-K --tails
ratio 'B/N of BN' '0.84 1.1' 1 "$REAL/11_dm3_BN_timeseries_A3r1/HL_SI.dm3" \
	"$REAL/11_dm3_BN_timeseries_A3r1/LL_SI.dm3" B N -e B-K,N-K

# ---- edges that are where the table has them, and axes that are off ----
# rises NAME FILE EDGES WARNED: by which of the edges there is a warning
rises() {
	check_is "$1: $3, misplaced: ${4:-none}" "$4" "$(eelsquant -q -j -e "$3" "$2" |
		jq -r '[.eels.edges | to_entries[] | select(.value.warning // "" | test("rises")).key] | join(" ")')"
}
rises 'EELS_STO' "$STO" Ti-L23,O-K O-K
rises 'Gellerup' "$GELLERUP" Ti-L23,O-K ''
rises 'SrTiO3' "$HL" Ti-L23,O-K ''
rises 'thick TiO2' "$TIO2/SI_HL.dm3" Ti-L23,O-K ''
rises 'SrTiO3 series' "$REAL/12_dm3_STO_timeseries_D3r1/SI_HL.dm3" Ti-L23,O-K O-K
rises 'BN series' "$REAL/11_dm3_BN_timeseries_A3r1/HL_SI.dm3" B-K,N-K ''
rises 'fast BN series' "$REAL/13_dm3_BN_timeseries_200x0.2s/HLmulti_02_cal.dm3" B-K,C-K,N-K ''
rises 'item 07' "$REAL"/07*/DMReader_SpectrumImage_SI-EELS.dm3 Ti-L23,O-K,La-M45 O-K
check_is 'X-ray spectra of a Velox file are refused, by name' 7 \
	"$(eelsquant -k -q -j -e O-K "$REAL"/04*/example_velox_EELS_EDS.emd |
		jq -r 'select(.error.text // "" | test("that of X-rays")).key' | wc -l)"

# ---- HyperSpy ----
/usr/bin/python3 -c 'import hyperspy.api' 2>/dev/null || { skip 'HyperSpy' 'no HyperSpy for /usr/bin/python3'; finish; }

# equal NAME FILE DATASET COUNT WINDOWS...: to 1e-6, of so many spectra and windows
jobs=0
equal() {
	jobs=$((jobs + 1)); echo "$4 $1" >>names.txt
	file=$2 dataset=$3; shift 4
	./eels_background two-area "$file" "$dataset" "$@" >ours$jobs.txt
	if [ "$dataset" = - ]; then emcat -q -O npy -o $jobs.npy "$file"
	else emcat -q -O npy --signal "$dataset" -o $jobs.npy "$file"; fi
	echo "ours$jobs.txt $jobs.npy $*" >>jobs.txt
}
TI='400-450 456-506' O='490-526 530-580' B='150-183 188-238' N='350-395 401-451'
ITEM07=$REAL/07_dm3_atomic_EELS_SI/DMReader_SpectrumImage_SI-EELS.dm3
# shellcheck disable=SC2086
{
	equal 'item 04, from 800 eV' "$REAL"/04*/example_velox_EELS_EDS.emd d14 640 810-826 832-882 880-930 950-1000
	equal 'item 04, from 480 eV' "$REAL"/04*/example_velox_EELS_EDS.emd d15 640 490-526 532-582 600-700 708-800
	equal 'item 07' "$ITEM07" - 1176 $TI $O 590-632 636-666 760-825 828-860
	equal 'item 08, DM3' "$STO" - 2 $TI $O
	equal 'item 08, DM4' "$REAL/08_dm_STO_EELS/DMReader_EELS_STO.dm4" - 2 $TI $O
	equal 'item 08, Gellerup' "$GELLERUP" - 2 $TI $O
	equal 'item 09' "$HL" - 2 $TI 490-528 532-582
	equal 'item 10' "$TIO2/SI_HL.dm3" - 200 400-448 454-504 495-524 528-578
	equal 'item 10, calibrated' "$TIO2/SI_HL_cal.dm3" - 200 400-448 454-504 495-524 528-578
	equal 'item 11' "$REAL/11_dm3_BN_timeseries_A3r1/HL_SI.dm3" - 200 $B $N
	equal 'item 12' "$REAL/12_dm3_STO_timeseries_D3r1/SI_HL.dm3" - 200 $TI $O
	equal 'item 13' "$REAL/13_dm3_BN_timeseries_200x0.2s/HLmulti_02_cal.dm3" - 400 $B $N
}
/usr/bin/python3 "$TOP/tests/peers/eels_background.py" jobs.txt >far.txt 2>error.txt
paste -d ' ' names.txt far.txt >both.txt
while read -r expected name; do
	check "${name% * * * *}: as HyperSpy to${name#"${name% * * * *}"} spectra" "echo '$name' | awk -v n=$expected '{
		exit !(NF > 4 && \$(NF - 3) <= 1e-6 && \$(NF - 2) <= 1e-6 && \$(NF - 1) <= 1e-6 && \$NF == n)}' ||
		{ tail -n 3 error.txt; false; }"
done <both.txt
finish
