#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# eelsquant against what emsynth knows of its spectra; bad input; the same whatever the threads.
. "${0%/*}/lib.sh"

have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }

# check.py CODE [STREAM]: evaluates CODE for the last sample; r is its record, e its "eels", a its arrays.
cat >check.py <<'END'
import io, json, sys, tarfile
import numpy as np
arrays, records, names = {}, [], []
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
    for m in tar:
        data = tar.extractfile(m).read()
        names.append(m.name.rsplit(".", 1)[1])
        if m.name.endswith(".json"):
            records.append(json.loads(data))
        elif m.name.endswith(".npy"):
            arrays[m.name.split(".", 1)[1][:-4]] = np.load(io.BytesIO(data))
r = records[-1]
e, a = r.get("eels", {}), arrays
if not eval(sys.argv[1]):
    print(sys.argv[1], "is not so:", json.dumps(e)[:2000], {k: v.shape for k, v in a.items()})
    sys.exit(1)
END
is() { name=$1; shift; check "$name" "$2 | '$PYTHON' check.py '$1'"; }

# ---- net counts: unbiased within what they say of themselves, at three doses

windows="--signal Ti-L23=453.875-493.875 --signal Fe-L23=703.875-743.875"
windows="$windows --signal O-K=527.875-567.875 --signal La-M45=827.875-867.875"
cat >truth.py <<'END'
import math
def verdict(edge):
    d, u = a[edge] - a["truth-" + edge], a[edge + "-u"]
    good = np.isfinite(d)
    d, u = d[good].astype(float), u[good]
    n, z = len(d), d / u
    # 1024 places: the mean's error, and the share's, 0.009
    fine = n >= 1015 and abs(d.mean()) < 3.5 * d.std() / math.sqrt(n) and 0.9 < z.std() < 1.1 \
        and 0.87 < (abs(z) < 1.645).mean() < 0.93
    return "" if fine else "%s: n %d mean %.2f sd %.2f inside %.3f" % (edge, n, d.mean() / d.std() * math.sqrt(n),
                                                                     z.std(), (abs(z) < 1.645).mean())
def holds():
    z = {k: (a[k] - a["truth-" + k]) / a[k + "-u"] for k in ("ti-l23", "o-k", "fe-l23", "la-m45")}
    share = {k: round(float((abs(v[np.isfinite(v)]) < 1.645).mean()), 3) for k, v in z.items()}
    return all(0.87 < v < 0.93 for v in share.values()) or print(share)
END
sed -i '/^if not eval/i exec(open("truth.py").read())' check.py
for dose in 3e5 3e6 3e7; do
	emsynth eels --single --dose $dose --seed 5 -o si.tar
	# not La: below it lies the tail of Fe, which is no power law where the counts are many enough to tell
	for edge in ti-l23 o-k fe-l23; do
		is "net counts of $edge, $dose electrons a spectrum" \
			"verdict(\"$edge\") == \"\" or print(verdict(\"$edge\"))" \
			"eelsquant -q -e Ti-L23,Fe-L23,O-K,La-M45 $windows si.tar"
	done
	emsynth eels --dose $dose --seed 9 -o thick.tar
	is "intervals of each place with plural scattering, $dose electrons a spectrum" 'holds()' \
		"eelsquant -q -e Ti-L23,Fe-L23,O-K,La-M45 $windows thick.tar"
done

# ---- the gain

is 'that of counted electrons' 'abs(e["gain"] - 1) < 0.01' 'eelsquant -q -e Ti-L23 si.tar'
cat >camera.py <<'END'
import io, sys, tarfile
import numpy as np
a = np.load(io.BytesIO(tarfile.open("si.tar").extractfile("s5/eels-000000.data.npy").read()))
np.save("camera.npy", (3 * a).astype("f4"))
END
"$PYTHON" camera.py
is 'that of a camera' 'abs(e["gain"] - 3) < 0.03' 'eelsquant -q -e Ti-L23 --energy 400,0.25 camera.npy'
is 'spectra on another axis go on with it' 'r["axes"][-1]["offset"] == 400 and r["axes"][-1]["units"] == "eV"' \
	'eelsquant -q -e Ti-L23 --energy 400,0.25 camera.npy'
