# SPDX-License-Identifier: GPL-3.0-or-later
"""What em-small learns from: chips and micrographs of emsynth, and how they are varied (train-encoder's data)."""
import ast
import io
import json
import math
import multiprocessing
import os
import struct
import subprocess
import tempfile

import numpy as np
import torch

SIDE = 64          # pixels of the network's input
CHIP, WINDOW, IMAGE = 96, 144, 512  # pixels of a pool's chip, of a window cut from a micrograph, of a micrograph
PER_CLASS = 12
SHARDS = 64        # each a seed of its own: the pool does not depend on how many processes make it
GROUP = 4          # classes that share a microscope's session, one after the other in emsynth's stream
REGIONS = 8
# Every fourth shard: what only direction or a fine detail tells apart, at doses where a single column is not seen.
HARD_CHIPS = ["--kind", "lattice=4,moire=1,polycrystal=1,lamellae=1", "--related", "0.9", "--dose", "2,200"]
HARD_IMAGES = ["--kind", "bicrystal=3,interface=1,nanocrystals=1", "--dose", "2,300"]
THINGS = ("particles", "rods", "pores")  # scenes whose region 1 is single things on a ground


# ---- emsynth's stream ----

def members(stream):
    """(name, bytes) of a tar stream of plain files."""
    while True:
        head = stream.read(512)
        if len(head) < 512 or head[0] == 0:
            return
        size = int(head[124:136].split(b"\0")[0] or b"0", 8)
        body = stream.read((size + 511) // 512 * 512)
        yield head[:100].split(b"\0")[0].decode(), body[:size]


def read_tiff(data):
    """emstream's own images: little-endian, one strip of uint8."""
    at, = struct.unpack_from("<I", data, 4)
    count, = struct.unpack_from("<H", data, at)
    tag = {}
    for i in range(count):
        name, kind = struct.unpack_from("<HH", data, at + 2 + 12 * i)
        tag[name], = struct.unpack_from("<H" if kind == 3 else "<I", data, at + 10 + 12 * i)
    return np.frombuffer(data, "u1", tag[256] * tag[257], tag[273]).reshape(tag[257], tag[256])


def run(emsynth, what, *options):
    command = [emsynth, what, *map(str, options), "-t", "1", "--no-provenance", "-q"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=1 << 20) as process:
        yield from members(process.stdout)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}")


