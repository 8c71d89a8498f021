#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emctl: one-off commands on the simulator; what is refused, missed, stopped and killed; the journal.
. "${0%/*}/lib.sh"

EM_SCOPE='sim:?clock=virtual'
export EM_SCOPE

# value NAME: what emctl get prints for it, without the unit
value() { emctl get "$1" | sed 's/.*=//; s/[a-z]*$//'; }

# ---- one-off commands share one microscope

check "set" 'emctl set stage.x=12.5um stage.a=-10deg mag=20000'
check_near "it is there in the next process" 12.5 "$(value stage.x)" 0.2
check_near "tilted, too" -10 "$(value stage.a)" 0.06
check_is "by groups" 6 "$(emctl get stage | wc -l)"
check_is "what get prints, set takes" "mag=20000" "$(emctl set "$(emctl get mag)" && emctl get mag)"
x=$(value stage.x)
check "by an amount" 'emctl set stage.x+=2um stage.y-=1um'
check_near "up" "$(echo "$x" | awk '{print $1 + 2}')" "$(value stage.x)" 0.2
check "blank" 'emctl blank && test "$(emctl get beam.blanked)" = beam.blanked=on'
check "and not" 'emctl blank off && test "$(emctl get beam.blanked)" = beam.blanked=off'
check "status" 'emctl status | grep -q "stage at rest"'
check "status as JSON" 'emctl status -j | jq -e ".motion == \"rest\" and .controls.mag == 20000" >/dev/null'
check "get as JSON" 'emctl get -j mag voltage | jq -e ".mag == 20000 and .voltage_kV == 300" >/dev/null'
check "peers" 'emctl peers |
	 jq -e "[.detectors[].kind] | index(\"camera\") != null and index(\"spectrometer\") != null" >/dev/null'
check "wait" 'emctl wait'
check "stop" 'emctl stop'

# ---- limits

check "the instrument's limits" 'emctl limits | grep -q "^stage.x -1000um 1000um$"'
check "as a file of limits" 'emctl limits -j >limits.json && emctl set --limits limits.json spot=4'
before=$(value stage.x)
check_fails "past the instrument's" 4 'stage.x=5000um is past the instrument.s limit of 1000um; nothing was moved' \
	'emctl set stage.x=5000um'
check_fails "past ours" 4 'past the limit of 10um' 'emctl set --within stage.y=-10um,10um stage.y=11um mag=5000'
check_is "nothing of it was done" mag=20000 "$(emctl get mag)"
check_near "nor moved" "$before" "$(value stage.x)" 0.01
mkdir -p config/emfilters
echo '{"limits":{"stage.z":["-50um","50um"]},"clear_z":"20um"}' >config/emfilters/limits.json
check_fails "the limits of the place hold for every command" 4 'past the limit of 50um' \
	'emctl set --within stage.z=-90um,90um stage.z=60um'
check "a high move goes untilted" 'emctl --dry-run set stage.z=40um >plan && grep -q "^untilt" plan &&
	grep -q "^tilt: stage.a 0deg -> -\(9.99\|10\)" plan'
echo '{"limits":{"stage.z":["-50um"]}}' >config/emfilters/limits.json
check_fails "a slip of the pen stops everything" 1 'stage.z: a limit is two texts' 'emctl get'
ln -sf nowhere config/emfilters/limits.json
check_fails "and so do limits that cannot be read" 1 'limits.json: No such file' 'emctl get'
rm config/emfilters/limits.json
check_fails "without a unit" 2 'of what' 'emctl set stage.x=5'
check "which zero needs not" 'emctl --dry-run set stage.x=0 defocus=-0 >plan'
check_fails "too far for the lens" 4 'defocus: 1e.06nm is not between -100000nm and 100000nm' 'emctl set defocus=1mm'
check_fails "no such control" 2 'no control' 'emctl set stage.q=5um'
check_fails "nor to be read" 2 'no control' 'emctl get stage.q'
check_fails "twice" 2 'given twice' 'emctl set mag=5000 mag=6000'
check_fails "not a number" 2 'it is a number' 'emctl set stage.x=nanum'
check_fails "what cannot be set" 4 'voltage cannot be set' 'emctl set voltage=200kV'
check_fails "no such option" 2 "sim: there is no option .sead.: they are clock," "emctl --scope 'sim:?sead=3' get"
check_is "no count of samples" "" "$(emctl -v get mag 2>&1 >/dev/null | grep samples)"
check_fails "no such scheme" 2 'its URL begins with one of: sim:' 'emctl --scope gopher://x get'
check_fails "no command" 2 'a command comes first' emctl
check_fails "another one" 2 "there is no command 'fly'" 'emctl fly'
check_fails "operands where there are none" 2 "status takes no 'x'" 'emctl status x'

check_fails "a decimal comma" 2 'a decimal point is a point' 'emctl set stage.x=12,5um'
check_fails "hexadecimal" 2 'it is a number' 'emctl set stage.x=0x10um'
check_fails "no such magnification" 4 'mag is above 0, not -50000' 'emctl set mag=-50k'
check_fails "half a spot" 4 'spot is a whole number' 'emctl set spot=2.5'
for o in 'timeout 0' 'timeout nan' 'settle 0' 'settle -1' 'max-dose 0' 'max-dose inf'; do
	check_fails "--$o" 2 "^emctl: --$o: a number above 0" "emctl --$o get mag"