check_fails 'an axis without units' 1 'sample camera.*not eV.*--energy' \
	'eelsquant -e Ti-L23 camera.npy'

is 'a bare array with --energy is a spectrum image' \
	'e["spectra"] == a["ti-l23"].size == 1024 and [x["name"] for x in r["axes"]] == ["y", "x", "energy"]' \
	'eelsquant -q -e Ti-L23 --energy 400,0.25 camera.npy'
check_fails 'and without, a movie that cannot be one' 1 'camera/f000000: .*--energy' 'eelsquant -e Ti-L23 camera.npy'

# ---- thickness, alignment

emsynth eels --low --thickness 0.7 --drift 3 --dose 1e7 -o pair.tar
cat >split.py <<'END'
import sys, tarfile
src = tarfile.open("pair.tar")
out = {n: tarfile.open(n + sys.argv[1] + ".tar", "w", format=tarfile.USTAR_FORMAT) for n in ("low", "core")}
for m in src:
    out["low" if "low" in m.name else "core"].addfile(m, src.extractfile(m))
for t in out.values():
    t.close()
END
"$PYTHON" split.py ""
is 't/lambda' 'abs(e["t_over_lambda"] - 0.7) < 0.02' 'eelsquant low.tar'
is 'and its map' 'abs(a["t-over-lambda"] - 0.7).max() < 0.05' 'eelsquant low.tar'
cat >>truth.py <<'END'
def at_zero():
    top, axis = np.argmax(a["data"], -1), r["axes"][-1]
    return np.ptp(top) == 0 and abs(axis["offset"] + axis["scale"] * top[0, 0]) <= axis["scale"] / 2
END
is 'alignment puts the zero loss at 0 eV everywhere' 'at_zero()' \
	'eelsquant --align low.tar'
# where the lines of Ti are, row by row against the first, in channels
cat >>truth.py <<'END'
def moved():
    rows = a["data"][:, 50:, 180:300].mean(1)
    rows = rows - rows.mean(-1, keepdims=True)
    return np.std([np.correlate(r, rows[0], "full").argmax() for r in rows])
END
moved='moved()'
is 'core losses are out of line' "$moved > 2" 'eelsquant core.tar'
is '--also puts them in line' "$moved < 0.7" 'eelsquant --align --also low.tar core.tar'
eelsquant -q --align --also low.tar -e Ti-L23 core.tar -o this.tar --no-provenance
eelsquant -q --align --also core.tar -e Ti-L23 low.tar -o that.tar --no-provenance
check_same 'either may come first' this.tar that.tar
emsynth eels --low -n 2 -s 4x4 -o pair.tar
"$PYTHON" split.py 2
check_fails 'fewer pairs than samples' 1 'low2.tar has 2 samples, fewer' \
	'emsynth eels -n 3 -s 4x4 | eelsquant --also low2.tar'
check_fails 'a pair of what is none' 1 'neither of the pair has 0 eV' 'eelsquant --also core2.tar core2.tar'
check_fails 'no zero loss' 1 'has no zero loss.*--also' 'eelsquant --align si.tar'

# ---- fine structure, against what the reduction series knows

