#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The same faults for every tool: cut and empty input, full disks, readers that go away, files that are none.
. "${0%/*}/lib.sh"

# What each tool reads here, and how it is called.
emchip -s 64 "$DATA/demo.tif" >chips.tar
emembed chips.tar >embedded.tar
cat >support.json <<'X'
{"classes":[{"name":"a","chips":[[0,0],[0,1]]},{"name":"b","chips":[[7,0],[7,1]]}]}
X
emclassify -q -S support.json embedded.tar >classified.tar
emchip -s 128 "$DATA/demo.tif" | emembed -e pixels | emcat --drop tif >few-embedded.tar
printf '{"classes":[{"name":"a","chips":[[0,0],[0,1]]},{"name":"b","chips":[[3,0],[3,1]]}]}\n' >few.json
emclassify -q -S few.json few-embedded.tar >few-classified.tar
emcat "$DATA/gray8.png" "$DATA/gray16.png" >few-pictures.tar

command_of() {
	case $1 in
	emcat) echo emcat ;;
	emchip) echo emchip -s 4 ;;
	emembed) echo emembed -e pixels ;;
	emclassify) echo emclassify -q -S few.json ;;
	emplot) echo emplot abundance --format png ;;
	esac
}
input_of() {
	case $1 in
	emcat|emchip|emembed) echo few-pictures.tar ;;
	emclassify) echo few-embedded.tar ;;
	emplot) echo few-classified.tar ;;
	esac
}

for tool in emcat emchip emembed emclassify emplot; do
	command=$(command_of $tool) input=$(input_of $tool)
	check_exit "$tool: the whole input" 0 "$command $input >whole.out"

	size=$(wc -c <"$input") at=512 cuts=0 seen=0
	while [ "$at" -lt "$size" ]; do
		cuts=$((cuts + 1))
		head -c "$at" "$input" >cut.tar
		# shellcheck disable=SC2086 # the command is words
		$command cut.tar >cut.out 2>err.txt
		[ $? -eq 1 ] && [ "$(wc -l <err.txt)" -eq 1 ] && seen=$((seen + 1))
		at=$((at + 512))
	done
	check_is "$tool: cut at each of $cuts block boundaries: exit 1 and one line" "$cuts" "$seen"

	check_fails "$tool: no end mark" 1 'end mark is missing' "head -c $((size - 1024)) $input | $command"
	check_fails "$tool: empty standard input" 1 'standard input: empty input' "$command </dev/null"
	check_fails "$tool: full disk" 1 'No space left' "$command $input >/dev/full"
	check_fails "$tool: full disk behind -o" 1 'No space left' "$command -o /dev/full $input"
	check_fails "$tool: a file that is not there" 1 'none.tar: cannot open' "$command none.tar"
	check_fails "$tool: a folder" 1 'Is a directory' "$command ."
	check_exit "$tool: standard output closed" 1 "$command $input >&- 2>/dev/null"
	check_exit "$tool: standard input closed" 1 "$command <&- >/dev/null 2>&1"

	# More than a pipe holds, so that the tool is still writing when its reader goes.
	case $tool in emplot|emclassify) continue ;; esac
	big=$input; [ $tool = emchip ] && big=$DATA/demo.tif
	many='' i=0
	while [ $i -lt 20 ]; do
		mkdir -p d$i; cp "$DATA/demo.tif" d$i/p$i.tif; many="$many d$i/p$i.tif"; i=$((i + 1))
	done
	[ $tool = emchip ] || big=$many
	sh -c "$command $big 2>err; echo \$? >status" | head -c 1 >/dev/null
	check_is "$tool: EPIPE with SIGPIPE: dies by it, in silence" '141 0' "$(cat status) $(wc -c <err)"
	sh -c "trap '' PIPE; $command $big 2>err; echo \$? >status" | head -c 1 >/dev/null
	check_is "$tool: EPIPE with SIGPIPE ignored: the same" '141 0' "$(cat status) $(wc -c <err)"
done
sh -c 'emclassify -q -S support.json embedded.tar 2>err; echo $? >status' | head -c 1 >/dev/null
check_is 'emclassify: EPIPE with SIGPIPE: dies by it, in silence' '141 0' "$(cat status) $(wc -c <err)"
sh -c 'trap "" PIPE; emclassify -q -S support.json embedded.tar 2>err; echo $? >status' | head -c 1 >/dev/null
check_is 'emclassify: EPIPE with SIGPIPE ignored: the same' '141 0' "$(cat status) $(wc -c <err)"
sh -c 'trap "" PIPE; emplot image --width 1600 "$DATA/demo.tif" 2>err; echo $? >status' | head -c 1 >/dev/null
check_is 'emplot: EPIPE with SIGPIPE ignored: dies by it, in silence' '141 0' "$(cat status) $(wc -c <err)"

# ---- reports beside the stream ----
for report in --stats --save; do
	check_fails "emclassify: full disk behind $report" 1 'No space left' \
		"emclassify -q -S few.json $report /dev/full few-embedded.tar"
	check_fails "emclassify: $report in a folder that is not there" 1 'No such file' \
		"emclassify -q -S few.json $report none/x few-embedded.tar"
