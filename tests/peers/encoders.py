# SPDX-License-Identifier: GPL-3.0-or-later
"""ResNets and vision transformers in PyTorch, with random weights: what emembed's own are compared with.

    encoders.py write NAME FILE.safetensors [SIZE]     the weights of resnet18, resnet50, resnet101, vits or vitb
    encoders.py compare NAME SIZE STREAM.tar [LAYER]   the least cosine between the embeddings in the stream and PyTorch's

The same seed gives the same weights, so that the second command needs no file.
"""
import io
import json
import struct
import sys
import tarfile

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


# ---- ResNet, with torchvision's names ----

class Block(nn.Module):
    def __init__(self, inside, width, stride, bottleneck):
        super().__init__()
        out = 4 * width if bottleneck else width
        shapes = [(inside, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)] if bottleneck else \
                 [(inside, width, 3, stride), (width, width, 3, 1)]
        for i, (a, b, k, s) in enumerate(shapes, 1):
            setattr(self, "conv%d" % i, nn.Conv2d(a, b, k, s, k // 2, bias=False))
            setattr(self, "bn%d" % i, nn.BatchNorm2d(b))
        self.count, self.downsample = len(shapes), None
        if stride > 1 or inside != out:
            self.downsample = nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, "bn%d" % i)(getattr(self, "conv%d" % i)(y))
            if i < self.count:
                y = F.relu(y)
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, blocks, bottleneck, width=64, classes=10):
        super().__init__()
        self.conv1, self.bn1, inside = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), width
        for stage, count in enumerate(blocks):
            layer = []
            for i in range(count):
                layer.append(Block(inside, width << stage, 2 if stage and not i else 1, bottleneck))
                inside = (width << stage) * (4 if bottleneck else 1)
            setattr(self, "layer%d" % (stage + 1), nn.Sequential(*layer))
        self.fc = nn.Linear(inside, classes)

    def forward(self, x, layer: str = "avgpool"):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer1(x)
        if layer != "layer1":
            x = self.layer2(x)
        if layer not in ("layer1", "layer2"):
            x = self.layer3(x)
        if layer not in ("layer1", "layer2", "layer3"):
            x = self.layer4(x)
        x = x.mean((2, 3))
        return self.fc(x) if layer == "fc" else x


# ---- ViT, with DINOv2's names ----

class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.qkv, self.proj, self.heads = nn.Linear(c, 3 * c), nn.Linear(c, c), c // 64

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, 64).permute(2, 0, 3, 1, 4)
        return self.proj(((q @ k.transpose(-2, -1) / 8).softmax(-1) @ v).transpose(1, 2).reshape(b, n, c))


class Mlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Scale(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(c))

    def forward(self, x):
        return x * self.gamma


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(c, eps=1e-6), nn.LayerNorm(c, eps=1e-6)
        self.attn, self.mlp, self.ls1, self.ls2 = Attention(c), Mlp(c), Scale(c), Scale(c)

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class ViT(nn.Module):
    def __init__(self, c, depth=12, patch=14, side=37):
        super().__init__()
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, c, patch, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, c))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + side * side, c))
        self.mask_token = nn.Parameter(torch.zeros(1, c))
        self.blocks = nn.ModuleList(Layer(c) for _ in range(depth))
        self.norm = nn.LayerNorm(c, eps=1e-6)

    def positions(self, h, w):
        cls, grid = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        side, c = round(grid.shape[1] ** 0.5), grid.shape[2]
        if (h, w) != (side, side):
            grid = F.interpolate(grid.reshape(1, side, side, c).permute(0, 3, 1, 2), mode="bicubic",
                                 scale_factor=((h + 0.1) / side, (w + 0.1) / side))
            assert grid.shape[2:] == (h, w)
            grid = grid.permute(0, 2, 3, 1).reshape(1, h * w, c)
        return torch.cat((cls, grid), 1)

    def forward(self, x, layer: str = "cls"):
        x = self.patch_embed.proj(x)
        h, w = x.shape[2:]
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)), 1) + self.positions(h, w)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return x[:, 1:].mean(1) if layer == "patches" else x[:, 0]


