#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# eelsforecast: train, predict, evaluate; live; alerts; faults.
. "${0%/*}/lib.sh"

have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }
have jq || { echo "Bail out! jq is needed: run scripts/install-deps"; exit 1; }

emsynth reduction --series 6 -n 40 --seed 1 >past.tar
emsynth reduction --series 1 -n 40 --seed 2 --conversion 0.9 --law zero-order >now.tar

# ---- train ----
check "train" "eelsforecast train --no-provenance -t 1 -o a.safetensors past.tar"
eelsforecast train -t 3 --no-provenance -o b.safetensors past.tar
check_same "the same bytes with one thread and three" a.safetensors b.safetensors
check_is "the model says what it was made of" "6 lowrank" "$("$PYTHON" - <<'E2'
import json, struct
f = open("a.safetensors", "rb").read()
m = json.loads(f[8:8 + struct.unpack("<Q", f[:8])[0]])["__metadata__"]
print(len(json.loads(m["provenance"])["series"]), m["forecast.model"])
E2
)"

# ---- predict ----
eelsforecast predict -m a.safetensors -n 9 now.tar >out.tar
check_is "a sample out for each one in" 40 "$(tar tf out.tar | grep -c json)"
tar -xf out.tar
check_is "no forecast before the window is full, then each time" "7 33" "$(
	eelsforecast predict -m a.safetensors -n 9 -j now.tar |
	jq -s -r '"\(map(select(.forecast == null)) | length) \(map(select(.forecast.steps == 9)) | length)"')"
cat >judge.py <<'E2'
"""Errors of forecasts to the truth they are of, by those of persistence; and the share inside the interval."""
import glob, sys
import numpy as np
f = sorted(glob.glob("s2/reduction-000000/f*.truth.npy"))
truth = [np.load(x) for x in f]
ours, last, inside = [], [], []
for t in range(7, len(f) - 9):
    base = f[t][:-len("truth.npy")]
    p, lo, hi = (np.load(base + n + ".npy") for n in ("forecast", "forecast-low", "forecast-high"))
    assert p.dtype == np.float32 and p.shape == truth[t].shape and (lo <= p).all() and (p <= hi).all()
    ours.append(((p - truth[t + 9]) ** 2).mean())
    last.append(((np.load(base + "spectrum.npy") - truth[t + 9]) ** 2).mean())
    inside.append(((truth[t + 9] >= lo) & (truth[t + 9] <= hi)).mean())
print(int(np.sqrt(np.mean(ours)) < 0.7 * np.sqrt(np.mean(last))), int(0.6 < np.mean(inside) <= 1))
E2
check_is "nearer to the truth than the last spectrum, most of it inside" "1 1" "$("$PYTHON" judge.py)"
"$PYTHON" - <<'E2'
import glob
import numpy as np
np.save("rows.npy", np.stack([np.load(x) for x in sorted(glob.glob("s2/reduction-000000/f*.spectrum.npy"))]))
E2
check_is "an array time x energy is a series" "true" "$(
	eelsforecast predict -m a.safetensors -n 9 --energy 435,0.1 -j rows.npy | jq -c .forecast.descriptors >rows
	eelsforecast predict -m a.safetensors -n 9 -j now.tar | tail -n 1 | jq -c .forecast.descriptors >stream
	cmp -s rows stream && echo true)"
mkdir gap; tar -xf now.tar -C gap; rm gap/s2/reduction-000000/f00002[0-4].*
(cd gap && tar -cf ../gap.tar --sort=name s2)
check_is "spectra that did not come are missing" "30 true" "$(
	for s in now gap; do eelsforecast predict -m a.safetensors -n 9 -j $s.tar | grep f000030; done | jq -s -r \
		'"\(.[1].forecast.frame) \(map(.forecast.descriptors["L3/L2"].value) | .[0] - .[1] | fabs < 0.01)"')"
check_is "a path holds all steps" "5 1900" "$(
	eelsforecast predict -m a.safetensors -n 5 --path --energy 435,0.1 rows.npy >p.tar
	tar -xOf p.tar rows.forecast.npy >p.npy; "$PYTHON" -c 'import numpy as np; print(*np.load("p.npy").shape)')"
check_is "until it changes no more" "true" "$(
	eelsforecast predict -m a.safetensors --until 'change < 1e-2' -j now.tar |
	tail -n 1 | jq '.forecast.until | .steps >= 1 and .value < 1e-2')"