emsynth reduction -n 24 --law first-order --seed 4 -o reduction.tar
cat >fine.py <<'END'
import json, sys
import numpy as np
rows = [json.loads(line) for line in sys.stdin]
mine, theirs, most = sys.argv[1], sys.argv[2], float(sys.argv[3])
fine = [r["eels"]["fine"]["Ti-L23"] for r in rows]
d = np.array([f[mine] - r["truth"][theirs] for f, r in zip(fine, rows) if f[mine] is not None])
good = len(d) >= 16 and abs(d.mean()) < most and d.std() < most
print("ok" if good else "%d: %.3f +- %.3f" % (len(d), d.mean(), d.std()))
END
eelsquant -q -f -e Ti-L23,O-K -j reduction.tar >fine.jsonl
# The truth is that of the lines of both valences together; four lines of one shape are not quite that.
check_is 'L3/L2 within 0.06' ok "$("$PYTHON" fine.py l3_l2_fit l3_l2 0.06 <fine.jsonl)"
check_is 'the crystal field within 0.15 eV' ok "$("$PYTHON" fine.py splitting_l3_ev splitting_ev 0.15 <fine.jsonl)"
# O K's first peak wanes: its share falls, and keeps its windows when it is less than half as high as the next.
emsynth reduction -n 9 --law zero-order --conversion 0.9 --dose 1e12 --gain-noise 0 --seed 4 -o waning.tar
cat >waning.py <<'END'
import json, sys
p = [json.loads(line)["eels"]["fine"]["O-K"]["prepeak"] for line in sys.stdin]
print("ok" if all(a > b - 0.02 for a, b in zip(p, p[1:])) and 0.6 < p[-1] / p[0] < 0.8 else p)
END
check_is 'the first peak of O K as it wanes' ok "$(eelsquant -q -f -e O-K -j waning.tar | "$PYTHON" waning.py)"
emsynth eels -s 64x1 --dose 1e8 -o line.tar
is 'maps of a line of spectra' 'a["ti-l23-l3-l2"].shape == (64,) and np.nanmean(a["ti-l23-l3-l2"][-20:]) > 0.3' \
	'eelsquant -q -f -e Ti-L23 line.tar'

# Uncertainties of ratios are those seen, where the background's weighs most as well: its channels are off together.
cat >ratios.py <<'END'
import json, subprocess
import numpy as np
ev = 400 + 0.2 * np.arange(900)
bell = lambda at, w, height: height * np.exp(-((ev - at) / w) ** 2 / 2)
y = 2e4 * (ev / 400) ** -3 + bell(458, 0.7, 9e3) + bell(464, 0.9, 9e3) + 800 * (ev > 458) + 800 * (ev > 464) \
    + bell(531, 0.8, 2e3) + bell(537, 1.5, 4e3) + 1200 * (ev > 530)
seen = {"l3_l2": [], "prepeak": []}
for k in range(120):
    np.save("draw.npy", np.random.RandomState(k).poisson(y).astype("f4"))
    out = subprocess.run("eelsquant -q -f -j --gain 1 --energy 400,0.2 -e Ti-L23,O-K --fit Ti-L23=435-450 "
                         "--fit O-K=505-526 draw.npy", shell=True, capture_output=True, check=True).stdout
    for edge in json.loads(out)["eels"]["fine"].values():
        for name in seen.keys() & edge.keys():
            seen[name].append((edge[name], edge[name + "_u"]))
for name, v in seen.items():
    v = np.array(v)
    print(name, "as it says" if 0.8 < v[:, 0].std() / v[:, 1].mean() < 1.25 else (v.mean(0), v.std(0)))
END
check_is 'uncertainties of ratios' 'l3_l2 as it says prepeak as it says' "$("$PYTHON" ratios.py | xargs)"

# ---- unmixing

cat >references.py <<'END'
import io, json, sys, tarfile
import numpy as np
with tarfile.open("reduction.tar") as tar:
    a = {m.name: tar.extractfile(m).read() for m in tar}
keys = sorted(n[:-5] for n in a if n.endswith(".json"))
with tarfile.open("references.tar", "w", format=tarfile.USTAR_FORMAT) as out:
    for name, key in (("ox", keys[0]), ("red", keys[-1])):
        f = io.BytesIO()
        np.save(f, np.load(io.BytesIO(a[key + ".truth.npy"])).astype("f4"))
        record = dict(json.loads(a[key + ".json"]), key="ref/" + name)
        for ext, data in ((".spectrum.npy", f.getvalue()), (".json", json.dumps(record).encode() + b"\n")):
            info = tarfile.TarInfo("ref/" + name + ext)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
END
emsynth reduction -n 24 --law first-order --seed 4 --drift 0 --walk 0 --gain-noise 0 -o reduction.tar
"$PYTHON" references.py
cat >fractions.py <<'END'
import json, sys
import numpy as np
rows = [json.loads(line) for line in sys.stdin]
last = rows[-1]["truth"]["ti3"]
z = []
for r in rows[1:-1]:
    red = r["eels"]["references"]["red"]
    z.append((red["fraction"] - r["truth"]["ti3"] / last) / 1)