done
check_fails 'emclassify: two outputs under one name' 2 'need a file each' \
	'emclassify -S few.json --stats x --save x few-embedded.tar'
head -c 20000 embedded.tar >cut.tar
emclassify -q -S support.json --stats s.jsonl -o c.tar cut.tar 2>/dev/null
check_is 'emclassify: a cut stream leaves neither statistics nor stream' '' "$(ls s.jsonl* c.tar* 2>/dev/null)"
for kind in png svg pdf; do
	check_fails "emplot: full disk, $kind" 1 'No space left' \
		"emplot abundance --format $kind few-classified.tar >/dev/full"
done

# ---- JSON that is none, wherever JSON is read ----
bad_support() { # WHAT TEXT PATTERN
	printf '%s' "$2" >bad.json
	check_fails "support set: $1" 1 "$3" 'emclassify -S bad.json few-embedded.tar'
}
bad_support 'depth 10,000' "{\"classes\":$(printf '%10000s' '' | tr ' ' '[')" 'nested too deeply'
bad_support 'invalid UTF-8' "$(printf '{"classes":"\377"}')" 'not valid UTF-8'
bad_support 'NaN' '{"classes":[NaN]}' 'not JSON'
bad_support 'cut' '{"classes":[' 'not JSON'
{ printf '{"a":"'; head -c 100000000 /dev/zero | tr '\0' x; printf '"}'; } >bad.json
check_fails 'support set: 100 MB' 1 'are the limit' 'emclassify -S bad.json few-embedded.tar'
check_fails 'colours: 100 MB' 1 'are the limit' 'emplot abundance -c bad.json few-classified.tar'

# ---- files that hide behind others ----
check_fails 'two pictures joined by cat' 1 'another file .png. follows' \
	'cat "$DATA/gray8.png" "$DATA/gray16.png" | emcat'
check_fails 'a stream behind a JPEG' 1 'another file .a stream. follows' 'cat "$DATA/gray.jpg" chips.tar | emcat'
if have gzip; then
	check_fails 'a stream behind a compressed one' 1 'follows the compressed stream' \
		'{ gzip -c few-pictures.tar; cat chips.tar; } | emcat'
	check_fails 'a compressed picture is no stream' 1 'no tar archive' 'gzip -c "$DATA/gray8.png" | emcat'
else skip 'a stream behind a compressed one' 'no gzip here'; fi

# ---- bombs inside a stream: 10^9 x 10^9 pixels in some hundred bytes ----
limit='ulimit -v 1000000'
case $EM_BIN in *-san/bin) limit=: ;; esac # ASan's shadow alone takes terabytes of addresses
for bomb in bomb.png bomb.tif bomb.jpg; do
	mkdir -p bomb && cp "$DATA/$bomb" "bomb/x.${bomb##*.}" && echo '{}' >bomb/x.json
	tar -cf bomb.tar -C bomb "x.${bomb##*.}" x.json
	check_fails "$bomb inside a stream" 1 'sample x: ' "($limit; emchip -s 4 bomb.tar)"
	rm -r bomb
done

# ---- one bad sample among good ones ----
if have_numpy; then
	"$PYTHON" -c 'import numpy; numpy.save("f.npy", numpy.zeros((32, 32)))'
	check_exit 'emchip -k goes on over a picture that CLAHE does not take' 3 \
		'emchip -k -s 4 --clahe 2 f.npy "$DATA/gray8.png" 2>/dev/null >k.tar'
	check_is 'and cuts the others' 1 "$(emcat -j k.tar | grep -c '"error"')"
else skip 'emchip -k' 'no numpy here'; fi

# ---- signals ----
mkfifo pipe
for signal in INT TERM HUP QUIT; do
	# A shell's background jobs ignore SIGINT and SIGQUIT, and what ignores a signal should go on doing so.
	env --default-signal=INT,QUIT emcat -o half.tar "$DATA/demo.tif" pipe 2>/dev/null &
	pid=$!
	exec 3>pipe # the tool has opened it, and waits
	kill -$signal $pid
	exec 3>&-
	wait $pid 2>/dev/null
	check_is "SIG$signal ends it, and takes the half-written file along" \
		"$(kill -l $?) " "$signal $(ls half.tar* 2>/dev/null)"
done
emcat "$DATA/demo.tif" pipe >/dev/null 2>usr1.txt &
pid=$!
exec 3>pipe
kill -USR1 $pid
i=0; while [ ! -s usr1.txt ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i + 1)); done
check 'SIGUSR1 is answered while a tool waits' "grep -Eq '^emcat: [01] samples, [0-9]+ s$' usr1.txt"
exec 3>&-; wait $pid 2>/dev/null

# ---- what is replaced keeps its permissions ----
echo old >mode.tar; chmod 640 mode.tar; emcat -o mode.tar few-pictures.tar
check_is 'permissions stay' '-rw-r-----' "$(ls -l mode.tar | cut -c1-10)"
finish
