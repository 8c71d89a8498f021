#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Hydrogenic cross sections beside HyperSpy's.
. "${0%/*}/lib.sh"

# Edge, kV, mrad, and how well they must agree.  The constants differ (511060 eV for the electron's rest, which is 0.7
# in a thousand), and for L the coefficients there have five digits, of terms that cancel near the onset.
edges='B_K 100 10 0.001
C_K 300 4.12 0.001
N_K 200 30 0.001
O_K 300 4.12 0.001
O_K 80 100 0.001
Mg_L3 200 10 0.003
Ti_L3 300 4.12 0.003
Fe_L3 200 30 0.003
Cu_L3 100 20 0.003
Sr_L3 300 50 0.003'

if ! /usr/bin/python3 -c 'import hyperspy.misc.eels.hydrogenic_gos' 2>/dev/null
then skip 'cross sections of HyperSpy' 'no HyperSpy for /usr/bin/python3'
elif ! flags=$(make -sC "$TOP" print-flags 2>error.txt | tr '\n' ' ') ||
	! eval "${CC:-cc} -O2 -o sigma '$TOP/tests/peers/sigma.c' $flags" 2>error.txt
then skip 'cross sections of HyperSpy' "cannot build tests/peers/sigma.c: $(head -n 1 error.txt)"
else
	echo "$edges" | /usr/bin/python3 "$TOP/tests/peers/sigma.py" >found 2>error.txt
	check_is 'every edge is compared' 10 "$(wc -l <found)"
	while read -r edge kv mrad bound worst points; do
		check "$edge at $kv kV, $mrad mrad: $worst of $points energies, at most $bound" \
			'awk -v a="$worst" -v n="$points" -v most="$bound" "BEGIN {exit !(a < most && n >= 20)}"'
	done <found
fi

finish
