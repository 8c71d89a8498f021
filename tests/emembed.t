#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emembed: what it writes, and whether plain distances between what it writes tell textures apart.
# (unit/test_encoder.c has the numbers.)
. "${0%/*}/lib.sh"

embedding() { emcat -j "$1" | grep -o '"embedding":{[^}]*}' | sort -u; }
dims() { tar -xOf "$1" "$2" | head -c 128 | tr -d '\0' | grep -ao "'descr.*}" | sed 's/ *}.*//'; }

emcat "$DATA/gray8.png" -o one.tar
emembed one.tar -o e.tar
check_is 'members: picture, embedding, record' 'gray8.tif gray8.embedding.npy gray8.json' \
	"$(tar -tf e.tar | paste -sd' ' -)"
check_is 'an array of float32' \
	"'descr': '<f4', 'fortran_order': False, 'shape': (464,)," "$(dims e.tar gray8.embedding.npy)"
weights=$(sha256sum "$TOP/lib/vision/em-small.safetensors" | cut -c1-64)
check_is 'the record names the encoder and its weights' "em-small-1 464 $weights" \
	"$(emcat -j e.tar | jq -r '.embedding | [.encoder, .dim, .weights] | join(" ")')"
sha=a34374b99887cad76daee14631315627b2808c0463a7f80d26aaec94cbdcf958
emembed -e spectral one.tar -o spectral.tar
check_is 'one without weights names none' \
	'"embedding":{"encoder":"spectral-1","sha256":"'$sha'","dim":149}' \
	"$(embedding spectral.tar)"
tar -xOf one.tar gray8.tif >before.tif; tar -xOf e.tar gray8.tif >after.tif
check_same 'the picture passes as it is' before.tif after.tif
check_is 'all the other members of the record stay' "$(emcat -j one.tar | sed 's/,"provenance".*//')" \
	"$(emcat -j e.tar | sed 's/,"provenance".*//')"
check_is 'em-small is the default' "$(emembed one.tar --no-provenance | cksum)" \
	"$(emembed -e em-small one.tar --no-provenance | cksum)"

emembed -e pixels e.tar -o p.tar
check_is 'another encoder takes the place of the first' 'gray8.tif gray8.embedding.npy gray8.json' \
	"$(tar -tf p.tar | paste -sd' ' -)"
