#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emclassify: every form of support set gives the same answer, calibrated; its errors; its statistics.
. "${0%/*}/lib.sh"

for tool in emchip emembed emclassify jq; do
	have $tool || { skip "all" "no $tool"; finish; }
done

emchip -s 32 "$DATA/demo.tif" -o chips.tar
emembed chips.tar -o emb.tar
cp "$DATA/support.json" s.json
labels() { jq -r '[.key, .class.label] | @tsv'; }

# ---- accuracy against the simulated truth: the demo's unmixed chips ----
jq -r '.labels | to_entries[] | .key as $r | .value | to_entries[] | select(.value) | "\($r) \(.key) \(.value)"' \
	"$DATA/truth.json" | sort > truth
for d in euclidean cosine mahalanobis; do
	emclassify -d $d -S s.json -j emb.tar | jq -r '"\(.chip.row) \(.chip.col) \(.class.label)"' | sort > found.$d
	check_is "$d: every unmixed chip of the demo is right" "0 of $(wc -l < truth)" \
		"$(comm -23 truth found.$d | wc -l) of $(wc -l < truth)"
done

# ---- the record ----
emclassify -S s.json --save p.json --stats stats.json -o out.tar emb.tar
tar -xOf out.tar --wildcards '*.json' > out.jsonl
check_is "scores are minus distances, margin is best minus second, p belongs to the label" "" "$(jq -c '
	.class | (.scores | to_entries | sort_by(-.value)) as $s |
	select($s[0].key != .label or ($s[0].value - $s[1].value - .margin | fabs) > 1e-6 or .p < 1/3 or .p > 1
	or $s[0].value > 0 or .typical < 0 or .typical > 1)' out.jsonl)"
check_is "p is the softmax of -d^2/T, less the doubt" "" "$(jq -c --slurpfile p p.json '
	.class | .p as $is | ([.scores[] | - . * . / $p[0].temperature | exp] | add) as $sum |
	((.scores[.label] | - . * . / $p[0].temperature | exp) / $sum * (1 - $p[0].doubt) + $p[0].doubt / 3) as $must |
	select($is - $must | fabs > 1e-6)' out.jsonl)"
n=$(jq '[.classes[].chips | length] | add' s.json)
check_is "no p above (N + 1/2)/(N + 1) of $n supports" "0" \
	"$(jq -s --argjson n "$n" '[.[] | select(.class.p > ($n + 0.5) / ($n + 1) + 1e-6)] | length' out.jsonl)"
check "but some near it" 'jq -se --argjson n "$n" "any(.class.p > (\$n + 0.4) / (\$n + 1))" out.jsonl'
tar -xf out.tar --wildcards '*r003c005*' && mv demo after
tar -xf emb.tar --wildcards '*r003c005*'
check_same "the image passes byte for byte" demo/r003c005.tif after/r003c005.tif
check_same "and the embedding" demo/r003c005.embedding.npy after/r003c005.embedding.npy
check_is "the record gains class only" '["class"]' \
	"$(jq -cs '(.[1] | keys) - (.[0] | keys)' demo/r003c005.json after/r003c005.json)"
check_is "the rest of the record passes" "$(jq -c 'del(.class, .provenance)' demo/r003c005.json)" \
	"$(jq -c 'del(.class, .provenance)' after/r003c005.json)"
emclassify -t 1 -S s.json emb.tar > t1.tar
emclassify -t 2 -S s.json < emb.tar > t2.tar
check_same "the same bytes with one thread and two" t1.tar t2.tar

# ---- the forms of a support set ----
labels < out.jsonl > want
jq '.classes[].chips |= map("demo/r\(.[0] + 1000 | tostring[1:])c\(.[1] + 1000 | tostring[1:])")' s.json > keys.json
emclassify -S keys.json -j emb.tar | labels > got
check_same "by key" want got
jq '.picture = "demo"' s.json > picture.json
emclassify -S picture.json -j emb.tar | labels > got
check_same "by row and column in a named picture" want got
mkdir folder chips.d
tar -xf chips.tar -C chips.d
jq -r '.classes[] | .name as $n | .chips[] |
	"\($n) r\(.[0] + 1000 | tostring[1:])c\(.[1] + 1000 | tostring[1:])"' s.json |
while read -r class chip; do
	mkdir -p "folder/$class"
	cp "chips.d/demo/$chip.tif" "folder/$class/"
