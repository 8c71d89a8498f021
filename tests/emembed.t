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
	"'descr': '<f4', 'fortran_order': False, 'shape': (149,)," "$(dims e.tar gray8.embedding.npy)"
sha=a34374b99887cad76daee14631315627b2808c0463a7f80d26aaec94cbdcf958
check_is 'the record names the encoder' \
	'"embedding":{"encoder":"spectral-1","sha256":"'$sha'","dim":149}' \
	"$(embedding e.tar)"
tar -xOf one.tar gray8.tif >before.tif; tar -xOf e.tar gray8.tif >after.tif
check_same 'the picture passes as it is' before.tif after.tif
check_is 'all the other members of the record stay' "$(emcat -j one.tar | sed 's/,"provenance".*//')" \
	"$(emcat -j e.tar | sed 's/,"provenance".*//')"
check_is 'spectral is the default' "$(emembed one.tar --no-provenance | cksum)" \
	"$(emembed -e spectral one.tar --no-provenance | cksum)"

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
check '--help lists the encoders' 'emembed --help | grep -q "(spectral pixels)"'

emchip -s 16 "$DATA/demo.tif" -o chips.tar
emembed -t 1 chips.tar -o t1.tar
emembed -t 2 chips.tar -o t2.tar
emembed -t 7 chips.tar -o t7.tar
check_same 'the same bytes with two threads' t1.tar t2.tar
check_same 'and with seven' t1.tar t7.tar
emembed -t 2 --drop tif chips.tar -o thin.tar
check_is '--drop tif leaves embeddings and records, in order' \
	"$(tar -tf chips.tar | sed 's/tif$/embedding.npy/' | cksum)" "$(tar -tf thin.tar | cksum)"

check_fails 'an encoder that is none' 2 'choose one of: spectral pixels' 'emembed -e resnet one.tar'
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
		emchip -s 95 $clahe "$picture" | emembed --drop tif -o sto.tar
		check_is "SrTiO3 on Ge, published support, chips of one kind ${clahe:-as they are}" '637 of 637' \
			"$("$PYTHON" nearest.py sto.tar sto_ge "$REAL/$sto" 2>&1)"
	done
else skip 'SrTiO3 on Ge' 'the real data are not here'; fi
finish
