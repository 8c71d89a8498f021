#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emctl over the wires of digital twins and of SerialEM: `emctl serve` on loopback, emctl as its client, and their own
# clients where they are ($EM_GRIDSCOPE: the folder of GridScope's control_client.py; $EM_SERIALEM: of SerialEM's Python
# module).
. "${0%/*}/lib.sh"

XDG_STATE_HOME=$T/state
XDG_CONFIG_HOME=$T/config
export XDG_STATE_HOME XDG_CONFIG_HOME
PEERS=$TOP/tests/peers
server=''
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$T"' EXIT

# start URL PROTOCOL: a server, and its port into $port, once it listens
start() {
	emctl --scope "$1" serve --listen 127.0.0.1:0 "$2" 2>served &
	server=$!
	port=''
	while [ -z "$port" ] && kill -0 "$server" 2>/dev/null; do
		sleep 0.05
		port=$(sed -n 's/.* at 127\.0\.0\.1:\([0-9]*\)$/\1/p' served)
	done
	wire=$2://127.0.0.1:$port
}
stop() { kill "$server"; wait "$server" 2>/dev/null; server=''; }
value() { emctl --scope "$wire" get "$1" | sed 's/.*=//; s/[a-z]*$//'; }
# peer FOLDER SCRIPT WHAT
peer() {
	if [ -z "$1" ]; then skip "$3" "it is not here"
	elif ! have_numpy; then skip "$3" "there is no numpy"
	else
		folder=$1 script=$PEERS/$2
		export folder script
		check "$3" 'PYTHONPATH=$folder "$PYTHON" "$script" "$port"'
	fi
}

for protocol in rpc serialem; do
	start "sim:?clock=virtual&state=$T/$protocol" "$protocol"
	check "$protocol: set" 'emctl --scope "$wire" set stage.x=12.5um stage.a=-10deg'
	check_near "$protocol: it is there" 12.5 "$(value stage.x)" 0.2
	check_near "$protocol: tilted" -10 "$(value stage.a)" 0.06
	check_near "$protocol: what was not told stays" 0 "$(value stage.y)" 0.2
	check_is "$protocol: a group is what there is of it" 5 "$(emctl --scope "$wire" get stage | wc -l)"
	check "$protocol: by an amount" 'emctl --scope "$wire" set stage.x+=2um'
	check_near "$protocol: further" 14.5 "$(value stage.x)" 0.3
	check_fails "$protocol: past a limit" 4 'limit' 'emctl --scope "$wire" set stage.x=5mm'
	check_fails "$protocol: what it has not" 4 'stigmator.x cannot be set' \
		'emctl --scope "$wire" set stigmator.x=0.1'
	check_fails "$protocol: only this machine" 2 'no place for a token' \
		'emctl --scope sim: serve --listen 0.0.0.0:0 $protocol'
	check "$protocol: peers says that it cannot be stopped" \
		'emctl --scope "$wire" peers | jq -e ".can_stop == false"'
	check_fails "$protocol: and stop does, without connecting" 4 'no way to stop the stage: use the instrument' \
		'emctl --scope $protocol://127.0.0.1:1 stop'
	python3 -c 'import socket, sys, time
there = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(20)]
print("there", flush=True)
time.sleep(60)' "$port" >silent & crowd=$!
	until [ -s silent ]; do kill -0 "$crowd" 2>/dev/null || break; sleep 0.05; done
	check "$protocol: clients who say nothing make room" 'emctl --timeout 60 --scope "$wire" get stage.x'
	kill "$crowd" 2>/dev/null
	case $protocol in
	rpc)
		check "rpc: a spectrum" 'emctl acquire --scope "$wire" -j spectrum >record &&
			jq -e ".axes[0].units == \"eV\"" record'
		check "rpc: our own pictures are calibrated" \
			'emctl acquire --scope "$wire" -j -d CCD --size 256 >record &&
			jq -e ".image.shape == [256, 256] and .axes[1].units == \"nm\" and .to_stage != null" record'
		check_near "rpc: a resolution is of the whole field" 2.4 "$(jq ".axes[1].scale" record)" 0.01
		stop
		emctl --scope "sim:?clock=virtual&state=$T/rpc" set mode=stem
		start "sim:?clock=virtual&state=$T/rpc" rpc
		peer "${EM_GRIDSCOPE-}" wires_gridscope.py "GridScope's own client" ;;
	serialem)
		check "serialem: a picture" 'emctl acquire --scope "$wire" -j >record &&
			jq -e ".image.shape[0] > 15 and .axes[1].units == \"\"" record'
		own=$XDG_CONFIG_HOME/emfilters/calibration.json
		mkdir -p "$XDG_CONFIG_HOME/emfilters"
		echo '{"Record":[{"mag":50000,"width":2048,"um_per_px":[[6e-4,1e-4],[-1e-4,6e-4]]}]}' >"$own"
		check "serialem: a scale that was measured once, of four pixels to one" \
			'emctl --scope "$wire" set mag=50000 &&
			emctl acquire --scope "$wire" --binning 4 -j >record &&
			jq -e ".axes[1].units == \"nm\" and (.axes[1].scale - 2.43311 | fabs) < 1e-4 and
				.to_stage.um_per_px == [[0.0024,0.0004],[-0.0004,0.0024]]" record'
		check "serialem: at that magnification alone" 'emctl --scope "$wire" set mag=40000 &&
			emctl acquire --scope "$wire" -j >record &&
			jq -e ".axes[1].units == \"\" and .to_stage == null" record'
		echo '{"Record":[{"mag":40000,"width":512,"nm_per_px":3}]}' >scales.json
		check "serialem: with a file of its own" \
			'emctl acquire --scope "$wire" --calibration scales.json -j >record &&
			jq -e ".axes[1].scale == 3 * 512 / .image.shape[1]" record'
		echo '{"Record":[{"mag":50000,"widht":2048,"nm_per_px":1}]}' >"$own"
		check_fails "a slip of the pen in it" 1 "calibration.json': 'widht' is not understood" \
			'emctl --scope "$wire" get mag'
		jq -nc "{Record: [range(1; 200) | {mag: ., width: 512, nm_per_px: 1}]}" >"$own"
		check_fails "of too many none is dropped" 1 "more than 256 calibrations" \
			'emctl --scope "$wire" --calibration "$own" get mag'
		rm "$own"
		peer "${EM_SERIALEM-}" wires_serialem.py "SerialEM's own Python module" ;;
	esac
	stop
	start "sim:?clock=virtual&state=$T/$protocol-short&fault=short@1-9999" "$protocol"
	check_fails "$protocol: stopped short" 4 'off by' 'emctl --scope "$wire" set stage.x=500um'
	stop
	check_fails "$protocol: nobody there" 4 'refused' 'emctl --scope "$wire" get stage.x'
done

finish