z = np.array(z)
print("ok" if abs(z).max() < 0.05 else z)
END
check_is 'fractions of two references within 0.05' ok \
	"$(eelsquant -q -e Ti-L23 --references references.tar -j reduction.tar | "$PYTHON" fractions.py)"
emsynth eels --dose 1e6 --seed 2 -o si.tar
is 'two components stand out of the noise' \
	'e["components"]["count"] == 2 and abs(e["components"]["noise"] - 1) < 0.01' \
	'eelsquant --components svd si.tar'
is 'and are as many spectra and maps' 'a["components"].shape == (2, 2048) and a["amount-2"].shape == (16, 64)' \
	'eelsquant --components nmf si.tar'
is 'as many as asked for, within a window' 'a["components"].shape == (3, 240)' \
	'eelsquant --components svd:3 --within 440-500 si.tar'

# ---- profile

cat >>truth.py <<'END'
def step_is_true():
    p, t = e["edges"]["Ti-L23"]["profile"], r["truth"]
    return all(abs(p[n] - t[m]) < 3 * p[n + "_u"] + 0.01
               for n, m in (("step_nm", "position_nm"), ("width_nm", "width_nm")))
END
is 'an interface where and as wide as it is' 'step_is_true()' \
	'eelsquant -q -e Ti-L23 --across 0,7.5,63,7.5 si.tar'

cat >>truth.py <<'END'
def line_is_true():
    p, n = e["edges"]["Ti-L23"]["profile"], a["ti-l23"].size - 1
    return np.allclose(p["counts_u"][:n - 1], a["ti-l23-u"][:n - 1], rtol=1e-4) and 0.4 < p["step_chi2"] < 1.8 \
        and abs(p["width_nm"] - 0.1) < 3 * p["width_nm_u"] < 0.03
END
emsynth eels -s 48x1 --dose 1e9 --width 0.1 -o line.tar
is 'one row: the uncertainties are those of its spectra' 'line_is_true()' \
	'eelsquant -q -e Ti-L23 --across 0,0,47,0 line.tar'
"$PYTHON" -c 'import numpy as np
e, x = 400 + 0.25 * np.arange(1024), np.arange(40)[:, None]
ti = (x < 12) + 0.7 * (x > 25)
y = 1e4 * ((e / 400) ** -3 + 0.2 * ti * (e > 456) * np.exp((456 - e) / 80))
np.save("layer.npy", np.random.RandomState(1).poisson(y).astype("f4"))'
check_is 'a layer has two interfaces: a warning' 1 "$(eelsquant -j -e Ti-L23 --energy 400,0.25 --across 0,0,39,0 \
	layer.npy 2>&1 >/dev/null | grep -c 'Ti-L23: the counts scatter about the step by .* just one?')"

# ---- composition: of atoms that are known, with factors from a standard

cat >standard.sh <<'END'
eelsquant -q -e Ti-L23,O-K --standard Ti=1,O=3 -j sto.tar |
	"$PYTHON" -c 'import json, sys
for edge, v in json.load(sys.stdin)["eels"]["factors"].items():
    print("--factor %s=%.9g" % (edge, v["k"]))'
END
emsynth eels --pair SrTiO3/SrTiO3 --dose 1e7 -o sto.tar
is 'factors give the standard back' 'abs(e["composition"]["O"]["per_Ti"] - 3) < 1e-6' \
	"eelsquant -q -c -e Ti-L23,O-K $(PYTHON=$PYTHON sh standard.sh | tr "\n" " ") sto.tar"
is 'fractions are 1 together' 'abs(sum(v["fraction"] for v in e["composition"].values()) - 1) < 1e-9' \
	'eelsquant -q -c --beam 200,10,25 -e Ti-L23,O-K sto.tar'
check_fails 'no beam' 1 'give --beam' 'eelsquant -c -e Ti-L23,O-K sto.tar'
check_fails 'M edges' 1 'La-M45.*factor|La-M45.*hydrogenic' 'eelsquant -q -c --beam 200,10,25 -e Ti-L23,La-M45 si.tar'