done

# ---- dry runs

fault() { echo "sim:?clock=virtual&state=$T/fault.state&fault=$1"; }
check "a dry run tells" 'emctl --dry-run set stage.x=100um | grep -q "^move: stage.x .* -> 100um; up to"'
check_near "and moves nothing" "$before" "$(value stage.x)" 0.01
check "nor stops it" 'emctl --scope "$(fault refuse@1-9999)" --dry-run stop | grep -q "^stop the stage$"'
check_fails "nor passes a limit of the optics" 4 'past the instrument.s limit' 'emctl --dry-run set intensity=2'

# ---- instruments that go wrong

check_fails "clamped" 4 'stage.x is at .*, not at 500um: off by' \
	'emctl --scope "$(fault clamp@1-9999)" set stage.x=500um'
check_fails "stopped short" 4 'off by' 'emctl --scope "$(fault short@1-9999)" set stage.x=-70um'
check_fails "ignored" 4 'off by' 'emctl --scope "$(fault ignore@1-9999)" set stage.x=90um'

check_fails "an amount within the tolerance, ignored" 4 'stage.x went by .*um, not by 0.1um' \
	'emctl --scope "$(fault ignore@1-9999)" set stage.x+=100nm'
check "and not" 'emctl set stage.x+=100nm && emctl set stage.x-=100nm'
check "a stage that was told to go a little is at rest before the next command" \
	'for i in 1 2 3 4 5; do emctl set stage.a+=0.0005deg stage.y+=5nm || exit 1; done'

# 200 schedules: one call in eight goes wrong somehow.  Done means there and at rest, by readings without faults; else
# exit 4, and then it comes to rest
plain="sim:?clock=virtual&state=$T/faults.state"
i=1
while [ $i -le 200 ]; do
	x=$((i * 7919 % 1600 - 800))
	emctl --journal faults.jsonl --scope "$plain&faults=$i" set stage.x=${x}um 2>why
	echo "schedule $i $x $?"
	emctl --journal '' --scope "$plain" status || echo unreadable
	[ -s why ] && { emctl --journal '' --scope "$plain" wait || echo moves; }
	i=$((i + 1))
done >schedules 2>&1
check_is "never a wrong done in 200 schedules of faults" "" "$(awk '
	/^schedule/ { x = $3; code = $4; rest = 0; what = $0 }
	/^schedule/ && code != 0 && code != 4 { print }
	/stage at rest/ { rest = 1 }
	/^stage.x=/ { sub(/stage.x=/, ""); d = $0 - x; n++
		if (code == 0 && (!rest || d > 0.21 || d < -0.21)) print what, $0 }
	/^unreadable|^moves/ { print what, $0 }
	END { if (n != 200) print n, "readings" }' schedules)"
check "with some of each" 'test $(grep -c "^schedule .* 0$" schedules) -gt 40 &&
	test $(grep -c "^schedule .* 4$" schedules) -gt 20'
check_is "and all of them in the journal, begun and ended" "" "$(emctl --journal faults.jsonl log -j |
	jq -rs '[.[] | select(.do == "move")] | group_by(.id) | .[] | map(.phase) | sort | join(" ")' |
	grep -v -x -e 'begin end' -e whole)"

# ---- git-style commands

mkdir -p more
printf '#!/bin/sh\necho "hello $*"\n' >more/emctl-hello
chmod +x more/emctl-hello
check_is "emctl X runs emctl-X" "hello --scope sim: -n 3 a" "$(PATH=$PATH:$T/more emctl --scope sim: hello -n 3 a)"

# ---- many at once: every command is applied once

emctl --scope 'sim:?clock=virtual&seed=2' set image_shift.x=0nm
i=0
while [ $i -lt 200 ]; do
	emctl --scope 'sim:?clock=virtual&seed=2' --patience 300 set image_shift.x+=1nm &
	i=$((i + 1))
done
wait
check_is "200 processes at one microscope" image_shift.x=200nm \
	"$(emctl --scope 'sim:?clock=virtual&seed=2' get image_shift.x)"
emctl --scope 'sim:?clock=virtual&seed=2' log -j >many.jsonl
ids() { jq -r "select(.do == \"move\" and $1) | .id" many.jsonl | sort -u | wc -l; }
check_is "all begun in the journal" 201 "$(ids '.phase == "begin"')"
check_is "all ended" 201 "$(ids '.phase == "end" and .error == null')"
check_is "one after the other" "" \
	"$(jq -r 'select(.do == "move") | .phase' many.jsonl | paste -d' ' - - | grep -v '^begin end$')"
check_is "and each began where the last one ended" "" "$(jq -r 'select(.phase == "end" and .do == "move") |
	[.before["image_shift.x_nm"], .after["image_shift.x_nm"]] | @tsv' many.jsonl |
	awk 'NR > 1 && ($1 != last || $2 != last + 1) {print} {last = $2}')"

