#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# emchip: the published chips, the grid, grey levels, places on the specimen, faults.
. "${0%/*}/lib.sh"

have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }

pixels() { tar -xOf - --wildcards '*.tif'; }

# ---- published chips: file names count rows and columns from 1, and sort as our keys do

STO=14_pychip_STO_Ge_chips
if have_real $STO; then
	emchip -s 95 --clahe 2.0 "$REAL/$STO/manuscript_images/fig2_A/STO-Ge-HAADF.jpg" >sto.tar
	pixels <sto.tar >ours
	emcat "$REAL/$STO"/query/all_queries/*.png | pixels >published
	check_is 'STO/Ge: 1024 chips' 1024 "$(tar -tf sto.tar | grep -c 'tif$')"
	check_same 'STO/Ge: all equal the published CLAHE chips bit by bit' ours published
else
	skip 'STO/Ge: all equal the published CLAHE chips bit by bit' "no $REAL/$STO"
fi

LAO=15_pychip_LaO_chips
if have_real $LAO; then
	emchip -s 34x35 "$REAL/$LAO/manuscript_images/fig2_b/LaO.png" >lao.tar
	pixels <lao.tar >ours
	emcat "$REAL/$LAO"/query/all_queries/*.png | pixels >published
	check_is 'LaO: 22 x 23 chips' '506 LaO/r021c022.tif' \
		"$(tar -tf lao.tar | grep -c 'tif$') $(tar -tf lao.tar | grep 'tif$' | tail -n 1)"
	check_same 'LaO: all equal the published crops' ours published
else
	skip 'LaO: all equal the published crops' "no $REAL/$LAO"
fi

# ---- against numpy: pictures with all sorts of pixels, and what slicing them gives

cat >make.py <<'END'
import io, json, struct, tarfile
import numpy as np
r = np.random.default_rng(7)
y, x = np.mgrid[0:83, 0:61]
u8 = ((x * 3 + y * 5 + x * y // 7) % 251).astype("u1")
nan = r.normal(100, 30, (83, 61)).astype("f4")
nan[::7, 3] = np.nan
nan[5, 5], nan[6, 6] = np.inf, -np.inf
for name, a in (("u8", u8), ("u16", u8.astype("u2") * 257), ("i16", u8.astype("i2") - 300),
                ("i32", u8.astype("i4") * 70000), ("f32", nan), ("pixel", np.full((1, 1), 9, "u1")),
                ("equal", np.full((40, 40), 7, "u1")), ("allnan", np.full((20, 20), np.nan, "f4")),
                ("spectrum", np.arange(32, dtype="f4"))):
    np.save(name + ".npy", a)

# A stream whose pictures know where they are
t = tarfile.open("placed.tar", "w", format=tarfile.USTAR_FORMAT)
def add(name, data):
    i = tarfile.TarInfo(name); i.size = len(data); t.addfile(i, io.BytesIO(data))
for k in range(2):
    record = {"em": 1, "key": f"run/p{k}",
              "axes": [{"name": "y", "size": 83, "scale": 0.5, "offset": 3, "units": "nm"},
                       {"name": "x", "size": 61, "scale": 0.25, "offset": -7, "units": "nm"}],
              "stage": {"x_um": 10.5 + k, "y_um": -3, "z_um": 8}, "label": "keep \u00b5",
              "to_stage": {"um_per_px": [[0.02, 0.001 * k], [-0.003, 0.019]], "centre_px": [30, 41]}}
    head = struct.pack("<2sHIH", b"II", 42, 8, 9)
    tags = [(256, 4, 61), (257, 4, 83), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 122), (277, 3, 1),
            (278, 4, 83), (279, 4, 83 * 61)]
    body = b"".join(struct.pack("<HHII", a, b, 1, c) for a, b, c in tags) + b"\0\0\0\0"
    add(f"run/p{k}.tif", head + body + u8.tobytes())
    add(f"run/p{k}.notes.txt", b"not an array")
    add(f"run/p{k}.json", json.dumps(record).encode() + b"\n")
t.close()
END
"$PYTHON" make.py || exit 1

# verify.py PICTURE.npy SIZE STRIDE EDGE HOW: the stream on standard input against slices of the picture
cat >verify.py <<'END'
import json, struct, sys, tarfile
import numpy as np
def image(b):
    n, = struct.unpack_from("<H", b, 8)
    tags = {e[0]: e[3] for e in (struct.unpack_from("<HHII", b, 10 + 12 * i) for i in range(n))}
    kind = "uif"[(tags.get(339, 1) & 255) - 1] + str((tags[258] & 255) // 8)
    return np.frombuffer(b, "<" + kind, offset=tags[273]).reshape(tags[257], tags[256])

a = np.load(sys.argv[1])
(w, h), (sx, sy) = (tuple(map(int, s.split("x"))) for s in sys.argv[2:4])
edge, how = sys.argv[4:6]
finite = a[np.isfinite(a)].astype("f8") if a.size else a
if how == "percentile":
    lo, hi = np.percentile(finite, [2, 95])
    with np.errstate(invalid="ignore"):
        a = np.nan_to_num(np.rint(np.clip((a - lo) * 255 / (hi - lo), 0, 255))).astype("u1")
if how == "float":
    if a.dtype == "u1": a = (a / np.float32(255)).astype("f4")
    elif a.dtype == "u2": a = (a / np.float32(65535)).astype("f4")
    else:
        lo, hi = finite.min(), finite.max()
        a = np.where(np.isfinite(a), (a.astype("f8") - lo) / ((hi - lo) or 1), a).astype("f4")
H, W = a.shape
def origins(N, n, s):
    if edge == "drop": return list(range(0, N - n + 1, s))
    if edge == "shift": return list(range(0, N - n, s)) + [N - n]
    out = [0]
    while out[-1] + n < N and out[-1] + s < N: out.append(out[-1] + s)
    return out
padded = np.pad(a, ((0, h - 1), (0, w - 1)), "reflect") if min(a.shape) > 1 else a
rows, cols = origins(H, h, sy), origins(W, w, sx)
want = [(y, x) for y in rows for x in cols]
got, pixels = [], {}
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as t:
    for m in t:
        data = t.extractfile(m).read()
        if m.name.endswith(".tif"): pixels[m.name[:-4]] = image(data)
        else: got.append(json.loads(data))
assert len(got) == len(want), (len(got), len(want))
for i, (r, (y, x)) in enumerate(zip(got, want)):
    row, col = divmod(i, len(cols))
    assert r["key"].endswith("/r%03dc%03d" % (row, col)), r["key"]
    assert r["chip"] == {"row": row, "col": col, "box": [y, x, h, w], "grid": [len(rows), len(cols)],
                         "image": [H, W]}, r["chip"]
    p = pixels[r["key"]]
    assert p.dtype == a.dtype and r["image"] == {"shape": [h, w], "dtype": a.dtype.name}, (p.dtype, a.dtype)
    q = padded[y:y + h, x:x + w]
    if how == "percentile":  # a value may lie within float32's rounding of a half
        assert np.abs(p.astype(int) - q).max() <= 1 and (p != q).mean() < 0.01
    else:
        assert np.array_equal(p, q, equal_nan=p.dtype.kind == "f"), (row, col)
END
numpy_agrees() { # NAME PICTURE SIZE STRIDE EDGE HOW OPTIONS...
	name=$1 picture=$2 size=$3 stride=$4 edge=$5 how=$6
	shift 6
	emchip -s "$size" --stride "$stride" --edge "$edge" "$@" "$picture.npy" >out.tar 2>err
	check "$name" "test ! -s err && '$PYTHON' verify.py $picture.npy $size $stride $edge $how <out.tar"
}
for type in u8 u16 i16 i32 f32; do
	numpy_agrees "$type: chips are slices" $type 16x16 16x16 drop as-is
	numpy_agrees "$type: --edge shift, overlapping" $type 17x20 9x13 shift as-is
	numpy_agrees "$type: --edge pad" $type 25x30 25x30 pad as-is
	numpy_agrees "$type: --float" $type 20x20 20x20 drop float --float
	numpy_agrees "$type: --percentile" $type 20x20 20x20 drop percentile --percentile 2,95
done
numpy_agrees 'gaps: a stride larger than the chip, padded' u8 9x11 40x30 pad as-is
numpy_agrees 'gaps: the same, shifted' u8 9x11 40x30 shift as-is
numpy_agrees 'a chip as large as the picture' u8 61x83 1x1 drop as-is
numpy_agrees 'one pixel' pixel 1x1 1x1 pad as-is
numpy_agrees 'all equal, as float' equal 8x8 8x8 drop float --float
check_is 'by columns: 7 of floor(61/7) = 8 pixels, floor(83/8) rows' '[[10,7],[8,8]]' \
	"$(emchip -j -c 7 u8.npy | jq -sc 'map([.chip.grid, .image.shape]) | unique[]')"
check_is 'the default is 64 pixels' '[512,512] [64,64] [8,8]' \
	"$(emchip -j "$DATA/demo.tif" | head -n 1 | jq -r '"\(.chip.image) \(.image.shape) \(.chip.grid)"')"

# ---- places

cat >places.py <<'END'
import json, sys
pictures = {r["key"]: r for r in map(json.loads, open("pictures.jsonl"))}
def place(r, x, y):
    (a, b), (c, d) = r["to_stage"]["um_per_px"]
    u, v = x - r["to_stage"]["centre_px"][0], y - r["to_stage"]["centre_px"][1]
    return r["stage"]["x_um"] + a * u + b * v, r["stage"]["y_um"] + c * u + d * v
n = 0
for r in map(json.loads, sys.stdin):
    p = pictures[r["key"].rsplit("/", 1)[0]]
    y0, x0, h, w = r["chip"]["box"]
    for x, y in ((0, 0), (w - 1, h - 1), (3.5, 1.25)):
        assert all(abs(s - t) < 1e-9 for s, t in zip(place(r, x, y), place(p, x0 + x, y0 + y))), r["key"]
        for k, at, at0 in ((0, y, y0), (1, x, x0)):
            i, j = r["axes"][k], p["axes"][k]
            assert abs(i["offset"] + at * i["scale"] - j["offset"] - (at0 + at) * j["scale"]) < 1e-9, r["key"]
            assert (i["units"], i["name"], i["size"]) == (j["units"], j["name"], (h, w)[k])
    assert r["stage"] == p["stage"] and r["label"] == p["label"]
    n += 1
print(n)
END
emcat -j placed.tar >pictures.jsonl
for edge in drop shift pad; do
	want=$(emchip -j -s 20x16 --stride 13x16 --edge $edge placed.tar | wc -l)
	check_is "every chip lies where its pixels lay ($edge)" "$want" \
		"$(emchip -j -s 20x16 --stride 13x16 --edge $edge placed.tar | "$PYTHON" places.py 2>&1)"
done
check_is 'a length: 5 x 8 nm at 0.25 x 0.5 nm a pixel' '[16,20]' \
	"$(emchip -j -s 5x8nm placed.tar | jq -sc 'map(.image.shape) | unique[]')"
check_is 'the same in micrometres, stride in pixels' '[16,20] [0,7]' \
	"$(emchip -j -s 0.005x0.008µm --stride 7 placed.tar | jq -rs '.[1] | "\(.image.shape) \(.chip.box[:2])"')"
check_is 'members of the picture are not repeated' 'json tif' \
	"$(emchip -s 30 placed.tar | tar -tf - | sed 's/.*\.//' | sort -u | xargs)"
check_fails 'a length without calibration' 1 'not calibrated.*in pixels.*emcat' 'emchip -s 5nm u8.npy'

# ---- grey levels that cannot be

check_fails 'CLAHE of float32' 1 'CLAHE works on uint8 and uint16.*--percentile' 'emchip -s 16 --clahe 2 f32.npy'
check_exit 'CLAHE of float32 after --percentile' 0 'emchip -s 16 --percentile 0,100 --clahe 2 f32.npy >/dev/null'
check_fails 'percentiles of nothing finite' 1 'no finite pixel' 'emchip -s 16 --percentile 1,99 allnan.npy'
check_exit 'NaN alone is no fault' 0 'emchip -s 16 allnan.npy >/dev/null'
check_is 'all equal, stretched: 1600 black pixels' '1600 0' \
	"$(emchip -s 40 --percentile 0,100 equal.npy | pixels | tail -c 1600 >black
	wc -c <black) $(tr -d '\0' <black | wc -c)"
check_is 'CLAHE keeps uint16' '["uint16"]' \
	"$(emchip -j -s 16 --clahe 2,2 u16.npy | jq -sc 'map(.image.dtype) | unique')"
check_exit 'CLAHE of one pixel' 0 'emchip -s 1 --clahe 2 pixel.npy >/dev/null'

# ---- faults

check_fails 'a chip larger than the picture' 1 \
	'sample pixel: a chip of 64 x 64 pixels is larger than the picture of 1 x 1' 'emchip pixel.npy'
check_fails 'no image' 1 'sample spectrum: no image' 'emchip -s 4 spectrum.npy'
check_exit 'with -k the others go on' 3 'emchip -k -s 20 u8.npy pixel.npy equal.npy >kept.tar'
tar -xOf kept.tar --wildcards '*.json' >kept.jsonl
check_is '-k: 12 chips, the failed picture, 4 chips' '17 ["pixel","emchip"]' \
	"$(wc -l <kept.jsonl) $(jq -c 'select(.error) | [.key, .error.tool]' kept.jsonl)"
check_is '-k: the failed picture keeps its image' pixel.tif "$(tar -tf kept.tar | grep '^pixel.*tif')"
emchip -s 5 kept.tar >again.tar
check_is 'a sample that failed before passes by' "$(jq -c 'select(.error)' kept.jsonl)" \
	"$(tar -xOf again.tar pixel.json)"
check_is 'chips of chips' u8/r001c002/r003c001.tif "$(tar -tf again.tar | grep 'u8/r001c002/r003c001.tif')"
emchip -s 8 u8.npy | head -c 20000 >cut.tar
check_fails 'a cut stream' 1 'broken stream|truncated stream' 'emchip -s 4 cut.tar'
emchip -s 4 cut.tar >half.tar 2>/dev/null
check_fails 'what came of it is seen to be cut too' 1 'broken stream|truncated stream' 'emcat half.tar'

while IFS='|' read -r options pattern; do
	check_fails "usage: $options" 2 "$pattern" "emchip $options u8.npy"
done <<'END'
-s 0|not a length greater than 0
-s 1.5|not a whole number of pixels
-s 3x|cannot read
-s 4eV|cannot read
-s 8 -c 4|--size and --columns
-c 0|whole number, 1 or more
--stride -3|not a length greater than 0
--edge wrap|choose one of: drop shift pad
--percentile 5|LO,HI
--percentile 99,1|LO,HI
--percentile 0,101|LO,HI
--percentile 1,99,3|LO,HI
--clahe x|CLIP
--clahe -1|CLIP
--clahe nan|CLIP
--clahe 2,0|CLIP
--clahe 2,8,8,8|CLIP
--clahe 2,8x|CLIP
-s 8 --clahe 2,100000,100000|tiles: take 1 to
END

# ---- the same bytes

while read -r options; do
	check_exit "runs: $options" 0 "emchip -t 1 $options u16.npy '$DATA/demo.tif' >t1.tar"
	check_exit "again" 0 "emchip -t 1 $options u16.npy '$DATA/demo.tif' >again.tar"
	check_exit "with 2 threads" 0 "emchip -t 2 $options u16.npy '$DATA/demo.tif' >t2.tar"
	check_exit "with 7 threads" 0 "emchip -t 7 $options u16.npy '$DATA/demo.tif' >t7.tar"
	check_same 'a second run writes the same bytes' t1.tar again.tar
	check_same '2 threads write the same bytes' t1.tar t2.tar
	check_same '7 threads write the same bytes' t1.tar t7.tar
done <<'END'
-s 16 --stride 9 --clahe 2
-s 5 --edge pad --float
-s 60 --edge shift --percentile 1,99 --clahe 3,4
END

finish