# ---- by hand: axes, pairs, holes
# NAME.tar of samples (key, spectra, first eV, eV a channel, members of the record); e: 400 to 656 eV, y: Ti and O there

cat >hand.py <<'END'
import io, json, tarfile
import numpy as np
def put(name, *samples):
    with tarfile.open(name + ".tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, a, offset, scale, more in samples:
            axes = [{"name": name, "units": "", "scale": 1, "offset": 0} for name in "yx"]
            axes = (axes + [{"name": "energy", "units": "eV", "scale": scale, "offset": offset}])[-a.ndim:]
            f = io.BytesIO()
            np.save(f, a.astype("f4"))
            record = dict({"em": 1, "key": key, "axes": axes}, **more)
            for ext, data in ((".data.npy" if a.ndim > 1 else ".spectrum.npy", f.getvalue()),
                              (".json", json.dumps(record).encode() + b"\n")):
                info = tarfile.TarInfo(key + ext)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
e = 400 + 0.25 * np.arange(1024)
y = 1e4 * ((e / 400) ** -3 + 0.2 * (e > 456) * np.exp((456 - e) / 80) + 0.15 * (e > 532) * (e / 532) ** -3)
image = np.random.RandomState(1).poisson(y, (5, 6, 1024)).astype("f8")
low = -20 + 0.25 * np.arange(400)
lines = 1e6 * np.exp(-(low / 0.8) ** 2) + 2e4 * np.exp(-((low - 22) / 5) ** 2)
flat = -4.2 + 0.3 * np.arange(60)
put("image", ("image", image, 400, 0.25, {}))
put("top", ("top", np.tile(1e5 * np.exp(-(flat / 0.6) ** 2), (3, 1)), -4.2, 0.3, {}))
np.save("row.npy", image[0].astype("f4"))
spike = image[0].astype("f4")
spike[2, 300] = 1e6
np.save("spike.npy", spike)
put("lowrow", ("low", np.tile(lines, (6, 1)), -20, 0.25, {}))
put("turned", ("low", np.tile(lines, (6, 5, 1)), -20, 0.25, {}))
put("column", ("low", np.tile(lines, (6, 1, 1)), -20, 0.25, {}))
hole = image.copy()
hole[2, 3, 500] = np.nan
hole[4, 5, 900:] = np.inf
put("holes", ("holes", hole, 400, 0.25, {}))
put("few", ("few", image[:1, :2], 400, 0.25, {}))
put("same", ("a/one", y, 400, 0.25, {}), ("b/one", y[::-1].copy(), 400, 0.25, {}))
put("far", ("a/far", y, 5000, 1, {}))
put("beam", ("beam", image[0], 400, 0.25,
             {"instrument": {"beam_kev": 200}, "acquisition": {"convergence_mrad": 30, "collection_mrad": 5}}))
series = [("f%d" % k, np.random.RandomState(k).poisson(1e4 * (e / 400) ** 2) * 1.0, 400, 0.25, {}) for k in range(5)]
put("rising", *series)
END
"$PYTHON" hand.py
is '0 eV at a whole channel, but for rounding' 'abs(e["zero_loss_ev"]) < 1e-3' 'eelsquant --align top.tar'
is '--energy is of the samples, not of what --also has' 'r["axes"][-1]["offset"] == 400 and e["t_over_lambda"] > 0' \
	'eelsquant -e Ti-L23 --energy 400,0.25 --also lowrow.tar row.npy'
# row.npy is a picture to whoever has not been told
is 'spectra that were a picture are none any more' \
	'"image" not in r and "tif" not in names and a["data"].shape == (6, 1024) and r["axes"][0]["name"] == "x"' \
	'eelsquant -e Ti-L23 --energy 400,0.25 row.npy'
is 'and what was done to them lasts' 'np.isfinite(a["data"]).all() and a["data"][2, 300] < 2e4' \
	'eelsquant --despike --energy 400,0.25 spike.npy | eelsquant -e Ti-L23'
check_fails 'pairs of other places' 1 'sample image: the pair are 6 x 5 low losses and 5 x 6 core losses' \
	'eelsquant --also turned.tar image.tar'
check_fails 'pairs of other numbers' 1 'sample image: the pair are 1 x 6 low losses' \
	'eelsquant --also lowrow.tar image.tar'
is 'a column is a line as well' 'e["t_over_lambda"] > 0' 'eelsquant --energy 400,0.25 --also column.tar row.npy'
is 'two with 0 eV: the low loss is what --also has' 'r["key"] == "top" and a["data"].shape == (3, 60)' \
	'eelsquant --also top.tar top.tar'
is 'spectra with holes are not in the sum' \
	'e["left_out"] == 2 and abs(e["edges"]["O-K"]["counts"] / np.nansum(a["o-k"]) * 29 / 28 - 1) < 0.02' \
	'eelsquant -q -e Ti-L23,O-K holes.tar'
check_is 'and people are told' 1 "$(eelsquant -j holes.tar 2>&1 >/dev/null | grep -c '2 of 30 spectra.*not in the sum')"
is 'a hole elsewhere costs no fine structure' \
	'list(zip(*np.isnan(a["o-k-onset"]).nonzero())) == [(2, 3)] and np.isfinite(a["ti-l23-onset"]).all()' \
	'eelsquant -q -f -e Ti-L23,O-K holes.tar'
eelsquant -q -e Ti-L23 holes.tar -o holes-quantified.tar
check 'and the spectrum is drawn' 'emplot spectrum -o holes.svg holes-quantified.tar && grep -q Ti-L23 holes.svg'
check_is 'a warning with other numbers is the same' 1 "$(eelsquant -j -e Ti-L23 rising.tar 2>&1 >/dev/null | wc -l)"
for kind in svd nmf; do
	check_exit "-k: more components than spectra, $kind" 3 \
		"eelsquant -k -q --components $kind:3 few.tar >/dev/null"
done
check_fails 'references of one name' 1 'same.tar: two references are named one' \
	'eelsquant -e Ti-L23 --references same.tar image.tar'
is 'a reference of other energies: null' 'e["references"]["far"]["amount"] is None' \
	'eelsquant -q -e Ti-L23 --references far.tar image.tar'
check_is 'and a warning' 1 "$(eelsquant -j -e Ti-L23 --references far.tar image.tar 2>&1 >/dev/null |
	grep -c 'references: .*no channel in common')"