done
echo 'not a class' > folder/README
touch folder/film/.hidden
emclassify -S folder -j emb.tar | labels > got
check_same "folders of images" want got
for class in film substrate amorphous; do emcat --label $class folder/$class/*.tif -o $class.tar; done
emcat film.tar substrate.tar amorphous.tar | emembed -o labelled.tar
emclassify -S labelled.tar -j emb.tar | labels > got
check_same "a stream of labelled samples" want got
emclassify -S out.tar -j emb.tar > self.jsonl
check "a classified stream teaches, too" '[ "$(labels < self.jsonl | diff - want | grep -c "^<")" -lt 10 ]'
for d in euclidean cosine mahalanobis; do
	emclassify -d $d -S s.json --save $d.json -j --no-provenance emb.tar > first
	emclassify -S $d.json -j --no-provenance emb.tar > again
	check_same "$d: saved prototypes give the same bytes" first again
	emclassify -S $d.json --save $d.2.json -j emb.tar > /dev/null
	check_same "$d: and save the same bytes" $d.json $d.2.json
done
mkfifo fifo
cat s.json > fifo &
emclassify -S fifo -j emb.tar | labels > got
check_same "from a pipe" want got

( head -c 100 labelled.tar; sleep 0.2; tail -c +101 labelled.tar ) > fifo &
emclassify -S fifo -j emb.tar | labels > got
check_same "a stream from a pipe that gives its first bytes in drops" want got
bytes=$(printf 'not\377utf8')
mkdir -p odd/b "odd/$bytes"
cp folder/film/*.tif odd/b; cp folder/film/*.tif "odd/$bytes"
check_fails "a folder's name that is not UTF-8" 1 'not UTF-8' 'emclassify -S odd -o odd.tar emb.tar'

# ---- errors: one line, the right status, nothing half-written ----
bad() { # NAME PATTERN JQ-EDIT
	jq -c "$3" s.json > bad.json
	rm -f bad.tar
	check_fails "$1" 1 "^emclassify: .*$2" "emclassify -S bad.json -o bad.tar emb.tar"
	check "$1: nothing written" '[ ! -e bad.tar ]'
}
bad "unknown chip" 'class "film": chip \[99,3\] is not in the stream.*16 rows' '.classes[0].chips[1] = [99, 3]'
bad "unknown key" 'chip "demo/nope" is not in the stream' '.classes[2].chips[0] = "demo/nope"'
bad "class without chips" 'class "film" has no chips' '.classes[0].chips = []'
bad "class twice" 'class "film" is there twice' '.classes[1].name = "film"'
bad "class without a name" 'no name' 'del(.classes[1].name)'
bad "class name with a control character" 'control character' '.classes[1].name = "a\nb"'
bad "class called unknown" 'rejected' '.classes[1].name = "unknown"'
bad "one class only" '1 class: name at least two' '.classes |= .[:1]'
bad "chip in two classes" 'chip \[5,2\] is in two classes, "film" and "substrate"' '.classes[1].chips[0] = [5, 2]'
bad "chip twice in a class" 'chip \[5,2\] is there twice' '.classes[0].chips[1] = [5, 2]'
bad "chip by place and by key" 'names it twice' '.classes[1].chips[0] = "demo/r005c002"'
bad "other chip size" '32 x 32 pixels, the support set was picked on 64 x 64' '.chip.size = 64'
bad "chip size of no sense" 'size' '.chip.size = "big"'
bad "chip that is no chip" 'neither \[row,col\]' '.classes[0].chips[0] = [1.5, 2]'
bad "other picture" 'is not in the stream in picture "other"' '.picture = "other"'
bad "colour that is none" 'colour "red"' '.classes[0].color = "red"'
check_fails "no classes" 1 'neither "classes" nor "em_prototypes"' 'echo "{}" > e.json; emclassify -S e.json emb.tar'
check_fails "no JSON" 1 'e.json: ' 'echo "{" > e.json; emclassify -S e.json emb.tar'
check_fails "nothing we know" 1 'no support set' 'echo hello > e.json; emclassify -S e.json emb.tar'
check_fails "an empty file" 1 'no support set' ': > e.json; emclassify -S e.json emb.tar'
check_fails "no such file" 1 'none.json: No such file' 'emclassify -S none.json emb.tar'
check_fails "no -S" 2 '-S says what' 'emclassify emb.tar'
check_fails "another distance than the saved one" 2 'another distance' 'emclassify -S p.json -d cosine emb.tar'
check_fails "unlabelled stream" 1 'labelled|no "label"' 'emclassify -S emb.tar emb.tar'
check_fails "stdout for two things" 2 'standard output' 'emclassify -S s.json --stats - emb.tar'
check_fails "stdout for two things, -o - among them" 2 'standard output' \
	'emclassify -S s.json --stats - -o - emb.tar'
check_fails "--reject 2" 2 'between 0 and 1' 'emclassify -S s.json --reject 2 emb.tar'
emchip -s 64 "$DATA/demo2.tif" | emembed -o emb64.tar
emclassify -q -S "$DATA/support.json" --save sized.json -o /dev/null emb.tar
check_fails 'saved prototypes remember the size of their chips' 1 '64 x 64 pixels.* on 32 x 32' \
	'emclassify -S sized.json emb64.tar'
mkdir -p spoilt/a spoilt/b && cp "$DATA/gray8.png" spoilt/a/ && cp "$DATA/cut.png" spoilt/b/
check_fails 'a bad picture in a folder is named' 1 'spoilt/b/cut.png: ' 'emclassify -S spoilt emb.tar'
emchip -s 32 "$DATA/demo2.tif" | emembed -o emb2.tar
check_fails "[row,col] in two pictures" 1 'ambiguous: .*"demo" and "demo2"; add "picture"' \
	'emclassify -S s.json -o bad.tar emb.tar emb2.tar'
check "[row,col] in two pictures: nothing written" '[ ! -e bad.tar ]'
check "[row,col] in a named one of two pictures" 'emclassify -S picture.json -o two.tar emb2.tar emb.tar'

# ---- encoders do not mix ----
emembed -e pixels -o pixels.tar chips.tar
check_fails "saved prototypes of another encoder" 1 'embedded by pixels.*by em-small' 'emclassify -S p.json pixels.tar'
check_fails "labelled stream of another encoder" 1 \
	'embedded by pixels.*by em-small' 'emclassify -S labelled.tar pixels.tar'
jq '.sha256 = "0000"' p.json > p2.json
check_fails "the same encoder with another digest" 1 'sha256 .*sha256 0000' 'emclassify -S p2.json emb.tar'
emembed -e pixels film.tar -o fp.tar
emembed substrate.tar -o ss.tar
check_fails "a support set of two encoders" 1 'pixels.*em-small|em-small.*pixels' \
	'cat fp.tar ss.tar > mix.tar; emclassify -S mix.tar emb.tar'
check "folders follow the stream's encoder" \
	'emclassify -S folder --save pf.json -j pixels.tar > /dev/null && [ "$(jq .dim pf.json)" = 256 ]'

# ---- -k ----
check_fails "a sample without an embedding" 1 \
	'sample demo/r000c000: it has no embedding' 'emclassify -S p.json chips.tar'
cp chips.d/demo/r000c000.tif extra.tif
emchip -s 32 extra.tif -o extra.tar
emcat emb.tar extra.tar -o some.tar
check_exit "-k ends with 3" 3 'emclassify -k -S picture.json --stats k.json -o k.tar some.tar'
tar -xOf k.tar --wildcards 'extra/*.json' > failed.json
check_is "the sample goes on with its error" "emclassify" "$(jq -r .error.tool failed.json)"
check_is "all of them go on" 257 "$(tar -xOf k.tar --wildcards '*.json' | wc -l)"
check_is "statistics count it" "1" "$(jq -s 'map(.failed) | add' k.json)"
check "a marked sample is passed by" 'emclassify -S p.json -o again.tar k.tar'

# ---- one support a class: said, not hidden ----
jq -c '.classes[].chips |= .[:1]' s.json > one.json
check_is "one support a class: a warning" "emclassify: no class has two supports: the probabilities are a guess" \
	"$(emclassify -S one.json -j emb.tar 2>&1 > one.jsonl)"
check_is "and no typicality" "0" "$(jq -s '[.[] | select(.class.typical)] | length' one.jsonl)"

check_is "with unlabelled chips: another warning" \
	"emclassify: no class has two supports: the probabilities go by unlabelled chips alone" \
	"$(emclassify --transductive -S one.json -j emb.tar 2>&1 > /dev/null)"

# ---- unlabelled chips ----
emclassify -S s.json -j --no-provenance emb.tar > as-is.jsonl
emclassify --transductive -S s.json -j --no-provenance emb.tar > trans.jsonl
check_is "--transductive changes p and nothing else" "$(jq -c 'del(.class.p)' as-is.jsonl | md5sum)" \
	"$(jq -c 'del(.class.p)' trans.jsonl | md5sum)"
check "with one support a class p is surer, and right all the same" '
	emclassify -q --transductive -S one.json -j emb.tar > one.t.jsonl
	jq -se "(map(.class.p) | add / length) > 0.6" one.t.jsonl
	jq -se "(map(.class.p) | add / length) < 0.6" one.jsonl
	jq -r "\"\(.chip.row) \(.chip.col) \(.class.label)\"" one.t.jsonl | sort > found.one
	[ "$(comm -23 truth found.one | wc -l)" -eq 0 ]'
ways="--transductive|--whiten 0|--whiten 0.3|--power 0.5|--refine 2|--whiten 0.3 --power 0.8 --refine 1 -d cosine"
ways="$ways|--whiten 0.2 -d mahalanobis"
printf '%s\n' "$ways" | tr '|' '\n' > ways
while read -r way; do
	emclassify $way -S s.json --save way.json -j --no-provenance emb.tar > first
	emclassify -S way.json -j --no-provenance emb.tar > again
	check_same "$way: saved prototypes give the same bytes" first again
	emclassify $way -t 1 -S s.json -j --no-provenance emb.tar > once
	check_same "$way: the same bytes with one thread" first once
	jq -r '"\(.chip.row) \(.chip.col) \(.class.label)"' first | sort > found.way
	check_is "$way: every unmixed chip of the demo is right" 0 "$(comm -23 truth found.way | wc -l)"
	emclassify $way -S labelled.tar -j emb.tar | labels > got
	emclassify $way -S folder -j emb.tar | labels > want.way
	check_same "$way: a labelled stream and a folder agree" want.way got
done < ways
check_is "only a transform makes another version of the file" "1 2 2" \
	"$(for way in "--refine 1" "--whiten 0" "--power 0.9"; do
		emclassify $way -S s.json --save way.json -o /dev/null emb.tar && jq .em_prototypes way.json
	done | paste -sd' ')"
emclassify --whiten 0.3 -S picture.json -j emb.tar emb2.tar | labels > got
check "the mean is that of all pictures of the stream" '[ "$(wc -l < got)" -gt "$(wc -l < want)" ] &&
	emclassify --whiten 0.3 -S picture.json --save both.json -o /dev/null emb.tar emb2.tar &&
	emclassify --whiten 0.3 -S picture.json --save alone.json -o /dev/null emb.tar &&
	[ "$(jq -c .transform.mean both.json)" != "$(jq -c .transform.mean alone.json)" ]'
check_is "all samples pass, in order" "$(tar -tf emb.tar | md5sum)" \
	"$(emclassify --whiten 0.3 --refine 1 --smooth 0.5 -S s.json emb.tar | tar -tf - | md5sum)"
check "no temporary file stays after that" \
	'mkdir ahead && TMPDIR=$T/ahead emclassify --refine 1 -S s.json -j emb.tar > /dev/null && [ -z "$(ls ahead)" ]'
check_fails "--whiten 2" 2 'from 0 to 1' 'emclassify --whiten 2 -S s.json emb.tar'
check_fails "--whiten -1" 2 'from 0 to 1' 'emclassify --whiten -1 -S s.json emb.tar'
check_fails "--power 0" 2 'above 0' 'emclassify --power 0 -S s.json emb.tar'
check_fails "saved prototypes stay as they are" 2 'stay as they were made' 'emclassify --refine 1 -S p.json emb.tar'
check_fails "saved prototypes and --power" 2 'stay as they were made' 'emclassify --power 1 -S p.json emb.tar'
check_fails "chips that are all alike" 1 'whitening needs chips that differ' '
	for i in 1 2 3 4; do cp "$DATA/gray8.png" alike$i.png; done
	emcat --label a alike1.png -o a.tar; emcat --label b alike2.png -o b.tar
	cat a.tar b.tar | emembed -o ab.tar; emcat alike3.png alike4.png | emembed -o cd.tar
	emclassify --whiten 0.5 -S ab.tar cd.tar'
check_fails "unlabelled chips of another encoder" 1 '256 numbers' 'emclassify --refine 1 -S labelled.tar pixels.tar'
check_fails "a temporary folder that is none, reading ahead" 1 \
	'temporary file in .*nowhere' 'TMPDIR=$T/nowhere emclassify --transductive -S labelled.tar emb.tar'
check_exit "-k with a chip that has no embedding" 3 'emclassify -k --whiten 0.3 -S picture.json -o k2.tar some.tar'
check_is "it goes on with its error, the others are classified" "256 1" "$(tar -xOf k2.tar --wildcards '*.json' |
	jq -s '"\(map(select(.class)) | length) \(map(select(.error)) | length)"' -r)"

# ---- reject ----
emclassify --reject 0.9 -S s.json -j emb.tar > reject.jsonl
check_is "below P and only there: unknown" "" "$(jq -c '.class | select((.label == "unknown") !=
	(.p < 0.9 or .typical < 0.001)) ' reject.jsonl)"
check "some are unknown, most are not" \
	'n=$(grep -c "\"unknown\"" reject.jsonl); [ "$n" -gt 0 ] && [ "$n" -lt 100 ]'
check_is "a P that so few supports cannot reach: a warning" \
	"emclassify: --reject 0.999: so few supports allow no p above 0.969: every chip will be unknown" \
	"$(emclassify --reject 0.999 -S s.json -j emb.tar 2>&1 > /dev/null)"
# One class left out: its chips lie far from both others.
jq -c '.classes |= map(select(.name != "amorphous"))' s.json > without.json
emclassify --reject 0.01 --typical 0.001 -S without.json -j emb.tar > far.jsonl
check "a class that nobody named is not typical of the others" \
	'[ "$(jq -s "[.[] | select(.chip.row < 3 and .class.label == \"unknown\")] | length" far.jsonl)" -ge 46 ]'
check_is "--typical 0 turns that off" 0 \
	"$(emclassify --reject 0.01 --typical 0 -S without.json -j emb.tar | grep -c '"unknown"')"

# ---- statistics: the demo's, by its own records ----
check_is "one object a picture" '"demo" 256 16 16' \
	"$(jq -r '"\(.picture | tojson) \(.chips) \(.grid | join(" "))"' stats.json)"
check_is "counts are those of the records" "$(jq -r .class.label out.jsonl | sort | uniq -c | awk '{print $2, $1}')" \
	"$(jq -r '.classes[] | "\(.label) \(.chips)"' stats.json | sort)"
check_is "areas add up to the picture" 262144 "$(jq '[.regions[].area_px] | add' stats.json)"
for class in film substrate amorphous; do
	check_near "$class: area fraction within a chip's width of the truth" \
		"$(jq ".area_fraction.$class" "$DATA/truth.json")" \
		"$(jq --arg c $class '.classes[] | select(.label == $c) | .area_fraction' stats.json)" 0.04
done
emcat --pixel-size 0.03nm "$DATA/demo.tif" | emchip -s 32 | emembed |
	emclassify -S s.json --stats nm.json -j > /dev/null
check_near "calibrated: 512 x 512 pixels of 0.03 nm" 235.9296 "$(jq .area_nm2 nm.json)" 1e-6
emclassify -S picture.json --stats two.json -j emb.tar emb2.tar > /dev/null
check_is "two pictures, two lines" '"demo" "demo2"' "$(jq -c .picture two.json | paste -sd' ')"

# ---- smoothing ----
emclassify --smooth 0.7 -S s.json -j emb.tar > smooth.jsonl
check_is "raw is the label without smoothing" "$(md5sum < want)" \
	"$(jq -r '[.key, .class.raw] | @tsv' smooth.jsonl | md5sum)"
check "fewer regions, never more" '
	emclassify --smooth 0.7 --stats sm.json -S s.json -j emb.tar > /dev/null
	[ "$(jq ".regions | length" sm.json)" -le "$(jq ".regions | length" stats.json)" ]'
jq -r '"\(.chip.row) \(.chip.col) \(.class.label)"' smooth.jsonl | sort > found.smooth
check_is "given the neighbours, p keeps to the same bound" "0" \
	"$(jq -s --argjson n "$n" '[.[] | select(.class.p > ($n + 0.5) / ($n + 1) + 1e-6)] | length' smooth.jsonl)"
check_is "unmixed chips stay right" "0" "$(comm -23 truth found.smooth | wc -l)"
emclassify --smooth 0 -S s.json --no-provenance emb.tar > s0.tar
emclassify -S s.json --no-provenance emb.tar > s1.tar
check_same "--smooth 0 is no smoothing" s0.tar s1.tar
emclassify --smooth 0.7 -t 1 -S picture.json emb.tar emb2.tar > t1.tar
emclassify --smooth 0.7 -t 2 -S picture.json emb.tar emb2.tar > t2.tar
check_same "smoothing: the same bytes with one thread and two, two pictures" t1.tar t2.tar
check_is "smoothing keeps every sample, in order" "$(tar -tf emb.tar | md5sum)" \
	"$(emclassify --smooth 0.7 -S s.json emb.tar | tar -tf - | md5sum)"
mkdir spool
check "no temporary file stays" \
	'TMPDIR=$T/spool emclassify --smooth 1 -S s.json -j emb.tar > /dev/null && [ -z "$(ls spool)" ]'
check_fails "a temporary folder that is none" 1 \
	'temporary file in .*nowhere' 'TMPDIR=$T/nowhere emclassify -S s.json emb.tar'
check_fails "full disk" 1 'No space left' 'emclassify -S s.json emb.tar > /dev/full'

# ---- scripts/demo on a picture of the user's: chips that are not square
jq -c '.chip.size = [16, 32] | .classes[].chips |= map([.[0] * 2, .[1]])' s.json > flat.json
check "demo: \"size\":[height,width] is what emchip cuts" \
	'"$TOP/scripts/demo" --image "$DATA/demo.tif" --support flat.json --out demo.out'
check_is "demo: and classifies" '[[0,0,16,32],[32,16]]' \
	"$(head -n 1 demo.out/classes.jsonl | jq -c '[.chip.box, .chip.grid]')"

# ---- the published micrograph and support set (Akers et al. 2021) ----
STO=$REAL/14_pychip_STO_Ge_chips
if [ -e "$STO/support_set" ]; then
	for f in "$STO"/support_set/*/*.png; do # .../dots/otsu_image_14_10.png: row and column counted from 1
		class=${f%/*}
		echo "${class##*/} ${f##*_image_}"
	done | sed 's/[_.]/ /g' | jq -Rsc '[split("\n")[] | select(. != "") | split(" ")] | group_by(.[0]) |
		{chip: {size: 95}, classes: map({name: .[0][0],
			chips: map([(.[1] | tonumber) - 1, (.[2] | tonumber) - 1])})}' > sto.json
	emchip -s 95 --clahe 2 "$STO/manuscript_images/fig2_A/STO-Ge-HAADF.jpg" | emembed -o sto.tar
	for d in euclidean cosine mahalanobis; do
		# SCIENCE: rows and columns from 1; Ge below, Pt and vacuum above, SrTiO3 beside the wedge
		emclassify -d $d -S sto.json -j sto.tar |
		jq -r '"\(.chip.row + 1) \(.chip.col + 1) \(.class.label) \(.class.p)"' |
		awk '{t = ""
			if ($1 >= 22) t = "snowmen"; else if ($1 <= 3) t = "other"
			else if ($1 >= 10 && $1 <= 18 && ($2 <= 12 || $2 >= 24)) t = "dots"
			if (t != "") {n++; right += t == $3; p += $4; cell[t " as " $3]++}}
			END {print n, right, p / n; for (c in cell) print "# " c ": " cell[c]}' > score
		sed -n '/^#/p' score
		read -r n right p < score
		check_is "$d: the unambiguous chips" 637 "$n"
		check "$d: at least 99.37 % right ($right of $n)" '[ $((right * 10000)) -ge $((n * 9937)) ]'
		check_near "$d: mean p is what 15 supports allow" 0.94 "$p" 0.04
	done
	emclassify -S sto.json -j sto.tar | labels > want
	emclassify -S "$STO/support_set" -j sto.tar | labels > got
	check_same "the published chips themselves as support: the same labels" want got
else
	skip "published STO/Ge micrograph" "no data in $REAL"
fi

finish
