#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The formats: every file of the tables in testdata/README.md, through emcat.
. "${0%/*}/lib.sh"

have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }

# "SHAPE DTYPE MEAN..." of the arrays in a stream, one word list for all samples; the reader is Python's, not ours.
cat >facts.py <<'END'
import io, json, struct, sys, tarfile
import numpy as np

def image(b):  # the stream's TIFF profile: little-endian, one strip, no compression
    assert b[:4] == b"II*\0"
    at, = struct.unpack_from("<I", b, 4)
    tags = {}
    for i in range(struct.unpack_from("<H", b, at)[0]):
        tag, kind, n, value = struct.unpack_from("<HHII", b, at + 2 + 12 * i)
        tags[tag] = value & 0xFFFF if kind == 3 else value
    assert tags[259] == 1 and tags[277] == 1, "not the plain profile"
    kind = "uif"[tags.get(339, 1) - 1] + str(tags[258] // 8)
    shape = tags[257], tags[256]
    assert tags[279] == shape[0] * shape[1] * tags[258] // 8
    return np.frombuffer(b, "<" + kind, shape[0] * shape[1], tags[273]).reshape(shape)

shape = dtype = None
means = []
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
    for m in tar:
        data = tar.extractfile(m).read()
        if m.name.endswith(".json"):
            record = json.loads(data)
            continue
        a = image(data) if m.name.endswith(".tif") else np.load(io.BytesIO(data))
        shape, dtype = "x".join(map(str, a.shape)), a.dtype.name
        means.append("%.9g" % a.astype("f8").mean())
print(shape, dtype, *means)
END

field() { printf '%s\n' "$row" | awk -F' *[|] *' -v n="$1" '{print $(n + 1)}'; }

# The rows of the table under heading $1
table() { awk -v h="## $1" '$0 == h {on = 1; next} /^## / {on = 0} on && /^\| [a-z0-9-]+\./' "$DATA/README.md"; }

table Formats >formats
while read -r row; do
	name=$(field 1)
	want="$(field 3) $(field 4) $(field 5)"
	got=$(emcat "$DATA/$name" | "$PYTHON" facts.py 2>&1)
	case $name in
	*.jpg)
		check_is "$name: shape and type" "${want% *}" "${got% *}"
		check_near "$name: mean" "${want##* }" "${got##* }" 0.5 ;;
	*) check_is "$name: $(field 6)" "$want" "$got" ;;
	esac
	emcat <"$DATA/$name" >stdin.tar 2>stdin.log
	check_is "$name: the same pixels from standard input" "$got" "$("$PYTHON" facts.py <stdin.tar 2>&1)"
done <formats

table Refused >refused
while read -r row; do
	name=$(field 1)
	check_fails "$name refused: $(field 3)" 1 "$name" "timeout 10 emcat '$DATA/$name'"
done <refused
check_is "both tables were read" "34 22" "$(wc -l <formats | tr -d ' ') $(wc -l <refused | tr -d ' ')"

# Little memory is asked for on the word of a header.
for bomb in bomb.png bomb.tif bomb.jpg bomb.npy bomb.ser; do
	case $EM_BIN in
	*-san/*) skip "$bomb in 512 MB" "address sanitizer reserves terabytes" ;;
	*) check_fails "$bomb in 512 MB" 1 "$bomb" "ulimit -v 524288; emcat '$DATA/$bomb'" ;;
	esac
done

# Shards made by other programs
mkdir -p shard/run1
for i in 1 2 3; do
	cp "$DATA/gray8.png" shard/run1/c$i.png
	printf '{"label":%d}\n' $i >shard/run1/c$i.json
done
if tar --sort=name -cf gnu.tar -C shard run1 2>/dev/null; then
	check_is "GNU tar --sort=name from files on disk" "3" "$(emcat -j gnu.tar | wc -l | tr -d ' ')"
	check_is "its records' own members stay" "1 2 3" "$(emcat -j gnu.tar | jq .label | xargs)"
	check_is "its keys keep the folder" "run1/c1" "$(emcat -j gnu.tar | jq -r .key | head -n 1)"
	tar --sort=name --format=gnu -cf dots.tar -C shard .
	check_is "names that begin with ./" "3" "$(emcat -j dots.tar | wc -l | tr -d ' ')"
else
	skip "GNU tar --sort=name from files on disk" "tar is not GNU tar"
fi
if have bsdtar; then
	(cd shard && bsdtar -cf ../bsd.tar run1/c1.png run1/c1.json run1/c2.png run1/c2.json)
	check_is "bsdtar" "2" "$(emcat -j bsd.tar | wc -l | tr -d ' ')"
fi

# Our streams in other programs' hands
emcat "$DATA/stack3-u8.tif" >ours.tar
check_is "tar lists our stream" "6" "$(tar tf ours.tar | wc -l | tr -d ' ')"
check_is "tar's --wildcards gives JSON Lines" "3" "$(tar xOf ours.tar --wildcards '*.json' | grep -c '"uint8"')"
have bsdtar && check_is "bsdtar lists our stream" "6" "$(bsdtar tf ours.tar | wc -l | tr -d ' ')"
for packer in gzip zstd xz; do
	have $packer || { skip "a stream through $packer" "$packer is not here"; continue; }
	$packer -c <ours.tar >packed
	check_is "a stream through $packer" "$(emcat -j ours.tar)" "$(emcat -j packed 2>&1)"
done

# "Exif", a TIFF header, one entry: orientation 6, a quarter turn.
{ head -c 2 "$DATA/gray.jpg"; printf '\377\341\000\042Exif\000\000II*\000\010\000\000\000\001\000'
	printf '\022\001\003\000\001\000\000\000\006\000\000\000\000\000\000\000'
	tail -c +3 "$DATA/gray.jpg"; } >turned.jpg
emcat "$DATA/gray.jpg" | tar -xOf - gray.tif >straight.tif
emcat turned.jpg | tar -xOf - turned.tif >turned.tif
check_same 'the orientation that a JPEG asks of viewers is not applied' straight.tif turned.tif
finish