def make_chips(job):
    folder, emsynth, seed, at, classes, more = job
    out = np.load(f"{folder}/chips.npy", mmap_mode="r+")[at:at + classes]
    families, image, i = [], None, 0
    for name, data in run(emsynth, "chips", "-s", CHIP, "--classes", classes, "--per-class", PER_CLASS,
                          "--seed", seed, *more):
        if name.endswith(".tif"):
            image = read_tiff(data)
        elif name.endswith(".json"):
            out[i // PER_CLASS, i % PER_CLASS] = image
            if i % PER_CLASS == 0:
                families.append(json.loads(data)["synth"]["family"])
            i += 1
    return families


def make_images(job):
    folder, emsynth, seed, at, count, more = job
    images = np.load(f"{folder}/images.npy", mmap_mode="r+")[at:at + count]
    labels = np.load(f"{folder}/labels.npy", mmap_mode="r+")[at:at + count]
    regions, i = [], 0
    for name, data in run(emsynth, "images", "-s", IMAGE, "-n", count, "--seed", seed, *more):
        if name.endswith(".tif"):
            images[i] = read_tiff(data)
        elif name.endswith(".npy"):
            labels[i] = np.load(io.BytesIO(data), allow_pickle=False)
        elif name.endswith(".json"):
            record = json.loads(data)
            regions.append((record["synth"]["kind"], [text.split(" ", 1)[1] for text in record["labels"]]))
            i += 1
    return regions


def generate(emsynth, seed, classes, images, processes):
    """The pool: chips [classes][PER_CLASS], the family of each class; micrographs, their labels and regions."""
    c, m = classes // SHARDS // GROUP * GROUP, images // SHARDS
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        for name, shape in (("chips", (c * SHARDS, PER_CLASS, CHIP, CHIP)), ("images", (m * SHARDS, IMAGE, IMAGE)),
                            ("labels", (m * SHARDS, IMAGE, IMAGE))):
            np.lib.format.open_memmap(f"{folder}/{name}.npy", "w+", np.uint8, shape)
        with multiprocessing.Pool(processes) as pool:
            chips = pool.map_async(make_chips, [(folder, emsynth, 1000 * seed + i, i * c, c,
                                                 HARD_CHIPS if i % 4 == 3 else []) for i in range(SHARDS)], 1)
            micrographs = pool.map_async(make_images, [(folder, emsynth, 1000 * seed + 500 + i, i * m, m,
                                                        HARD_IMAGES if i % 4 == 3 else []) for i in range(SHARDS)], 1)
            families, regions = sum(chips.get(), []), sum(micrographs.get(), [])
        return [np.load(f"{folder}/{name}.npy") for name in ("chips", "images", "labels")] + [families, regions]


def single_chips(emsynth):
    """Chips [B][SIDE][SIDE] of as many classes, a third of them hard ones."""
    return np.stack([read_tiff(data) for classes, more in ((2048, []), (1024, HARD_CHIPS))
                     for name, data in run(emsynth, "chips", "-s", SIDE, "--classes", classes, "--per-class", 1, *more)
                     if name.endswith(".tif")])


# ---- episodes ----

def resample_matrix(offset, size, n, sigma):
    """[B] each -> [B][SIDE][n]: the part [offset, offset + size) of n pixels at SIDE pixels, by em_resample's triangle,
    then blurred by a Gaussian of sigma of the new pixels (0: not)."""
    device = offset.device
    step = (size / SIDE)[:, None]
    centre = offset[:, None] + (torch.arange(SIDE, device=device) + 0.5) * step
    x = torch.arange(n, device=device) + 0.5
    w = (1 - (x - centre[:, :, None]).abs() / step.clamp_min(1)[:, :, None]).clamp_min(0)
    w = w * ((x > offset[:, None] - 1e-3) & (x < (offset + size)[:, None] + 1e-3))[:, None]
    w = w / w.sum(2, keepdim=True).clamp_min(1e-6)
    i, on = torch.arange(SIDE, device=device), sigma > 0
    blur = torch.exp(-((i - i[:, None]) ** 2)[None] / (2 * sigma[on][:, None, None] ** 2))
    w[on] = (blur / blur.sum(2, keepdim=True)) @ w[on]
    return w


class Pool:
    """The pool on one device, and batches drawn from it."""

    # How often, of the classes: inverted, under heavy noise; of the chips alone: other contrast, noise, blur, scale.
    INVERTED, NOISY_CLASS, CONTRAST, NOISE, BLUR, ZOOM = 0.25, 0.25, 0.2, 0.3, 0.2, 0.3
    LEAST = 36  # pixels of a crop, at least

    def __init__(self, chips, images, labels, families, regions, device, seed):
        names = sorted(set(families) | {name for _, region in regions for name in region})
        number = {name: i for i, name in enumerate(names)}
        table = [[number[name] for name in (region + region[:1] * REGIONS)[:REGIONS]] for _, region in regions]
        things = [kind in THINGS and len(region) == 2 for kind, region in regions]
        self.device, self.names = device, names
        self.chips, self.images, self.labels = (torch.from_numpy(a).to(device) for a in (chips, images, labels))
        self.family = torch.tensor([number[name] for name in families], device=device)
        self.region_family = torch.tensor(table, device=device)
        self.thing = torch.tensor(things, device=device)
        self.random = torch.Generator(device=device)
        self.random.manual_seed(seed)

    def uniform(self, *shape, lo=0.0, hi=1.0):
        return torch.rand(*shape, generator=self.random, device=self.device) * (hi - lo) + lo

    def log_uniform(self, *shape, lo, hi):
        return torch.exp(self.uniform(*shape, lo=math.log(lo), hi=math.log(hi)))

    def choose(self, n, p):
        return (self.uniform(n) < p).float()

    def sizes(self, of, n, most):
        """Edges of crops: the same for all of a session, but for some that are zoomed a little."""
        size = self.log_uniform(n, lo=self.LEAST, hi=most)[of]
        zoom = self.choose(len(of), self.ZOOM) * self.uniform(len(of), lo=-0.15, hi=0.15)
        return (size * torch.exp(zoom)).clamp(30, most)

    def crop(self, windows, size, y, x):
        sigma = self.choose(len(size), self.BLUR) * self.uniform(len(size), lo=0.3, hi=1.8)
        n = windows.shape[1]
        down, across = resample_matrix(y, size, n, sigma), resample_matrix(x, size, n, sigma)
        return down @ (windows.float() / 255) @ across.transpose(1, 2)

    def vary(self, x, of, n):
        """Turned, inverted, under noise: a class as a whole; other contrast and noise: chip by chip."""
        k = torch.randint(8, (n,), generator=self.random, device=self.device)[of]
        for bit, turned in ((1, lambda v: v.flip(1)), (2, lambda v: v.flip(2)), (4, lambda v: v.transpose(1, 2))):
            x = torch.where((k & bit).bool()[:, None, None], turned(x), x)
        x = torch.where((self.uniform(n) < self.INVERTED)[of][:, None, None], 1 - x, x)
        b = len(x)
        on = self.choose(b, self.CONTRAST)[:, None, None]
        mean = x.mean((1, 2), keepdim=True)
        gain, offset = on * self.uniform(b, 1, 1, lo=-0.7, hi=0.6), on * self.uniform(b, 1, 1, lo=-0.15, hi=0.15)
        gamma = torch.exp(on * self.uniform(b, 1, 1, lo=-0.4, hi=0.4))
        x = ((x - mean) * torch.exp(gain) + mean + offset).clamp(1e-4, 1) ** gamma
        noise = self.choose(b, self.NOISE)[:, None, None] * self.log_uniform(b, 1, 1, lo=0.005, hi=0.15)
        heavy = (self.choose(n, self.NOISY_CLASS) * self.log_uniform(n, lo=0.4, hi=6))[of][:, None, None]
        heavy = heavy * x.std((1, 2), keepdim=True)
        shrink = torch.where(heavy > 0, (0.2 / (heavy + 0.1)).clamp_max(1), torch.ones_like(heavy))
        noise = (noise ** 2 + heavy ** 2).sqrt() * shrink
        x = (x - 0.5) * shrink + 0.5
        return (x + noise * torch.randn(x.shape, generator=self.random, device=self.device)).clamp(0, 1)

    def draw_chips(self, groups, n):
        """n chips of each of GROUP classes of so many groups: pictures, class, family."""
        g = torch.randint(len(self.chips) // GROUP, (groups,), generator=self.random, device=self.device)
        c = (g[:, None] * GROUP + torch.arange(GROUP, device=self.device)).flatten()
        i = self.uniform(len(c), PER_CLASS).argsort(1)[:, :n]
        of = torch.arange(len(c), device=self.device).repeat_interleave(n)
        size = self.sizes(of // GROUP, groups, CHIP)
        y, x = self.uniform(len(of)) * (CHIP - size), self.uniform(len(of)) * (CHIP - size)
        pictures = self.crop(self.chips[c[:, None], i].reshape(-1, CHIP, CHIP), size, y, x)
        return self.vary(pictures, of, len(c)), of, self.family[c][of]

    def draw_crops(self, micrographs, n):
        """n crops of each of so many micrographs: pictures, class (micrograph and region), family, and which show one
        region only."""
        m = torch.randint(len(self.images), (micrographs,), generator=self.random, device=self.device)
        of = torch.arange(micrographs, device=self.device).repeat_interleave(n)
        image, b = m[of], len(of)
        size = self.sizes(of, micrographs, 140)
        y0, x0 = ((self.uniform(b) * (IMAGE - WINDOW)).long() for _ in range(2))
        r = torch.arange(WINDOW, device=self.device)
        windows = self.images[image[:, None, None], (y0[:, None] + r)[:, :, None], (x0[:, None] + r)[:, None]]
        y, x = self.uniform(b) * (WINDOW - size), self.uniform(b) * (WINDOW - size)
        pictures = self.crop(windows, size, y, x)
        q = (torch.arange(16, device=self.device) + 0.5) / 16
        rows, columns = ((at[:, None] + o[:, None] + q * size[:, None]).long() for at, o in ((y0, y), (x0, x)))
        label = self.labels[image[:, None, None], rows[:, :, None], columns[:, None]].reshape(b, -1).long()
        share = torch.zeros(b, REGIONS, device=self.device)
        share.scatter_add_(1, label.clamp_max(REGIONS - 1), torch.ones_like(label, dtype=torch.float) / 256)
        most, region = share.max(1)
        thing = self.thing[image]
        region = torch.where(thing, (share[:, 1] > 0.06).long(), region)
        clear = torch.where(thing, (share[:, 1] > 0.08) | (share[:, 1] < 0.004), most > 0.75)
        return self.vary(pictures, of, micrographs), of * REGIONS + region, self.region_family[image, region], clear

    def draw(self, groups, micrographs, n):
        """A batch: pictures [B][SIDE][SIDE] from 0 to 1, class, family.  Its size does not depend on chance."""
        x, c, f = self.draw_chips(groups, n)
        y, d, g, clear = self.draw_crops(micrographs, n)
        keep = (~clear).to(torch.int8).argsort(stable=True)[:int(0.65 * len(clear))]
        alone = 10 ** 7 + keep  # not clear, and yet needed to fill the batch: a class by itself
        d = torch.where(clear[keep], d[keep] + 10 ** 6, alone)
        return torch.cat([x, y[keep]]), torch.cat([c, d]), torch.cat([f, g[keep]])
