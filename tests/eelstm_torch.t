#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# EELSTM's training beside numpy in float64 (testdata), and beside PyTorch from the same weights.
. "${0%/*}/lib.sh"

PEER=$TOP/tests/peers/eelstm.py

# largest FILE COLUMN: of the losses on stdin, relative to that column
largest() {
	paste -d ' ' - "$1" | awk -v c="$2" '{d = $1 / $(2 + c) - 1; if (d < 0) d = -d; if (!(d <= m)) m = d}
		END {print (NR >= 10 ? m + 0 : "no")}'
}

at_most() { awk -v a="$1" -v b="$2" 'BEGIN {exit !(a == a + 0 && a <= b)}'; }

if ! flags=$(make -sC "$TOP" print-flags 2>error.txt | tr '\n' ' ') ||
	! eval "${CC:-cc} -O2 -o eelstm '$TOP/tests/peers/eelstm.c' $flags" 2>error.txt
then
	skip 'training of EELSTM' "cannot build tests/peers/eelstm.c: $(head -n 1 error.txt)"
	finish
fi

cp "$DATA/eelstm.safetensors" torch.safetensors
LC_ALL=C sed 's/"torch_epsilon": "1"/"torch_epsilon": "0"/' torch.safetensors >keras.safetensors
column=1
for form in keras torch; do
	off=$(./eelstm $form.safetensors "$DATA/eelstm-frames.f32" "$DATA/eelstm-windows.txt" 10 2 |
		largest "$DATA/eelstm-losses.txt" $column)
	check "ten epochs, epsilon as in $form: losses off by $off of numpy's, at most 1e-5" 'at_most "$off" 1e-5'
	column=2
done

if ! /usr/bin/python3 -c 'import torch' 2>/dev/null
then skip 'losses as in PyTorch' 'no PyTorch for /usr/bin/python3'
else
	# small and quick to learn; and a fifth of the published size, at its rate
	for size in '12 8 120 1e-2 1e-7' '380 64 120 1e-5 1e-7'; do
		/usr/bin/python3 "$PEER" make . $size
		/usr/bin/python3 "$PEER" train . 10 1 >theirs.txt
		off=$(./eelstm model.safetensors frames.f32 windows.txt 10 2 ours.safetensors | largest theirs.txt 1)
		check "PyTorch, $size: losses of ten epochs off by $off, at most 1e-4" 'at_most "$off" 1e-4'
		off=$(/usr/bin/python3 "$PEER" compare . ours.safetensors)
		check "PyTorch, $size: weights off by $off, at most 1e-3" 'at_most "$off" 1e-3'
	done
fi
finish
