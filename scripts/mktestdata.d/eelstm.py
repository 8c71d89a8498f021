# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of the published form with few weights, spectra, and the losses of its training by numpy in float64: by the
equations, without what tests/peers/eelstm.py has PyTorch do."""
import os
import runpy
import tempfile

import numpy as np

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "peers", "eelstm.py")
CHANNELS, UNITS, WINDOWS, RATE, EPSILON, EPOCHS = 12, 8, 120, 1e-2, 1e-4, 10


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def forward(w, name, x):
    """x [steps][rows][inputs] to h [steps][rows][units], and what backward needs."""
    h = c = np.zeros((x.shape[1], w[name + "recurrent"].shape[0]))
    out, kept = [], []
    for v in x:
        z = v @ w[name + "kernel"] + h @ w[name + "recurrent"] + w[name + "bias"]
        i, f, g, o = np.split(z, 4, 1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        kept.append((v, h, c, i, f, g, o))
        c = f * c + i * g
        h = o * np.tanh(c)
        out.append(h)
    return np.stack(out), kept


def backward(w, name, kept, dh, grad):
    """dh [steps][rows][units] to the gradient of x; that of the weights into grad."""
    for part in ("kernel", "recurrent", "bias"):
        grad[name + part] = np.zeros_like(w[name + part])
    dx, later, dc = [], 0, 0
    for (v, h, c, i, f, g, o), d in zip(kept[::-1], dh[::-1]):
        d = d + later
        t = np.tanh(f * c + i * g)
        dc = dc + d * o * (1 - t * t)
        dz = np.concatenate([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), d * t * o * (1 - o)], 1)
        grad[name + "kernel"] += v.T @ dz
        grad[name + "recurrent"] += h.T @ dz
        grad[name + "bias"] += dz.sum(0)
        dx.append(dz @ w[name + "kernel"].T)
        later = dz @ w[name + "recurrent"].T
        dc = dc * f
    return np.stack(dx[::-1])


def learn(w, x, y):
    """The mean squared error, and its gradient."""
    grad = {}
    h0, kept0 = forward(w, "lstm0.", x)
    h1, kept1 = forward(w, "lstm1.", h0)
    off = h1[-1] @ w["dense.kernel"] + w["dense.bias"] - y
    d = 2 * off / off.size
    grad["dense.kernel"], grad["dense.bias"] = h1[-1].T @ d, d.sum(0)
    dh = np.zeros_like(h1)
    dh[-1] = d @ w["dense.kernel"].T
    backward(w, "lstm0.", kept0, backward(w, "lstm1.", kept1, dh, grad), grad)
    return (off ** 2).mean(), grad


def train(w, frames, windows, peer, torch_epsilon):
    """The loss of each epoch."""
    w = {k: v.astype("f8") for k, v in w.items() if not k.startswith("scale")}
    m, v, t, losses = {k: 0 for k in w}, {k: 0 for k in w}, 0, []
    for _ in range(EPOCHS):
        total = 0
        for at in range(0, len(windows), peer["BATCH"]):
            batch = windows[at:at + peer["BATCH"]]
            x = np.stack([frames[batch[:, 0] + i] for i in range(peer["WINDOW"])])
            loss, grad = learn(w, x, frames[batch[:, 1]])
            total += loss * len(batch)
            t += 1
            shrunk = np.sqrt(1 - 0.999 ** t)
            for k in w:
                m[k] = 0.9 * m[k] + 0.1 * grad[k]
                v[k] = 0.999 * v[k] + 0.001 * grad[k] ** 2
                root = np.sqrt(v[k]) + EPSILON * (shrunk if torch_epsilon else 1)
                w[k] = w[k] - RATE * shrunk / (1 - 0.9 ** t) * m[k] / root
        losses.append(total / len(windows))
    return losses


def samples():
    return []


def bad_files():
    return []


def others():
    """(file, bytes, what it is)."""
    peer = runpy.run_path(PEER)
    with tempfile.TemporaryDirectory() as folder:
        peer["make"](folder, CHANNELS, UNITS, WINDOWS, RATE, EPSILON)
        made = {}
        for name in ("model.safetensors", "frames.f32", "windows.txt"):
            with open(os.path.join(folder, name), "rb") as f:
                made[name] = f.read()
        w = peer["read_model"](os.path.join(folder, "model.safetensors"))[0]
    frames = np.frombuffer(made["frames.f32"], "<f4").reshape(-1, CHANNELS).astype("f8")
    windows = np.array([line.split() for line in made["windows.txt"].split(b"\n")[:-1]]).astype(int)
    losses = np.transpose([train(w, frames, windows, peer, torch) for torch in (False, True)])
    text = "".join("%.9g %.9g\n" % tuple(row) for row in losses).encode()
    return [("eelstm.safetensors", made["model.safetensors"], "EELSTM with %d units, for %d channels" %
             (UNITS, CHANNELS)),
            ("eelstm-frames.f32", made["frames.f32"], "spectra to train it on, float32"),
            ("eelstm-windows.txt", made["windows.txt"], "its windows: first spectrum, target"),
            ("eelstm-losses.txt", text, "the losses of %d epochs by numpy in float64, with Adam's epsilon as in Keras"
             " and as in PyTorch" % EPOCHS)]
