#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# scripts/train-encoder: a few steps on a few pictures.  (How good what it makes can get is measured, not tested.)
. "${0%/*}/lib.sh"

if ! have_numpy || ! "$PYTHON" -c 'import torch' 2>/dev/null; then
	skip 'training em-small' 'no python3 with torch here'
	finish
	exit
fi

train() { "$PYTHON" "$TOP/scripts/train-encoder" --emsynth "$EM_BIN/emsynth" --device cpu --classes 256 --images 64 \
	--groups 4 --micrographs 4 --steps 12 "$@" 2>train.err; }
check 'a dozen steps' 'train -o a.safetensors'
check 'say how far they are' 'grep -q "^train-encoder: step 1 of 12: loss [0-9]" train.err'
check 'and a dozen again' 'train -o b.safetensors'
tensors() { tail -c +$((9 + $(od -An -t u8 -N 8 "$1"))) "$1"; }
check_is 'the same seed, the same weights' "$(tensors a.safetensors | cksum)" "$(tensors b.safetensors | cksum)"
check 'another seed' 'train --seed 2 -o c.safetensors'
check 'has others' '[ "$(tensors a.safetensors | cksum)" != "$(tensors c.safetensors | cksum)" ]'
check 'the file says how it was made' \
	'head -c 700 a.safetensors | grep -aq "\"data\":\"emsynth.*\"seed\":\"1\",\"steps\":\"12\",\"classes\":\"256\""'
emembed -e a.safetensors --precision fp32 "$DATA/em-small-0.npy" -o a.tar
check_is 'emembed takes it' 'em-small-1 464' "$(emcat -j a.tar | jq -r '.embedding | [.encoder, .dim] | join(" ")')"
emembed "$DATA/em-small-0.npy" -o ours.tar
check_is 'as another encoder' 2 \
	"$({ emcat -j ours.tar; emcat -j a.tar; } | jq -r .embedding.sha256 | sort -u | wc -l | tr -d ' ')"

# PyTorch's own embedding of the picture, beside the C library's with the same weights
cat >peer.py <<'EOF'
import io, sys, tarfile
sys.path.insert(0, sys.argv[1] + "/scripts")
import numpy as np, torch
import encoder_net

net, header, data = encoder_net.load("a.safetensors")
biases = [np.frombuffer(data[slice(*t["data_offsets"])], "<f2") for name, t in header.items() if name.endswith(".bias")]
assert len(biases) == 9 and all(abs(v).max() > 1e-4 for v in biases)
with tarfile.open("a.tar") as t:
    ours = np.load(io.BytesIO(t.extractfile("em-small-0.embedding.npy").read()))
with torch.no_grad():
    theirs = net(torch.from_numpy(np.load(sys.argv[1] + "/testdata/em-small-0.npy").astype("f4") / 255)[None])[0][0]
print(float(ours @ theirs.numpy() / np.linalg.norm(ours) / np.linalg.norm(theirs)))
EOF
cosine=$("$PYTHON" peer.py "$TOP" 2>&1)
check "the network that was trained is the one that runs (cosine $cosine)" \
	"awk -v c='$cosine' 'BEGIN {exit !(c >= 0.99999)}'"
finish
