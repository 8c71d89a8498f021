# SPDX-License-Identifier: GPL-3.0-or-later
"""The published network in PyTorch, its weights in and out of the model files of lib/forecast/eelstm.h.

    eelstm.py make FOLDER CHANNELS UNITS WINDOWS RATE EPSILON
                                                         model.safetensors, frames.f32, windows.txt; all from one seed
    eelstm.py train FOLDER EPOCHS THREADS                prints the loss and the seconds of each epoch, and writes
                                                         trained.npz, the weights by their names in a model file
    eelstm.py compare FOLDER MODEL                       prints the largest difference of a weight, relative to the
                                                         largest weight of its tensor
"""
import json
import os
import struct
import sys
import time

import numpy as np

WINDOW, HORIZON, BATCH = 8, 9, 50


# ---- model files ----

def write_model(path, tensors, **options):
    told = {"format": "em-eelstm 1", "layers": 2, "window": WINDOW, "horizon": HORIZON, "dropout": 0, "rate": 1e-5,
            "epsilon": 1e-7, "beta1": 0.9, "beta2": 0.999, "batch": BATCH, "epochs": 3000, "patience": 150, "seed": 1,
            "epoch": 0, "best_epoch": 0, "loss": "nan", "validation": "nan", "best": "inf", "step": 0,
            "torch_epsilon": 1, "restore_best": 0, "shuffle": 0}
    told.update(options)
    header, at, data = {"__metadata__": {k: str(v) for k, v in told.items()}}, 0, b""
    for name, v in tensors.items():
        v = np.ascontiguousarray(v, "<f4")
        header[name] = {"dtype": "F32", "shape": list(v.shape), "data_offsets": [at, at + v.nbytes]}
        at += v.nbytes
        data += v.tobytes()
    header = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header + data)


def read_model(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    told = header.pop("__metadata__")
    return {k: np.frombuffer(data[v["data_offsets"][0]:v["data_offsets"][1]], "<f4").reshape(v["shape"])
            for k, v in header.items()}, told


def draw(rng, channels, units):
    """Weights at first; of another distribution than ours, which nothing depends on."""
    def uniform(*shape):
        return rng.uniform(-1, 1, shape) * np.sqrt(1.5 / sum(shape))
    tensors = {"scale.least": np.zeros(channels), "scale.range": np.ones(channels)}
    for i, inputs in enumerate((channels, units)):
        tensors.update({"lstm%d.kernel" % i: uniform(inputs, 4 * units),
                        "lstm%d.recurrent" % i: uniform(units, 4 * units), "lstm%d.bias" % i: uniform(4 * units)})
    tensors.update({"dense.kernel": uniform(units, channels), "dense.bias": uniform(channels)})
    return tensors


def make(folder, channels, units, windows, rate, epsilon):
    """Spectra that drift and fade, within [0, 1] or so, with noise; windows in any order."""
    rng = np.random.RandomState(4)
    count = windows + WINDOW + HORIZON
    e, t = np.arange(channels) / channels, np.arange(count)[:, None] / count
    frames = 0.2 + 0.6 * np.exp(-0.5 * ((e - 0.3 - 0.2 * t) / 0.08) ** 2) * (1 - 0.5 * t)
    frames += 0.05 * rng.standard_normal(frames.shape)
    frames.astype("<f4").tofile(os.path.join(folder, "frames.f32"))
    first = rng.permutation(windows)
    np.savetxt(os.path.join(folder, "windows.txt"), np.stack([first, first + WINDOW - 1 + HORIZON], 1), "%d")
    write_model(os.path.join(folder, "model.safetensors"), draw(rng, channels, units), channels=channels, units=units,
                rate=rate, epsilon=epsilon)


# ---- PyTorch ----

def network(tensors):
    """Of PyTorch's two biases the second is held at 0: ours is their sum, and two would take two steps."""
    import torch
    channels, units = tensors["lstm0.kernel"].shape[0], tensors["lstm0.recurrent"].shape[0]

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm0 = torch.nn.LSTM(channels, units, batch_first=True)
            self.lstm1 = torch.nn.LSTM(units, units, batch_first=True)
            self.dense = torch.nn.Linear(units, channels)

        def forward(self, x):
            return self.dense(self.lstm1(self.lstm0(x)[0])[0][:, -1])

    net = Net()
    with torch.no_grad():
        for name, layer in (("lstm0.", net.lstm0), ("lstm1.", net.lstm1)):
            layer.weight_ih_l0.copy_(torch.tensor(tensors[name + "kernel"].T))
            layer.weight_hh_l0.copy_(torch.tensor(tensors[name + "recurrent"].T))
            layer.bias_ih_l0.copy_(torch.tensor(tensors[name + "bias"]))
            layer.bias_hh_l0.zero_().requires_grad_(False)
        net.dense.weight.copy_(torch.tensor(tensors["dense.kernel"].T))
        net.dense.bias.copy_(torch.tensor(tensors["dense.bias"]))
    return net


def weights(net):
    out = {}
    for name, layer in (("lstm0.", net.lstm0), ("lstm1.", net.lstm1)):
        out.update({name + "kernel": layer.weight_ih_l0.T, name + "recurrent": layer.weight_hh_l0.T,
                    name + "bias": layer.bias_ih_l0 + layer.bias_hh_l0})
    out.update({"dense.kernel": net.dense.weight.T, "dense.bias": net.dense.bias})
    return {k: v.detach().numpy() for k, v in out.items()}


def train(folder, epochs, threads):
    import torch
    torch.set_num_threads(threads)
    tensors, options = read_model(os.path.join(folder, "model.safetensors"))
    frames = np.fromfile(os.path.join(folder, "frames.f32"), "<f4").reshape(-1, int(options["channels"]))
    windows = np.loadtxt(os.path.join(folder, "windows.txt"), int, ndmin=2)
    x = torch.tensor(np.stack([frames[f:f + WINDOW] for f in windows[:, 0]]))
    y = torch.tensor(frames[windows[:, 1]])
    net = network(tensors)
    adam = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=float(options["rate"]),
                            eps=float(options["epsilon"]))
    for _ in range(epochs):
        start, total = time.perf_counter(), 0
        for i in range(0, len(x), BATCH):
            adam.zero_grad()
            loss = torch.nn.functional.mse_loss(net(x[i:i + BATCH]), y[i:i + BATCH])
            loss.backward()
            adam.step()
            total += float(loss) * len(x[i:i + BATCH])
        print("%.9g %.6f" % (total / len(x), time.perf_counter() - start), flush=True)
    np.savez(os.path.join(folder, "trained.npz"), **weights(net))


def compare(folder, model):
    ours, theirs = read_model(model)[0], np.load(os.path.join(folder, "trained.npz"))
    print(max(abs(ours[k] - theirs[k]).max() / abs(theirs[k]).max() for k in theirs))


if __name__ == "__main__":
    command, folder, *rest = sys.argv[1:]
    if command == "make":
        make(folder, *(int(v) for v in rest[:3]), *(float(v) for v in rest[3:]))
    elif command == "train":
        train(folder, int(rest[0]), int(rest[1]))
    else:
        compare(folder, rest[0])