check_is "intervals of measurements are wider" "true" "$(
	for o in "" --noise; do
		eelsforecast predict -m a.safetensors $o --energy 435,0.1 rows.npy >w.tar
		tar -xOf w.tar rows.forecast-low.npy >low.npy; tar -xOf w.tar rows.forecast.npy >mid.npy
		"$PYTHON" -c 'import numpy as np; print(float((np.load("mid.npy") - np.load("low.npy")).mean()))'
	done | jq -s '.[1] > 1.5 * .[0]')"

check_is "no descriptors where none are asked for" "true" "$(
	eelsforecast predict -m a.safetensors --edges none -j now.tar | tail -n 1 | jq '.forecast.descriptors == {}')"
cat >short.py <<'E2'
"""Rows 28 and 29, which a forecast needs 8 of: the splitting takes a fit a spectrum."""
import numpy as np
np.save("few.npy", np.load("rows.npy")[:9])
E2
"$PYTHON" short.py
check_is "the splitting, near that of the truth, with an interval" "true" "$(
	eelsforecast predict -m a.safetensors --energy 435,0.1 --crystal-field -j few.npy |
	jq --argjson t "$(eelsforecast predict -m a.safetensors -j now.tar | sed -n 10p | jq .truth.splitting_ev)" \
		'.forecast.descriptors["t2g/eg"] |
			(.value - $t | fabs) < 0.15 and .low < .value and .value < .high and .high - .low < 0.3')"

# ---- a component that appears: a line at 500 eV, 2 % a spectrum from the 15th on ----
cat >grow.py <<'E2'
import numpy as np
line = np.exp(-((435 + 0.1 * np.arange(1900) - 500) / 2) ** 2 / 2)
grown = 1 + 0.02 * np.clip(np.arange(40) - 15, 0, None)[:, None] * line
np.save("grown.npy", (np.load("rows.npy") * grown)[:36].astype("f4"))
np.save("window.npy", line > 0.1)
np.save("later.npy", (np.load("rows.npy") * grown)[39])
E2
"$PYTHON" grow.py
check_is "who adapts follows it" "true" "$(
	for o in --adapt ""; do
		eelsforecast predict -m a.safetensors -n 4 $o --edges none --energy 435,0.1 -o g.tar grown.npy
		tar -xOf g.tar grown.forecast.npy >g.npy
		"$PYTHON" -c 'import numpy as np
w = np.load("window.npy")
print(abs((np.load("g.npy") / np.load("later.npy") - 1)[w].mean()))'
	done | jq -s '.[0] < 0.5 * .[1]')"

# ---- alerts ----
check_exit "an event: exit 5" 5 \
	"eelsforecast predict -m a.safetensors --alert 'L3/L2 > 1 within 20' -j now.tar >alert.jsonl"
check_is "once a series, before it is so, and about when" "true" "$(jq -s '
	(map(.forecast | select(. and .descriptors["L3/L2"].value > 1)) | .[0].frame + 1) as $when |
	map(select(.event)) | length == 1 and (.[0] | .event.value > 1 and .event.steps > 1 and
		(.forecast.frame + .event.steps - $when | fabs) <= 4)' alert.jsonl)"
check_exit "no event: exit 0" 0 \
	"eelsforecast predict -m a.safetensors --alert 'L3/L2 > 9 within 5' now.tar >none.tar"
eelsforecast predict -m a.safetensors --alert 'L3/L2 > 1 within 20' --stop -j now.tar >stop.jsonl
check_is "--stop: the event is the last" "true" "$(tail -n 1 stop.jsonl | jq 'has("event")')"

# ---- live ----
mkfifo pipe
(eelsforecast predict -m a.safetensors -j pipe | cat >live.jsonl; echo yes >ended) &
exec 8>pipe
head -c 400000 now.tar >&8
for _ in $(seq 100); do [ "$(wc -l <live.jsonl)" -ge 12 ] && break; sleep 0.1; done
check "forecasts of a pipe go out before it ends" '[ "$(wc -l <live.jsonl)" -ge 12 ] && [ ! -e ended ]'
tail -c +400001 now.tar >&8
exec 8>&-
wait
check_is "and all of them in the end" 40 "$(wc -l <live.jsonl)"

# ---- evaluate ----
eelsforecast evaluate --method lowrank,persistence,mean -n 1,9 --groups 2 -j past.tar >e.jsonl
check_is "a record of each model and horizon" "lowrank 1,lowrank 9,persistence 1,persistence 9,mean 1,mean 9" \
	"$(jq -s -r 'map("\(.model) \(.steps)") | join(",")' e.jsonl)"