check_is 'also in the record' 'pixels-1 256' \
	"$(embedding p.tar | sed 's/.*"encoder":"\([^"]*\)".*"dim":\([0-9]*\)}/\1 \2/')"
check_is 'and in the array' "'descr': '<f4', 'fortran_order': False, 'shape': (256,)," \
	"$(dims p.tar gray8.embedding.npy)"
version=$(emembed -V | sed -n '1s/.* //p')
check_is 'the choice is in the provenance' '{"tool":"emembed","version":"'"$version"'","argv":["-e","pixels"]}' \
	"$(emcat -j --no-provenance p.tar | grep -o '{"tool":"emembed"[^}]*}' | tail -n 1)"
check 'plain files and standard input are read' \
	'emembed - <"$DATA/gray8.png" | tar -tf - | grep -qx stdin.embedding.npy'
check '--help lists the encoders' 'emembed --help | grep -q "(em-small spectral pixels)"'

emchip -s 16 "$DATA/demo.tif" -o chips.tar
emembed -t 1 chips.tar -o t1.tar
emembed -t 2 chips.tar -o t2.tar
emembed -t 7 chips.tar -o t7.tar
check_same 'the same bytes with two threads' t1.tar t2.tar
check_same 'and with seven' t1.tar t7.tar
emembed -t 2 --drop tif chips.tar -o thin.tar
check_is '--drop tif leaves embeddings and records, in order' \
	"$(tar -tf chips.tar | sed 's/tif$/embedding.npy/' | cksum)" "$(tar -tf thin.tar | cksum)"

check_fails 'an encoder that is none' 2 'there are: em-small, spectral, pixels, and files' 'emembed -e resnet one.tar'
emcat --drop tif one.tar -o none.tar
check_fails 'no picture in the sample' 1 'sample gray8: ' 'emembed none.tar'
check_exit '-k goes on' 3 'emembed -k none.tar -o k.tar'
check_is 'and marks the sample' emembed "$(emcat -j k.tar | sed 's/.*"error":{"tool":"\([^"]*\)".*/\1/')"
check_exit 'nothing at all is no stream' 1 'emembed </dev/null'
check_exit 'a full disk' 1 'emembed one.tar >/dev/full'

# Class of each chip by the nearest mean of its class's support chips, in plain Euclidean distance.
cat >nearest.py <<'EOF'
import glob, io, json, os, re, sys, tarfile
import numpy as np

def embeddings(path):
    with tarfile.open(path) as t:
        for m in t:
            at = re.search(r"r(\d+)c(\d+)\.embedding\.npy$", m.name)
            if at:
                yield (int(at[1]), int(at[2])), np.load(io.BytesIO(t.extractfile(m).read()), allow_pickle=False)

def demo(data):
    support = json.load(open(data + "/support.json"))["classes"]
    labels = json.load(open(data + "/truth.json"))["labels"]
    return {c["name"]: c["chips"] for c in support}, lambda row, col: labels[row][col]

def sto_ge(folder):
    def where(name):
        return [int(n) - 1 for n in re.findall(r"\d+", os.path.basename(name))]
    def truth(row, col):
        if row >= 22:
            return "snowmen"
        if row <= 3:
            return "other"
        return "dots" if 10 <= row <= 18 and (col <= 12 or col >= 24) else None
    return {c: [where(f) for f in glob.glob(f"{folder}/support_set/{c}/*.png")]
            for c in ("dots", "other", "snowmen")}, truth

path, which, folder = sys.argv[1:]
classes, truth = {"demo": demo, "sto_ge": sto_ge}[which](folder)
e = dict(embeddings(path))
means = {c: np.mean([e[tuple(k)] for k in chips], axis=0) for c, chips in classes.items()}
told = [(truth(*k), min(means, key=lambda c: np.linalg.norm(v - means[c]))) for k, v in e.items()]
told = [(t, c) for t, c in told if t is not None]
print(sum(t == c for t, c in told), "of", len(told))
EOF

# ---- em-small ----

small() { emembed "$@" | emcat -j | jq -r '.embedding | [.encoder, .weights, .sha256] | join(" ")'; }
check_is 'its weights as a file are the same encoder' "$(small "$DATA/em-small-0.npy")" \
	"$(small -e "$TOP/lib/vision/em-small.safetensors" "$DATA/em-small-0.npy")"
check_fails 'which has one input only' 2 'an em-small has no choice of input' \
	'emembed -e "$TOP/lib/vision/em-small.safetensors" --input-size 32 one.tar'
head -c 100000 "$TOP/lib/vision/em-small.safetensors" >cut-small.safetensors
check_fails 'weights that are cut' 1 'cut-small.safetensors: safetensors: ' 'emembed -e cut-small.safetensors one.tar'
for i in 0 1 2; do emembed --precision fp32 "$DATA/em-small-$i.npy" -o small-$i.tar; done
emembed --precision fp32 "$DATA/em-small-0.npy" "$DATA/em-small-2.npy" "$DATA/em-small-1.npy" chips.tar -t 2 \
	-o mixed.tar
for i in 0 1 2; do
	check_is "picture $i has the numbers among others that it has alone" \
		"$(tar -xOf small-$i.tar em-small-$i.embedding.npy | cksum)" \
		"$(tar -xOf mixed.tar em-small-$i.embedding.npy | cksum)"
done

sed 's/"ranges"/"fringe"/' "$TOP/lib/vision/em-small.safetensors" >plain.safetensors
check_is 'without ranges it runs in fp32' fp32 \
	"$(emembed -e plain.safetensors one.tar | emcat -j | jq -r .embedding.precision)"
check_fails 'and not in int8' 2 'no "ranges" in the metadata, which int8 needs' \
	'emembed -e plain.safetensors --precision int8 one.tar'
check_fails 'nor any in bf16' 2 'an em-small runs in fp32 or int8' 'emembed --precision bf16 one.tar'
check_fails 'what is no network has no precision' 2 'spectral is no network' \
	'emembed -e spectral --precision fp32 one.tar'
emsynth chips -q --classes 200 --per-class 1 --seed 7 -o made.tar
emembed --precision fp32 made.tar -o made32.tar
has_int8=
if emembed --precision int8 made.tar -o made8.tar 2>int8.err; then
	has_int8=yes
	check_is 'int8 is the same encoder, and says so' 'int8 fp32 1' \
		"$({ emcat -j made32.tar; emcat -j made8.tar; } |
		jq -r '.embedding | .precision, .sha256' | sort -u | sed 's/^[0-9a-f]\{64\}$/1/' |
		sort -r | paste -sd' ' -)"
	emembed -t 1 --precision int8 made.tar -o made1.tar
	check_same 'the same bytes with one thread' made8.tar made1.tar
else check 'no int8 on this processor: said so' 'grep -q "no instructions for int8: use fp32" int8.err'; fi

# ---- networks from files ----

W=$DATA/tiny-resnet.safetensors
emembed --precision fp32 -e "$W" "$DATA/tiny-resnet-in.npy" -o tiny.tar
check_is 'the record names the file, its digest and the size' \
	"tiny-resnet.safetensors $(sha256sum "$W" | cut -c1-64) 24" \
	"$(emcat -j tiny.tar | jq -r '.embedding | [.encoder, .weights, .dim] | join(" ")')"
digest() { emembed "$@" "$DATA/tiny-resnet-in.npy" | emcat -j | jq -r .embedding.sha256; }
check_is 'what changes the numbers changes the digest' 7 "$(for o in '' '--input-size 48' '--mean 0.5' '--std 2' \
	'--layer layer2' '--scaling range' '--scaling standard'; do
		# shellcheck disable=SC2086 # two words or none
		digest -e "$W" $o
	done | sort -u | wc -l | tr -d ' ')"
check 'the precision is part of it, and auto is one of the two' \
	'for p in fp32 bf16; do digest -e "$W" --precision $p; done 2>bf16.err | grep -qx "$(digest -e "$W")"'
check_is 'defaults that are spelt out do not' "$(digest -e "$W")" \
	"$(digest -e "$W" --input-size 32 --mean 0.5,0.4,0.3 --std '0.25 0.2 0.3' --layer avgpool --scaling type)"
check_is 'layers have their own sizes' '8 8 16 24 3' "$(for l in layer1 layer2 layer3 layer4 fc; do
	emembed -e "$W" --layer $l "$DATA/tiny-resnet-in.npy" | emcat -j | jq .embedding.dim; done | paste -sd' ' -)"

