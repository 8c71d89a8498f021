#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Files that instruments wrote, beside what a trusted reader says of them: GOLDEN.jsonl has of each data set the shape,
# type, mean, extremes, first and last value, and the axes (as RosettaSciIO gives them).  tests/golden has
# a file a format: its extensions, and each difference that is meant, with its reason.
. "${0%/*}/lib.sh"


if ! have_numpy; then skip 'golden values' 'no python3 with numpy'
elif ! have_real GOLDEN.jsonl; then skip 'golden values' "no GOLDEN.jsonl in $REAL"
else
	"$PYTHON" "$TOP/tests/golden/compare.py" "$REAL" >result.txt 2>error.txt
	check_is 'the comparison ran to its end' '0 ' "$? $(cat error.txt)"
	while read -r verdict name; do
		if [ "$verdict" = ok ]; then ok "$name"; else not_ok "${name%%:*}" "${name#*: }"; fi
	done <result.txt
fi
finish
