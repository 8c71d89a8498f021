#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The drift of real movies beside scikit-image's.
. "${0%/*}/lib.sh"

RAW="$REAL/18_movie_Au_750C_png/Au (750°C)/Raw"
ABF=$REAL/19_movie_ABF_5frames_hdf5/stem_abf_data_imagestack.hspy

# compare KIND NAME STEP: of NAME.txt and NAME.npy into $median, $worst, $placed, $unlike
compare() {
	read -r median worst placed unlike <<-END
		$(/usr/bin/python3 "$TOP/tests/peers/drift.py" "$1" "$2.txt" "$3" "$2.npy")
	END
}

at_most() { awk -v a="$1" -v b="$2" 'BEGIN {exit !(a != "" && a <= b)}'; }

if ! [ -d "$RAW" ] || ! [ -e "$ABF" ]; then skip 'drift of real movies' "no movies in $REAL"
elif ! /usr/bin/python3 -c 'import skimage.registration' 2>/dev/null
then skip 'drift of real movies' 'no scikit-image for /usr/bin/python3'
elif ! flags=$(make -sC "$TOP" print-flags 2>error.txt | tr '\n' ' ') ||
	! eval "${CC:-cc} -O2 -o drift '$TOP/tests/peers/drift.c' $flags" 2>error.txt
then skip 'drift of real movies' "cannot build tests/peers/drift.c: $(head -n 1 error.txt)"
else
	# Dewetted gold: islands without a lattice, jumps of up to 38 px.
	for k in $(cd "$RAW" && ls | sed 's/[^0-9]//g' | sort -n); do echo "$RAW/frame_$k.png"; done >names
	tr '\n' '\0' <names | xargs -0 emcat -q -O npy -o gold.npy
	tr '\n' '\0' <names | xargs -0 ./drift >gold.txt
	check_is 'gold: every frame has a line' "$(wc -l <names)" "$(wc -l <gold.txt)"
	compare phase gold 4
	check "gold: median $median px from phase_cross_correlation, at most 0.1" 'at_most "$median" 0.1'
	check "gold: at most $worst px, on each of $placed frames" '[ "$placed" -ge 48 ] && at_most "$worst" 0.2'
	check_is 'gold: no frame is elsewhere' 0 "$unlike"

	# A lattice in five scans, whose lines are up to a pixel apart from frame to frame: no closer than that.  Plain
	# correlation: scikit-image's phase correlation takes places between the columns of atoms.
	emcat -q -O npy -o abf.npy "$ABF"
	./drift "$ABF" >abf.txt
	compare plain abf 1
	check "lattice: median $median px of $placed frames, at most 0.3" '[ "$placed" -ge 3 ] && at_most "$median" 0.3'
	check_is 'lattice: every frame is found' 5 "$(awk '$3 > 0.3' abf.txt | wc -l)"
fi
finish
