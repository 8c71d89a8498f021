# SPDX-License-Identifier: GPL-3.0-or-later
# TAP for the shell tests.  Each test file begins
#
#     #!/bin/sh
#     . "${0%/*}/lib.sh"
#
# and ends with `finish`.  It runs in an empty scratch folder ($T, also the working directory) that goes away at the
# end, with the freshly built tools first on PATH ($EM_BIN; bin/ of this checkout unless set) and $TOP the checkout.
# Every test file stands alone; no network.

TOP=$(cd "${0%/*}/.." && pwd)
EM_BIN=${EM_BIN:-$TOP/bin}
DATA=$TOP/testdata
PATH=$EM_BIN:$PATH
LC_ALL=C
export TOP EM_BIN DATA PATH LC_ALL
unset EM_SCOPE

T=$(mktemp -d "${TMPDIR:-/tmp}/em-test.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
cd "$T" || exit 1
# instruments' locks, journals and simulators, and limits
XDG_STATE_HOME=$T/state
XDG_CONFIG_HOME=$T/config
export XDG_STATE_HOME XDG_CONFIG_HOME

count=0
failures=0

ok() { count=$((count + 1)); printf 'ok %d - %s\n' "$count" "$1"; }
not_ok() {
	count=$((count + 1)); failures=$((failures + 1))
	printf 'not ok %d - %s\n' "$count" "$1"
	[ -z "${2-}" ] || printf '%s\n' "$2" | head -n 20 | sed 's/^/# /'
}

# check NAME COMMAND: the shell command succeeds
check() {
	if log=$(eval "$2" 2>&1); then ok "$1"; else not_ok "$1" "failed: $2
$log"; fi
}

# check_exit NAME STATUS COMMAND: it ends with exactly this status (never by a signal or a sanitizer)
check_exit() {
	log=$(eval "$3" 2>&1); status=$?
	case $log in *Sanitizer*|*"runtime error"*) status="$status and a sanitizer report" ;; esac
	if [ "$status" = "$2" ]; then ok "$1"; else not_ok "$1" "exit $status, not $2: $3
$log"; fi
}

# check_fails NAME STATUS PATTERN COMMAND: it ends with this status and one line on stderr that matches (grep -E)
check_fails() {
	msg=$( { eval "$4" >/dev/null; } 2>&1); status=$?
	lines=$(printf '%s\n' "$msg" | wc -l)
	if [ "$status" != "$2" ]; then not_ok "$1" "exit $status, not $2: $4
$msg"
	elif [ "$lines" -ne 1 ] || ! printf '%s\n' "$msg" | grep -Eq -- "$3"; then
		not_ok "$1" "message does not match /$3/: $msg"
	else ok "$1"; fi
}

# check_is NAME EXPECTED ACTUAL
check_is() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected: $2
got:      $3"; fi
}

# check_same NAME FILE1 FILE2: equal bytes
check_same() { if cmp -s "$2" "$3"; then ok "$1"; else not_ok "$1" "$(cmp "$2" "$3" 2>&1)"; fi; }

# check_near NAME EXPECTED ACTUAL TOLERANCE: numbers (absolute)
check_near() {
	if printf '%s %s %s\n' "$2" "$3" "$4" | awk '{d = $1 - $2; if (NF != 3 || d < -$3 || d > $3) exit 1}'
	then ok "$1"; else not_ok "$1" "expected $2 within $4, got $3"; fi
}

# skip NAME WHY: said aloud
skip() { count=$((count + 1)); printf 'ok %d - %s # SKIP %s\n' "$count" "$1" "$2"; }

have() { command -v "$1" >/dev/null 2>&1; }

# A python with numpy into $PYTHON (the first on PATH may be another than the system's that has it)
have_numpy() {
	for PYTHON in "${PYTHON:-python3}" /usr/bin/python3; do
		if "$PYTHON" -c 'import numpy' 2>/dev/null; then export PYTHON; return 0; fi
	done
	return 1
}

# Real micrographs live beside the checkout, never in it: EM_DATA, or ../shared/data
REAL=${EM_DATA:-$TOP/../shared/data}
have_real() { [ -e "$REAL/$1" ]; }

finish() {
	printf '1..%d\n' "$count"
	[ "$failures" -eq 0 ]
	exit
}

have emcat && [ "$(command -v emcat)" = "$EM_BIN/emcat" ] || { echo "Bail out! no tools in $EM_BIN: run make"; exit 1; }