cat >parallel.sh <<'END'
for beam in 200,0,5 200,0.001,5 200,30,5; do
	eelsquant -q -j -c -e Ti-L23,O-K --beam $beam beam.tar | jq '.eels.composition.O.per_Ti * 1000 | round'
done | uniq | wc -l
END
check_is 'a parallel beam is one, whatever the record says' 2 "$(sh parallel.sh)"
check_is 'a line that leaves the image: a warning' 1 \
	"$(eelsquant -j -e Ti-L23 --across 0,2,20,2 image.tar 2>&1 >/dev/null | grep -c 'leaves the image, 6 x 5 px')"
check_is 'no step: a warning says why' 1 \
	"$(eelsquant -j -e Ti-L23 --across 0,2,5,2 image.tar 2>&1 >/dev/null | grep -c -- '--across, Ti-L23: ')"
check_is 'no fine structure: a warning says why' 1 \
	"$(eelsquant -j -f -e Ti-L23 image.tar 2>&1 >/dev/null | grep -c 'Ti-L23: no l3_l2_fit: ')"
check_fails 'a window for nothing' 2 '--within needs' 'eelsquant --within 440-500 image.tar'
check_fails 'a breadth of no line' 2 '--breadth needs' 'eelsquant -e Ti-L23 --breadth 3 image.tar'
check_fails 'factors for nothing' 2 '--factor needs' 'eelsquant -e Ti-L23 --factor Ti-L23=2 image.tar'

# ---- plural scattering out of each place: unbiased, within what it says of itself
# What is left is e^(-t/lambda) of what as many atoms give where nothing is scattered twice.