emchip -s 16 --stride 32 "$DATA/demo.tif" -o a.tar
emchip -s 40 --stride 90 "$DATA/demo2.tif" -o b.tar
for t in 1 2 7; do emembed -t $t --drop tif -e "$W" a.tar b.tar -o n$t.tar; done
check_same 'many sizes in one stream: the same bytes with one thread and two' n1.tar n2.tar
check_same 'and with seven' n1.tar n7.tar
emembed --drop tif -e "$W" b.tar -o alone.tar
check_is 'a picture alone has the numbers it has among others' \
	"$(tar -xOf alone.tar demo2/r000c000.embedding.npy | cksum)" \
	"$(tar -xOf n2.tar demo2/r000c000.embedding.npy | cksum)"

check_fails 'options of networks are not for the others' 2 'are for an encoder from a file' \
	'emembed --input-size 64 one.tar'
check_fails 'a layer that is none' 2 "layer 'top': a ResNet has: avgpool" 'emembed -e "$W" --layer top one.tar'
check_fails 'an input beyond reason' 2 'expected 1 to 1024' 'emembed -e "$W" --input-size 5000 one.tar'
check_fails 'a deviation of 0' 2 'expected more than 0' 'emembed -e "$W" --std 0 one.tar'
check_fails 'two channels' 2 'expected three numbers, or one' 'emembed -e "$W" --mean 1,2 one.tar'
check_fails 'no such file' 1 'none.safetensors' 'emembed -e none.safetensors one.tar'
head -c 9000 "$W" >cut.safetensors
check_fails 'a file that is cut' 1 'cut.safetensors: safetensors: .*the file is cut' \
	'emembed -e cut.safetensors one.tar'