# ---- weights ----

KINDS = {
    "resnet18": lambda: ResNet((2, 2, 2, 2), False), "resnet50": lambda: ResNet((3, 4, 6, 3), True),
    "resnet101": lambda: ResNet((3, 4, 23, 3), True), "vits": lambda: ViT(384), "vitb": lambda: ViT(768),
}


def make(name, seed=1):
    """Random weights, and normalisations that do something."""
    torch.manual_seed(seed)
    model = KINDS[name]().eval()
    with torch.no_grad():
        for m in model.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(m, (nn.BatchNorm2d, nn.LayerNorm)):
                m.weight.uniform_(0.5, 1.0)
                m.bias.normal_(0, 0.1)
            if isinstance(m, nn.BatchNorm2d):
                m.running_mean.normal_(0, 0.1)
                m.running_var.uniform_(0.5, 2)
            if isinstance(m, Scale):
                m.gamma.uniform_(-0.5, 0.5)
            if isinstance(m, ViT):
                m.cls_token.normal_(0, 0.2)
                m.pos_embed.normal_(0, 0.2)
    return model


def write(path, tensors, metadata=None, dtype=np.float32):
    """tensors: {name: array}.  numpy has no bfloat16: pass dtype "BF16"."""
    header, parts, at = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name, a in tensors.items():
        a = np.asarray(a)
        if a.dtype == np.int64:
            word, raw = "I64", a.astype("<i8").tobytes()
        elif dtype == "BF16":
            bits = a.astype("<f4").view("<u4")
            word, raw = "BF16", ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()
        else:
            word, raw = {2: "F16", 4: "F32"}[np.dtype(dtype).itemsize], a.astype(dtype).tobytes()
        header[name] = {"dtype": word, "shape": list(a.shape), "data_offsets": [at, at + len(raw)]}
        parts.append(raw)
        at += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


# ---- beside emembed ----

def prepare(chip, size):
    """uint8 {h, w} to the input of a network."""
    x = torch.from_numpy(chip.astype(np.float32) / 255)[None, None]
    x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (MEAN, STD))
    return (x.expand(-1, 3, -1, -1) - mean) / std


def tiff_pixels(raw):
    """Our own baseline TIFF of one uint8 channel: width, height and the strip's offset."""
    at, tags = struct.unpack_from("<I", raw, 4)[0], {}
    for i in range(struct.unpack_from("<H", raw, at)[0]):
        tag, kind, _, value = struct.unpack_from("<HHII", raw, at + 2 + 12 * i)
        tags[tag] = value & 0xFFFF if kind == 3 else value
    assert tags[258] == 8
    return np.frombuffer(raw, np.uint8, tags[257] * tags[256], tags[273]).reshape(tags[257], tags[256])


def compare(name, size, path, layer=None):
    model, chips, ours = make(name), {}, {}
    with tarfile.open(path) as t:
        for m in t:
            key, _, ext = m.name.partition(".")
            if ext == "tif":
                chips[key] = tiff_pixels(t.extractfile(m).read())
            if ext == "embedding.npy":
                ours[key] = np.load(io.BytesIO(t.extractfile(m).read())).astype(float)
    least = 1
    with torch.no_grad():
        for key, chip in chips.items():
            args = (layer,) if layer else ()
            theirs = model(prepare(chip, size), *args).numpy()[0].astype(float)
            least = min(least, ours[key] @ theirs / np.linalg.norm(ours[key]) / np.linalg.norm(theirs))
    return least, len(chips)


def main():
    torch.set_num_threads(2)
    if sys.argv[1] == "write":
        write(sys.argv[3], {k: v.numpy() for k, v in make(sys.argv[2]).state_dict().items()},
              {"input_size": sys.argv[4]} if len(sys.argv) > 4 else None)
    else:
        least, count = compare(sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
        print("%.7f of %d" % (least, count))


if __name__ == "__main__":
    main()