emsynth eels --low --thickness 0.001 --pair SrTiO3/SrTiO3 --dose 1e7 -s 4x1 -o pair.tar
"$PYTHON" split.py -thin
emsynth eels --low --thickness 0.7 --pair SrTiO3/SrTiO3 --dose 1e7 -o pair.tar
"$PYTHON" split.py -thick
cat >>truth.py <<'END'
def single():
    with tarfile.open("core-thin.tar") as tar:
        f = {m.name.split(".", 1)[1]: tar.extractfile(m).read() for m in tar}
    thin = np.load(io.BytesIO(f["truth-ti-l23.npy"])).flat[0] / json.loads(f["json"])["truth"]["atoms_per_nm2"]["Ti"][0]
    d = a["ti-l23-single"] - thin * math.exp(-0.7) * r["truth"]["atoms_per_nm2"]["Ti"][0]
    z = d.mean() / d.std() * math.sqrt(d.size)
    return (abs(z) < 3.5 and 0.9 < (d / a["ti-l23-single-u"]).std() < 1.1) or print("mean %.2f" % z)
END
is 'counts without plural scattering, at each place' 'single()' \
	"eelsquant -q -e Ti-L23 --signal Ti-L23=453.875-493.875 --deconvolve --also low-thick.tar core-thick.tar"
is 'are those of the sum' 'abs(a["ti-l23-single"].sum() / e["edges"]["Ti-L23"]["single_counts"] - 1) < 0.01' \
	'eelsquant -q -e Ti-L23 --deconvolve --also low-thick.tar core-thick.tar'
is 'and of the composition' 'abs(np.nanmean(a["fraction-ti"]) / e["composition"]["Ti"]["fraction"] - 1) < 0.03' \
	'eelsquant -q -c --beam 200,10,25 -e Ti-L23,O-K --deconvolve --tails --also low-thick.tar core-thick.tar'
check_is 'the same whatever the threads' 1 "$(for t in 1 7; do
	eelsquant -q --no-provenance -t $t -e Ti-L23,O-K --deconvolve --also low-thick.tar core-thick.tar | md5sum
done | uniq | wc -l)"

check_is 'a standard gives itself back, without plural scattering as well' 3000 "$(
	q() { eelsquant -q -j -e Ti-L23,O-K --deconvolve --also low-thick.tar "$@" core-thick.tar; }
	k=$(q --standard Ti=1,O=3 | jq -r '.eels.factors | to_entries[] | "--factor \(.key)=\(.value.k)"')
	q -c $k | jq '.eels.composition.O.per_Ti * 1000 | round')"

# ---- bad input

cat >bad.py <<'END'
import numpy as np
e = 400 + 0.25 * np.arange(1024)
y = 1e12 * e ** -3.0
np.save("constant.npy", np.full(1024, 7, "f4"))
np.save("nothing.npy", np.zeros(1024, "f4"))
np.save("nan.npy", np.full(1024, np.nan, "f4"))
np.save("hole.npy", np.where(np.arange(1024) == 100, np.nan, y).astype("f4"))
np.save("negative.npy", (-y).astype("f4"))
np.save("rising.npy", (e ** 2).astype("f4"))
np.save("one.npy", np.ones(1, "f4"))
np.save("wave.npy", (y * 1j).astype("c8"))
np.save("four.npy", np.ones((2, 2, 2, 64), "f4"))
END
"$PYTHON" bad.py
with() { eelsquant --energy 400,0.25 -e Ti-L23 "$@"; }
for bad in constant nothing negative rising hole; do
	is "$bad: no number" 'e["edges"]["Ti-L23"]["counts"] is None and e["edges"]["Ti-L23"]["warning"]' \
		"with -q $bad.npy"
	check_is "$bad: a warning" 1 "$(with -j $bad.npy 2>&1 >/dev/null | grep -c 'Ti-L23')"
done
check_fails 'X-rays' 1 'sample hole: an axis from -0.2 to 10 keV .* that of X-rays' \
	'eelsquant -e O-K --energy -200,10 hole.npy'
check_fails 'complex numbers' 1 'sample wave: complex' 'with wave.npy'
check_fails 'NaN alone' 1 'sample nan: no channel is a number' 'with nan.npy'
check_fails 'one channel' 1 'less than two channels' 'with one.npy'
check_fails 'too many dimensions' 1 'over 3 dimensions' 'with four.npy'
check_fails 'an edge beyond the axis' 1 'sample constant: .*La-M45' 'eelsquant --energy 400,0.25 -e La-M45 constant.npy'
check_fails 'a window outside the axis' 1 'Ti-L23: window 300-350 eV is outside' \
	'with --fit Ti-L23=300-350 constant.npy'