printf '\0\0\0\0\31\0\0\0{}' >vast.safetensors
check_fails 'a header of 100 GB' 1 'a header of 107374182400 bytes' 'emembed -e vast.safetensors one.tar'
printf '\2\0\0\0\0\0\0\0{}' >empty.safetensors
check_fails 'int8 of another network' 2 'int8 is for an em-small' 'emembed -e "$W" --precision int8 one.tar'
check_fails 'no network' 1 'neither a ResNet, a ViT nor an em-small' 'emembed -e empty.safetensors one.tar'
sed 's/layer3\.1\.conv3\.weight/layer3.1.conv9.weight/' "$W" >other.safetensors
check_fails 'a network of another kind' 1 'nothing is known of .layer3.1.conv|is not there|does not fit|shape' \
	'emembed -e other.safetensors one.tar'
has_bf16=
if emembed --precision bf16 -e "$W" "$DATA/tiny-resnet-in.npy" -o bf16.tar 2>bf16.err; then
	has_bf16=yes
	check_is 'bf16 is its own encoder' 2 \
		"$({ emcat -j tiny.tar; emcat -j bf16.tar; } | jq .embedding.sha256 | sort -u | wc -l | tr -d ' ')"
else
	check 'no bf16 on this processor: said so' 'grep -q "no instructions for bfloat16: use fp32" bf16.err'
fi

# The least cosine between the embeddings of two streams, or of a stream and an array
cat >cosine.py <<'EOF'
import io, sys, tarfile
import numpy as np

def read(path):
    if path.endswith(".npy"):
        return [np.load(path)]
    with tarfile.open(path) as t:
        return [np.load(io.BytesIO(t.extractfile(m).read())) for m in t if m.name.endswith(".embedding.npy")]

a, b = read(sys.argv[1]), read(sys.argv[2])
assert len(a) == len(b) > 0 and all(np.isfinite(v).all() for v in a + b)
print(min(float(u @ v / np.linalg.norm(u) / np.linalg.norm(v)) for u, v in zip(a, b)))
EOF
cosine() { "$PYTHON" cosine.py "$1" "$2"; }
at_least() { awk -v a="$1" -v b="$2" 'BEGIN {exit !(a >= b)}'; }
if have_numpy; then
	"$PYTHON" - "$DATA/em-small-out.npy" <<'EOF'
import sys
import numpy as np
for i, v in enumerate(np.load(sys.argv[1])):
    np.save("small-%d.npy" % i, v)
EOF
	for i in 0 1 2; do
		check "em-small gives what numpy gives ($i)" 'at_least "$(cosine small-$i.tar small-$i.npy)" 0.999999'
	done
	if [ $has_int8 ]; then
		check 'and in int8 nearly what it gives in fp32' 'at_least "$(cosine made32.tar made8.tar)" 0.999'
	else skip 'em-small in int8' 'this processor has no int8'; fi
	check 'a small ResNet gives what numpy gives' \
		'at_least "$(cosine tiny.tar "$DATA/tiny-resnet-out.npy")" 0.999999'
	if [ $has_bf16 ]; then
		check 'and nearly so in bf16' 'at_least "$(cosine bf16.tar "$DATA/tiny-resnet-out.npy")" 0.999'
	else skip 'a small ResNet in bf16' 'this processor has no bf16'; fi
	"$PYTHON" - <<'EOF'
import numpy as np
a = (np.random.RandomState(3).rand(61, 50) * 255).astype("u1")
for name, b in (("u8", a), ("u16", a.astype("u2") * 257), ("f32", a / np.float32(255)),
                ("counts", a * np.float32(1e4))):
    np.save(name + ".npy", b)
hole = a / np.float32(255)
hole[20:30, 5:9] = np.nan
for name, b in (("constant", np.full((9, 9), 7, "u1")), ("nan", np.full((5, 6), np.nan, "f4")), ("hole", hole),
                ("one", np.ones((1, 1), "u2")), ("thin", np.zeros((10000, 3), "u1")), ("vast", a * np.float32(1e36))):
    np.save("odd-" + name + ".npy", b)
