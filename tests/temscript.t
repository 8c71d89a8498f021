#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The temscript wire: emctl serve on loopback against whatever speaks HTTP, emctl as its client, and temscript itself
# where it is ($EM_TEMSCRIPT: the folder that holds its package).
. "${0%/*}/lib.sh"

XDG_STATE_HOME=$T/state
XDG_CONFIG_HOME=$T/config
export XDG_STATE_HOME XDG_CONFIG_HOME
WIRE=$TOP/tests/peers/temscript_wire.py
servers=''
trap 'kill $servers 2>/dev/null; rm -rf "$T"' EXIT

# start URL [OPTION...]: a server, and its port into $port, once it listens
start() {
	url=$1; shift
	emctl --scope "$url" serve --listen 127.0.0.1:0 "$@" 2>served &
	server=$!; servers="$servers $server"
	port=''
	while [ -z "$port" ] && kill -0 "$server" 2>/dev/null; do
		sleep 0.05
		port=$(sed -n 's/.* at 127\.0\.0\.1:\([0-9]*\)$/\1/p' served)
	done
	http=http://127.0.0.1:$port
}
stop() { kill "$server"; wait "$server" 2>/dev/null; }
# acquired JQ OPTION...: is this true of the record?
acquired() {
	what=$1; shift
	emctl acquire --scope "$http" -j "$@" >record && jq -e "$what" record >/dev/null
}
value() { emctl --scope "$http" get "$1" | sed 's/.*=//; s/[a-z]*$//'; }

# ---- any program

start 'sim:?clock=virtual'
check "every endpoint" 'python3 "$WIRE" "$port" endpoints'
check "an image" 'python3 "$WIRE" "$port" images'
check "errors, limits of size, pages of others" 'python3 "$WIRE" "$port" errors'
check "hostile bytes, idle and cut connections" 'python3 "$WIRE" "$port" hostile'

# ---- emctl

check "status" 'emctl --scope "$http" status | grep -q "stage at rest"'
check "set" 'emctl --scope "$http" set stage.x=12.5um stage.a=-10deg mag=20000 beam.blanked=off'
check_near "it is there" 12.5 "$(value stage.x)" 0.2
check_near "tilted" -10 "$(value stage.a)" 0.06
check_is "magnified" 20000 "$(value mag)"
check "by an amount" 'emctl --scope "$http" set stage.x+=2um'
check_is "spectrometer, which temscript has not" energy.offset=-15eV \
	"$(emctl --scope "$http" set energy.offset=-15eV && emctl --scope "$http" get energy.offset)"
check "what moves the stage, too" 'emctl --scope "$http" set stage.drive=piezo &&
	emctl --scope "$http" get stage.drive | grep -qx stage.drive=piezo &&
	emctl --scope "$http" set stage.drive=motor'
check_fails "one of several is refused" 4 'intensity.*2' 'emctl --scope "$http" set mode=stem intensity=2'
check_is "and none is set" mode=tem "$(emctl --scope "$http" get mode)"
check_fails "past a limit" 4 'stage.x=5000um is past .*limit of 1000um' 'emctl --scope "$http" set stage.x=5mm'
check_fails "no such step" 4 'mag is at .*, not at 23456' 'emctl --scope "$http" set mag=23456'
check "what can be read at once is what is read one by one" \
	'emctl --scope "$http" get -j mode projection mag spot >all && for c in mode projection mag spot; do
		emctl --scope "$http" get -j $c; done | jq -cs add | cmp - all'
check "a spectrum" 'acquired ".axes[0].units == \"eV\" and .axes[0].offset == -15" spectrum'
check "a calibrated image, its dose and its way to the stage" \
	'emctl --scope "$http" set mode=stem && acquired ".image.shape == [64, 64] and .axes[1].units == \"nm\" and
		.to_stage != null and .dose.e_per_A2 > 0" -d HAADF --size 64'
check "a dry run knows the dose" 'emctl --scope "$http" --dry-run acquire -d HAADF --size 64 --dwell 1 |
	grep "^expose HAADF; .* s; .* e/A^2$"'
