#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emctl serve: where it listens, and for whom.
. "${0%/*}/lib.sh"

check_fails "another protocol" 2 "there is no protocol 'gopher'" 'emctl serve gopher'
check_fails "one at a time" 2 'one protocol at a time' 'emctl serve a b'
if emctl serve gopher 2>&1 | grep -q 'there are: [a-z]'; then
check_fails "a token that is not there" 1 'cannot read the token' 'emctl serve --token-file nowhere'
: >empty
check_fails "or empty" 1 'holds no token' 'emctl serve --token-file empty'
check_fails "an address" 2 'no address' 'emctl serve --listen nowhere:80'
check_fails "a dry run" 2 'would take for done' 'emctl --dry-run serve'
check_fails "not for everybody" 2 'can be reached from other machines' 'emctl serve --listen 0.0.0.0:0'
else
	skip "addresses and tokens" "there are no servers yet"
fi

finish