EOF
	for n in u8 u16 f32 counts; do emembed --precision fp32 -e "$W" --scaling standard $n.npy -o $n.tar; done
	for n in u16 f32 counts; do
		check "standardised, $n is what u8 is" "at_least \"\$(cosine u8.tar $n.tar)\" 0.99999"
	done
	for n in u8 u16 f32; do emembed --precision fp32 -e "$W" $n.npy -o $n.tar; done
	check 'by their types u16 and floating point in 0..1 are, too' \
		'at_least "$(cosine u8.tar u16.tar)" 0.99999 && at_least "$(cosine u8.tar f32.tar)" 0.99999'
	for how in type range standard; do
		emembed -e "$W" --scaling $how odd-constant.npy odd-nan.npy odd-hole.npy odd-one.npy odd-thin.npy \
			-o odd.tar
		check "odd pictures: finite numbers (--scaling $how)" 'cosine odd.tar odd.tar >/dev/null'
	done
	check 'so for values without bounds' \
		'emembed -e "$W" --scaling standard odd-vast.npy -o v.tar && cosine v.tar v.tar'
else skip 'networks beside numpy' 'no numpy here'; fi

if have_numpy && "$PYTHON" -c 'import torch' 2>/dev/null; then
	if have_real 14_pychip_STO_Ge_chips; then
		emchip -s 95 --stride 1200 -o few.tar \
			"$REAL/14_pychip_STO_Ge_chips/manuscript_images/fig2_A/STO-Ge-HAADF.jpg"
	else
		emchip -s 64 --stride 400 "$DATA/demo.tif" -o few.tar
	fi
	for net in 'resnet18 224 avgpool' 'resnet50 96 avgpool' 'resnet50 224 layer3' 'resnet101 224 fc' \
		'vits 224 cls' 'vits 98 patches'; do
		# shellcheck disable=SC2086 # three words
		set -- $net
		"$PYTHON" "$TOP/tests/peers/encoders.py" write "$1" net.safetensors
		as="-e net.safetensors --input-size $2 --layer $3"
		emembed $as --precision fp32 few.tar -o net.tar
		least=$("$PYTHON" "$TOP/tests/peers/encoders.py" compare "$1" "$2" net.tar "$3" 2>&1)
		check "$net: PyTorch has the same ($least)" 'at_least "${least%% of *}" 0.99999'
		if [ $has_bf16 ]; then
			emembed $as --precision bf16 few.tar -o net.tar
			least=$("$PYTHON" "$TOP/tests/peers/encoders.py" compare "$1" "$2" net.tar "$3" 2>&1)
			check "$net in bf16 ($least)" 'at_least "${least%% of *}" 0.999'
		else skip "$net in bf16" 'this processor has no bf16'; fi
	done
else skip 'ResNet-18, -50, -101 and ViT-S beside PyTorch' 'no python3 with torch here'; fi

if have_numpy; then
	emchip -s 32 "$DATA/demo.tif" | emembed -o demo.tar
	check_is 'demo.tif: nearest means tell every chip of one class' '220 of 220' \
		"$("$PYTHON" nearest.py demo.tar demo "$DATA" 2>&1)"
else skip 'nearest means' 'no numpy here'; fi

sto=14_pychip_STO_Ge_chips
if have_numpy && have_real $sto; then
	picture=$REAL/$sto/manuscript_images/fig2_A/STO-Ge-HAADF.jpg
	for clahe in '' '--clahe 2'; do
		# shellcheck disable=SC2086 # two words or none
		emchip -s 95 $clahe "$picture" -o sto-chips.tar
		emembed -e spectral --drop tif sto-chips.tar -o sto.tar
		check_is "SrTiO3 on Ge, published support, chips of one kind ${clahe:-as they are}" '637 of 637' \
			"$("$PYTHON" nearest.py sto.tar sto_ge "$REAL/$sto" 2>&1)"
		# em-small takes one chip at the picture's edge, row 18 and column 0, for Ge after CLAHE.
		emembed --drop tif sto-chips.tar -o sto.tar
		check_is "and em-small ${clahe:-as they are}" "$([ -n "$clahe" ] && echo 636 || echo 637) of 637" \
			"$("$PYTHON" nearest.py sto.tar sto_ge "$REAL/$sto" 2>&1)"
	done
else skip 'SrTiO3 on Ge' 'the real data are not here'; fi
finish
