#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The native metadata of DigitalMicrograph files, tag by tag beside HyperSpy's.
. "${0%/*}/lib.sh"

if ! have_real GOLDEN.jsonl; then skip "tags as HyperSpy has them" "no real files in $REAL"
elif ! /usr/bin/python3 -c 'from hyperspy.io_plugins.digital_micrograph import DigitalMicrographReader' 2>/dev/null
then skip "tags as HyperSpy has them" "no HyperSpy 1.7 for /usr/bin/python3"
else
	find "$REAL" -name '*.dm[34]' -size -40000 | sort >files
	xargs -d '\n' /usr/bin/python3 "$TOP/tests/peers/dm_tags.py" <files >result.txt 2>error.txt
	check_is 'the comparison ran to its end' 0 "$?"
	check 'there was something to compare' 'grep -q "[0-9][0-9][0-9][0-9] values" error.txt'
	while read -r verdict name; do
		if [ "$verdict" = ok ]; then ok "$name"; else not_ok "${name%%:*}" "${name#*: }"; fi
	done <result.txt
fi
finish