expose() { emctl acquire --scope "$http" --max-dose "$1" -d HAADF --size 64; }
check "a budget that holds" 'emctl --scope "$http" dose reset && expose "$(jq "3 * .dose.e_per_A2" record)" >one'
check_fails "and then does not" 4 'past the budget' 'expose "$(jq .dose.e_per_A2 record)"'
check "what the place has had" 'emctl --scope "$http" dose | grep -q "^0[.][0-9]*[1-9].* e/A^2$"'
check_fails "no such detector" 4 'NOPE' 'emctl acquire --scope "$http" -d NOPE'
lines=$(cat "$T"/state/emfilters/*.jsonl | grep -c '"command":"emctl serve"')
emctl --scope "$http" status >reads
emctl --scope "$http" get >>reads
check_is "being read leaves no line in the server's journal" "$lines" \
	"$(cat "$T"/state/emfilters/*.jsonl | grep -c '"command":"emctl serve"')"
kill "$server"; wait "$server"
check_is "a server ends when told so" 130 "$?"

# ---- an instrument that goes wrong behind it

start "sim:?clock=virtual&state=$T/clamp&fault=clamp@1-9999"
check_fails "clamped, found by reading back" 4 'stage.x is at .*, not at 500um: off by' \
	'emctl --scope "$http" set stage.x=500um'
stop
start "sim:?clock=virtual&state=$T/short&fault=short@1-9999"
check_fails "stopped short" 4 'off by' 'emctl --scope "$http" set stage.x=500um'
stop
check_fails "nobody there" 4 'refused' 'emctl --scope "$http" get stage.x'

# ---- stopping, by another connection while the stage moves

start "sim:?state=$T/real"
emctl --scope "$http" set stage.x=950um >moved 2>&1 &
mover=$!
while kill -0 "$mover" 2>/dev/null; do
	python3 "$WIRE" "$port" stop
	sleep 0.2
done
wait "$mover"; status=$?
check "emctl stop, once nothing moves" 'emctl --scope "$http" stop'
check_is "a move that was stopped is none" 4 "$status"
check "it says where it is" 'grep -q "stage.x is at .*, not at 950um" moved'
stop
check "the server's journal has that it was stopped" \
	'emctl --scope "sim:?state=$T/real" log | grep -q "emctl serve: stop: done"'

# a relay to what cannot be stopped
emctl --scope "sim:?clock=virtual&state=$T/twin" serve --listen 127.0.0.1:0 rpc 2>behind &
behind=$!; servers="$servers $behind"
until wire=$(grep -so '127[0-9.]*:[0-9]*$' behind) || ! kill -0 "$behind" 2>/dev/null; do sleep 0.05; done
start "rpc://$wire"
check_fails "a stop that stops nothing is no stop" 4 'cannot stop' 'emctl --scope "$http" stop'
stop
kill "$behind"; wait "$behind" 2>/dev/null

# ---- the other loopback

if emctl --scope "sim:?clock=virtual&state=$T/six" serve --listen '[::1]:0' 2>served & then
	server=$!; servers="$servers $server"; port=''
	while [ -z "$port" ] && kill -0 "$server" 2>/dev/null; do
		sleep 0.05
		port=$(sed -n 's/.* at \[::1\]:\([0-9]*\)$/\1/p' served)
	done
fi
if [ -n "$port" ]; then
	check "over IPv6" 'emctl --scope "http://[::1]:$port" get stage.x'
	stop
else
	skip "over IPv6" "this machine has none"
fi

# ---- a token

echo s3cret >token
start 'sim:?clock=virtual' --token-file token
check "a token" 'python3 "$WIRE" "$port" token'
check_fails "emctl without it" 4 'token' 'emctl --scope "$http" get stage.x'
check "and with it" 'emctl --scope "http://s3cret@127.0.0.1:$port" get stage.x'
check "which is in no file" '! grep -rq s3cret "$T/state"'
stop
check_exit "other machines only with a token" 2 'emctl --scope "sim:?clock=virtual" serve --listen 0.0.0.0:0'

# ---- temscript itself

PYTHONPATH=${EM_TEMSCRIPT:+$EM_TEMSCRIPT:}${PYTHONPATH-}
export PYTHONPATH
if have_numpy && "$PYTHON" -c 'import temscript.server' 2>/dev/null; then
	PEER=$TOP/tests/peers/temscript_itself.py
	start "sim:?clock=virtual&state=$T/peer"
	check "its client drives emctl serve" '"$PYTHON" "$PEER" remote "$port"'
	stop
	port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	http=http://127.0.0.1:$port
	"$PYTHON" "$PEER" null "$port" >null.log 2>&1 &
	server=$!; servers="$servers $server"
	for _ in $(seq 100); do emctl --scope "$http" status >/dev/null 2>&1 && break; sleep 0.1; done
	check "emctl drives its null server" 'emctl --scope "$http" set stage.x=12.5um stage.a=-10deg mag=50000 \
		defocus=-1um image_shift.x=5nm beam.blanked=on screen.down=off valves.open=on'
	check_is "there" "12.5 -10 50000 -1000 5" \
		"$(value stage.x) $(value stage.a) $(value mag) $(value defocus) $(value image_shift.x)"
	check_is "a group is what there is of it" "stage.x stage.y stage.z stage.a stage.b mag" \
		"$(emctl --scope "$http" get stage mag | sed 's/=.*//' | paste -sd' ')"
	check_fails "not what is named" 4 'stage.drive cannot be read' 'emctl --scope "$http" get stage stage.drive'
	check_fails "nor nothing" 4 'nothing of energy can be read' 'emctl --scope "$http" get energy'
	check_fails "clamped, found by reading back" 4 'spot is at 11, not at 20' 'emctl --scope "$http" set spot=20'
	check_fails "past its limits" 4 'limit' 'emctl --scope "$http" set stage.x=5mm'
	check_fails "it has no STEM" 4 'STEM not available' 'emctl --scope "$http" set mode=stem'
	check "an image" \
		'acquired ".image.shape == [256, 256] and .image.dtype == \"int16\"" -d CCD --binning 8 --exposure 0.1'
	check "a dry run: the time that is set there, and the current that it tells" \
		'emctl --scope "$http" --dry-run acquire --binning 8 | grep "^expose CCD; 0.1 s; .* e/A^2$"'
	check "a budget" 'emctl --scope "$http" blank off && acquired ".dose.e_per_A2 > 6" --max-dose 10 --binning 8'
	check_fails "and its end" 4 'past the budget' 'emctl acquire --scope "$http" --max-dose 10 --binning 8'
	check_fails "it cannot stop its stage" 4 'cannot stop the stage' 'emctl --scope "$http" stop'
	check "a quarter of one" 'acquired ".image.shape == [64, 64]" -d CCD --binning 8 --size 64'
	stop
else
	skip "temscript itself" "it is not here: EM_TEMSCRIPT=FOLDER"
fi

finish