check_is "lowrank is nearest to the truth" "true" "$(jq -s '(map(select(.model == "lowrank")) | map(.truth)) as $l |
	all(.[]; .truth >= $l[if .steps == 1 then 0 else 1 end])' e.jsonl)"
check "a table" "eelsforecast evaluate -m a.safetensors -n 9 now.tar | grep -Eq '^ +9 lowrank +24 '"
check "no forecasts, no numbers" \
	"eelsforecast evaluate -m a.safetensors -n 1,60 now.tar | grep -Eq '^ +60 lowrank +0[- ]+$'"
check "the published split says that it leaks" \
	"eelsforecast evaluate --method mean --split published -n 1 past.tar 2>&1 >table | grep -q leaks"
check_is "a chain of origins: each from what came before it, all forecasts once" "27 27" "$(
	for n in 1 4; do
		eelsforecast evaluate --method persistence --split forward --origins $n -n 1 --edges none -j now.tar |
			jq .forecasts
	done | xargs)"
eelsforecast train --method var -o v.safetensors past.tar
check_is "several models in one table" "lowrank,var" "$(
	eelsforecast evaluate -m a.safetensors,v.safetensors -n 9 --edges none -j now.tar |
		jq -s -r 'map(.model) | join(",")')"
check_is "no interval where the model tells none" "true" "$(
	eelsforecast evaluate -m v.safetensors -n 9 -j now.tar |
		jq '.descriptors["L3/L2"] | .rmse > 0 and .inside == null')"
check_is "an adapting model is judged as such" "true" "$(
	for o in "" --adapt; do eelsforecast evaluate -m a.safetensors $o -n 9 --edges none -j now.tar; done |
	jq -s '.[0].truth != .[1].truth')"

# ---- training that goes on ----
emsynth reduction --series 3 -n 24 --seed 1 --energy 440:0.4:250 >small.tar
tensors() { "$PYTHON" -c 'import sys
b = open(sys.argv[1], "rb").read()
sys.stdout.buffer.write(b[8 + int.from_bytes(b[:8], "little"):])' "$1"; }
go() { eelsforecast train --method "$@" small.tar; }
for m in eelstm lstm; do
	go $m -n 1,5 --epochs 6 -o whole.st
	go $m -n 1,5 --epochs 2 -o part.st
	go $m -n 1,5 --epochs 6 --resume part.st -o on.st
	tensors whole.st >whole; tensors on.st >on; tensors part.st >part
	check "$m: as if it had not stopped" "cmp whole on && ! cmp -s whole part"
done
emsynth reduction -n 24 --seed 3 --energy 440:0.4:250 >other.tar
check_is "a network for each horizon" "true" "$(eelsforecast predict -m whole.st -n 1 -o p1.tar other.tar
	eelsforecast predict -m whole.st -n 5 -o p5.tar other.tar
	for n in 1 5; do tar -xOf p$n.tar s3/reduction-000000/f000020.forecast.npy | cksum; done | uniq | wc -l |
	jq '. == 2')"
check "a horizon that is given twice has one" "go lstm -n 1,1 --epochs 1 -o twice.st &&
	eelsforecast predict -m twice.st -n 1 -o /dev/null other.tar"
check_fails "a horizon that it has no network for" 1 'no network for horizon 9' \
	"go lstm -n 9 --resume part.st -o x.st"
check_fails "other series to go on with" 1 'part.st: .* made of other series' \
	"eelsforecast train --method lstm -n 1,5 --resume part.st -o x.st small.tar other.tar"
check_fails "nothing to go on with" 2 '--resume: lowrank is learned at once' \
	"eelsforecast train --resume part.st -o x.st small.tar"
check_fails "a model of another axis to go on with" 1 'made of other series' \
	"eelsforecast train --method eelstm -n 1 --epochs 1 --resume whole.st -o x.st past.tar"
eelsforecast train --method lstm -n 1 --epochs 1000000 --patience 1000000 -v -o cut.st small.tar 2>cut.log &
pid=$!
for _ in $(seq 300); do grep -q 'epoch 10:' cut.log && break; sleep 0.1; done
kill -TERM $pid
wait $pid
check_is "interrupted: it says so, and writes what it has" "130 1 1" \
	"$? $(grep -c 'to go on with by --resume' cut.log) $(test -s cut.st && echo 1)"