check_is 'a window over the next edge: a warning' 1 \
	"$(eelsquant -e Ti-L23,O-K --signal Ti-L23=456-560 -j si.tar 2>&1 >/dev/null |
		grep -c 'Ti-L23.*O-K\|O-K.*Ti-L23')"
# The edges of image.tar are where the table has them.
off() { eelsquant -e Ti-L23,O-K "$@" image.tar; }
is 'edges in their places' \
	'all(abs(v["rise_ev"] - v["onset_ev"]) < 1 and "warning" not in v for v in e["edges"].values())' 'off'
is 'an axis that is 10 eV off: where they are' \
	'all(abs(v["rise_ev"] - v["onset_ev"] + 10) < 1 and "not at" in v["warning"] for v in e["edges"].values())' \
	'off -q --energy 390,0.25'
check_is 'and warnings' 2 "$(off -j --energy 390,0.25 2>&1 >/dev/null | grep -c 'rises at .* eV, not at .*--energy')"
check_is 'one that is 8 eV off the other way: late counts are counts' 0 \
	"$(off -j --energy 408,0.25 2>&1 >/dev/null | grep -c 'rises at')"
check_is 'a second line has the rise of the first' 0 \
	"$(eelsquant -j -e Fe-L2,La-M4 si.tar 2>&1 >/dev/null | grep -c 'rises')"
check_is 'counts of what rises elsewhere' 1 "$(eelsquant -j --energy 430,0.25 -e Ti-L23 image.tar 2>&1 >/dev/null |
	grep -c 'Ti-L23: the spectrum rises nowhere near 456 eV')"
check_is 'a fit window over the rise' 1 "$(off -j --fit Ti-L23=400-470 2>&1 >/dev/null |
	grep -c 'rises at 456.* eV, where the background is still fitted')"
check_is 'factors beside cross sections: a warning' 1 "$(off -j -c --beam 200,10,25 --factor O-K=2 2>&1 >/dev/null |
	grep -c '1 of 2 elements have a factor')"
check_is 'windows that suit it: none' 0 "$(off -j --energy 390,0.25 --fit Ti-L23=395-443 --signal Ti-L23=446-490 \
	--fit O-K=480-518 --signal O-K=522-572 2>&1 >/dev/null | grep -c 'rises')"
check_fails 'no edge' 2 'edge' 'eelsquant -e Xx-K si.tar'
check_fails 'no window' 2 'no energy window' 'eelsquant -e Ti-L23 --fit Ti-L23=5 si.tar'
check_fails 'a window of no edge' 2 'of an edge that --edge names' 'eelsquant -e Ti-L23 --fit O-K=480-500 si.tar'
check_fails 'nothing to compose' 2 'need --edge' 'eelsquant -c si.tar'
check_fails 'no beam of sense' 2 'half angles' 'eelsquant -e Ti-L23 --beam 200 si.tar'
check_fails 'no components' 2 'svd or nmf' 'eelsquant --components pca si.tar'
check_fails 'one spectrum has none' 1 'one' 'eelsquant --components svd --energy 400,1 nothing.npy'
check_fails 'no atoms' 2 'give atoms|does not say' 'eelsquant -e Ti-L23 --standard Ti si.tar'
check_fails 'no such reference file' 1 'nowhere.tar' 'eelsquant -e Ti-L23 --references nowhere.tar si.tar'
check_exit '-k: the others go on' 3 'eelsquant -k -q --energy 400,0.25 -e Ti-L23 nan.npy rising.npy >/dev/null'

eelsquant -q -c --beam 200,10,25 -f -e Ti-L23,O-K -t 1 -o one.tar --no-provenance si.tar
eelsquant -q -c --beam 200,10,25 -f -e Ti-L23,O-K -t 7 -o many.tar --no-provenance si.tar
check_same 'the same whatever the threads' one.tar many.tar

finish