# ---- signals: in real time

EM_SCOPE='sim:?seed=3'
check_exit "Ctrl-C" 130 'timeout -s INT 0.6 sh -c "exec emctl set stage.x=900um" 2>int.err; s=$?; test $s = 124 &&
	s=130; (exit $s)'
check "says how it was left" 'grep -q "^emctl: stopped by the user: it was left at rest, at stage.x=" int.err'
check_is "in one line" 1 "$(wc -l <int.err)"
left=$(value stage.x)
check "on the way" 'test "$(echo "$left" | awk "{print (\$1 > 5 && \$1 < 800)}")" = 1'
check_near "and it stays there" "$left" "$(value stage.x)" 0.05
emctl set stage.y=900um 2>term.err & pid=$!
sleep 0.5
check_fails "a second command waits for the first one" 4 'in use by emctl set, process [0-9]* of ' \
	'emctl --patience 0.1 get'
check "but for a stop" 'emctl stop'
wait $pid; status=$?
check_is "whose move has missed" 4 $status
emctl set stage.y=-900um 2>/dev/null & pid=$!
sleep 0.3
kill -TERM $pid
wait $pid; status=$?
check_is "SIGTERM" 130 $status

# ---- kill -9: nothing is locked, the journal has begun what never ended

EM_SCOPE='sim:?seed=4'
emctl set stage.x=900um & pid=$!
sleep 0.3
kill -9 $pid
wait $pid 2>/dev/null
check "the lock is free at once" 'emctl --patience 0 status | grep -q "^stage.x="'
check_is "a begin without an end" begin "$(emctl log -j | jq -r 'select(.do == "move") | .phase')"
check "log says so" 'emctl log | grep -q "emctl set: move stage.x=900um \.\.\.$"'
emctl stop
J=$(ls "$T"/state/emfilters/sim-seed-4-*.jsonl)
printf '{"em":1,"time":' >>"$J"
check "a cut line is told of" 'emctl log 2>&1 >/dev/null | grep -q "1 line of the journal is incomplete"'
check "and ended by who comes next" 'emctl --log-reads get mag >/dev/null &&
	emctl log -j | tail -n 1 | jq -e ".do == \"get\"" >/dev/null'

# at any other point: the microscope and its journal can still be read, and the next command runs
i=0 bad=''
while [ $i -lt 60 ]; do
	timeout -s KILL 0.00$((i % 10)) emctl --scope 'sim:?clock=virtual&seed=8' set stage.x=${i}um \
		spot=$((i % 9 + 1)) 2>/dev/null
	emctl --scope 'sim:?clock=virtual&seed=8' --patience 5 --log-reads get stage.x >/dev/null ||
		bad="$bad $i"
	i=$((i + 1))
done
check_is "killed at any point, it is as if or as if not" "" "$bad"
check "and the journal reads" 'emctl --scope "sim:?clock=virtual&seed=8" log -j | jq -es "length >= 60" >/dev/null'

# ---- again

EM_SCOPE='sim:?clock=virtual&seed=5&mechanics=ideal'
check "a journal of one's own" 'emctl --journal mine.jsonl set stage.x=10um &&
	emctl --journal mine.jsonl set stage.y=5um stage.x=3um'
emctl --journal mine.jsonl set stage.x=2000um 2>/dev/null
check "the same again" 'emctl --scope "sim:?clock=virtual&seed=6&mechanics=ideal" replay mine.jsonl >again &&
	grep -q "^3 commands again, 0 differ" again'
check_is "of two processes with one number each command has its own id" "" "$(emctl --journal mine.jsonl log -j |
	jq -r "select(.phase != \"end\") | .id" | sort | uniq -d)"
check "what reads is not in it" 'emctl --journal mine.jsonl get >/dev/null && emctl --journal mine.jsonl wait &&
	emctl --journal mine.jsonl status >/dev/null && test "$(wc -l <mine.jsonl)" = 5'
# killed in the midst, and cut: what never ended is not done again, and told
head -n 1 mine.jsonl >cut.jsonl
cat mine.jsonl >>cut.jsonl
sed -n 3p mine.jsonl | head -c 90 >>cut.jsonl
check "a journal that was cut" 'emctl --scope "sim:?clock=virtual&seed=6&mechanics=ideal" replay cut.jsonl >again &&
	grep -q "^1 line of the journal is incomplete" again &&
	grep -q "^3 commands again, 0 differ; 1 left out that began and never ended$" again'
check_fails "what differs is told" 4 '[23] of 3 commands went otherwise' \
	'emctl --scope "sim:?clock=virtual&seed=7&mechanics=ideal&fault=ignore@1-9999" replay mine.jsonl'
check_fails "never on an instrument" 2 'replay runs on the simulator' \
	'emctl --scope http://127.0.0.1:1 replay mine.jsonl'
check_fails "nor dry" 2 'each command goes on from where' 'emctl --dry-run replay mine.jsonl'
check "none" "emctl --journal '' set spot=3"

finish