check "which goes on" "go lstm -n 1 --epochs 1 --resume cut.st -o x.st"
trap '' USR1 # until it has a handler
eelsforecast evaluate --method eelstm -n 1 --epochs 3 --edges none --split published small.tar >table 2>asked &
pid=$!
while kill -USR1 $pid 2>/dev/null; do :; done
wait $pid
check_is "asked for progress again and again, it goes on" "0 1" "$? $(grep -c eelstm table)"
trap - USR1

# ---- faults ----
check_fails "judged by its own series" 1 'made of' "eelsforecast evaluate -m a.safetensors past.tar"
check_fails "one series, and no other" 2 'one series' "eelsforecast evaluate --method mean now.tar"
check_fails "steps that no series has" 1 'nothing to judge' "eelsforecast evaluate -q --method mean -n 200 past.tar"
check_fails "a model and a method" 2 'leave one of them out' \
	"eelsforecast evaluate -m a.safetensors --method mean now.tar"
check_fails "no verb" 2 'comes first' "eelsforecast past.tar"
check_fails "no model" 2 'train' "eelsforecast predict now.tar"
check_fails "no condition" 2 'is no condition' "eelsforecast predict -m a.safetensors --alert 'L3 below 1' now.tar"
check_fails "an alert without its steps" 2 'within' "eelsforecast predict -m a.safetensors --alert 'L3/L2 < 1' now.tar"
check_fails "no such model" 2 'no model is called' "eelsforecast train --method magic -o x past.tar"
check_fails "two models, one to train" 2 'more than 1' "eelsforecast train --method mean,holt -o x past.tar"
head -c 5000 a.safetensors >cut.safetensors
check_fails "a cut model" 1 'cut' "eelsforecast predict -m cut.safetensors now.tar"
check_fails "an axis without units" 1 'no energy' "eelsforecast train -o x rows.npy"
check_fails "another energy axis" 1 'another energy axis' \
	"eelsforecast predict -m a.safetensors --energy 400,0.1 rows.npy"
"$PYTHON" - <<'E2'
import numpy as np
x = np.load("rows.npy")
np.save("short.npy", x[:9])
np.save("negative.npy", x - x.mean())
np.save("nan.npy", x * np.nan)
c = x.copy(); c[5] = 7
np.save("constant.npy", c)
g = x.copy(); g[3] = 0; g[12] = np.nan; g[20, 300:900] = np.nan; g[25, 100:140] = 65535
np.save("gaps.npy", g)
E2
check_fails "shorter than the window" 1 'shorter' "eelsforecast train --energy 435,0.1 -o x short.npy"
check_fails "negative counts" 1 'negative counts' "eelsforecast train --energy 435,0.1 -o x negative.npy"
check_fails "nothing but NaN" 1 'too few' "eelsforecast train --energy 435,0.1 -o x nan.npy"
check_fails "a constant spectrum" 1 'constant' "eelsforecast train --energy 435,0.1 -o x constant.npy"
check_is "a stream that does not fill the window: a warning" 1 "$(emsynth reduction -n 7 --seed 2 |
	eelsforecast predict -m a.safetensors -j 2>&1 >/dev/null | grep -c 'no forecast: .* window of 8 spectra')"
check_fails "a horizon and a condition" 2 'leave --horizon out' \
	"eelsforecast predict -m a.safetensors -n 9 --until 'change < 1' now.tar"
check_exit "-k marks it and goes on" 3 \
	"eelsforecast predict -k -m a.safetensors --energy 435,0.1 -j constant.npy >k.jsonl"
check_is "with the reason" "true" "$(jq '.error.tool == "eelsforecast"' k.jsonl)"
cat >struck.py <<'E2'
import numpy as np
x = np.load("rows.npy")
x[25, 1400] *= 10
x[30, 700:702] += 1e6
np.save("struck.npy", x)
E2
"$PYTHON" struck.py
check_is "nor is an X-ray, and intervals stay as they were" "true" "$(for f in rows struck; do
	eelsforecast predict -m a.safetensors -n 9 --noise --energy 435,0.1 -j $f.npy | jq .forecast.descriptors
done | jq -s 'map([.[] | .high - .low]) | transpose | map(.[1] / .[0] - 1 | fabs < 0.02) | all')"
check "gaps and saturation are no fault" \
	"eelsforecast predict -m a.safetensors --energy 435,0.1 -j gaps.npy | jq -e .forecast.descriptors >gaps.json"
finish
