# SPDX-License-Identifier: GPL-3.0-or-later
"""emfft-crystallinity a frame, beside the same method written with numpy and scipy (pocketfft, two workers), and beside
the one forward transform that no method can do without; called by bench.py.

Ours is whole: a process that reads a stream of uint16 frames and writes records; a frame is what the longer of two
movies takes more, over the frames that it has more.  The script's time is its inner loop alone, on arrays in memory.
"""
import ctypes
import ctypes.util
import subprocess
import time

import numpy as np

try:
    import scipy.fft
except ImportError:
    scipy = None

PIXEL, LATTICE = 0.04, 0.39  # nm, of the movies
SPOTS = ((0, 1), (1, 0), (1, 1), (1, -1))
WORKERS, RADIUS, TAPER = 2, 0.45, 0.125


# ---- one forward transform ----

def forward(side, rounds=9):
    """Seconds of FFTW's real transform of side x side, planned as ours is; None where there is no library."""
    name = ctypes.util.find_library("fftw3f") or "libfftw3f.so.3"
    try:
        fftw = ctypes.CDLL(name)
    except OSError:
        return None
    fftw.fftwf_malloc.restype = fftw.fftwf_plan_dft_r2c_2d.restype = ctypes.c_void_p
    pixels, half = (ctypes.c_void_p(fftw.fftwf_malloc(ctypes.c_size_t(n)))
                    for n in (4 * side * side, 8 * side * (side // 2 + 1)))
    destroy_input, estimate = 1, 64
    plan = ctypes.c_void_p(fftw.fftwf_plan_dft_r2c_2d(side, side, pixels, half, destroy_input | estimate))
    ctypes.memset(pixels, 0, 4 * side * side)
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        fftw.fftwf_execute(plan)
        seconds.append(time.perf_counter() - start)
    fftw.fftwf_free(pixels)
    fftw.fftwf_free(half)
    return min(seconds)


# ---- the same with numpy and scipy ----

def tukey(n):
    depth = np.minimum(np.arange(n) + 0.5, n - 0.5 - np.arange(n))
    return np.where(depth >= TAPER * n, 1, np.sin(np.pi / 2 * depth / (TAPER * n)) ** 2).astype("f4")


class Script:
    """Frames of one size: registration by phase correlation, a full-size image of each spot, order, its mean."""

    def __init__(self, side):
        self.window = np.outer(tukey(side), tukey(side))
        k = np.fft.fftfreq(side).astype("f4")
        self.ky, self.kx = k[:, None], k[None, :]
        self.g = [np.array(hk) * PIXEL / LATTICE for hk in SPOTS]
        self.radius = RADIUS * PIXEL / LATTICE
        self.masks = [self.mask(g) for g in self.g]
        self.middle = self.mask((0, 0))
        self.discs = [[self.mask(self.turned(g, a)) ** 2 for a in (20, 70)] for g in self.g]
        self.reference = None

    @staticmethod
    def turned(g, degrees):
        a = np.arctan2(*g) + np.radians(degrees)
        return np.hypot(*g) * np.array([np.sin(a), np.cos(a)])

    def mask(self, g):
        q = np.hypot(self.ky - g[0], self.kx - g[1]) / self.radius
        return np.where(q < 1, 0.5 * (1 + np.cos(np.pi * np.minimum(q, 1))), 0).astype("f4")

    def drift(self, half):
        """Of the frame against the first, by the peak of the phase correlation and a parabola through it."""
        cross = half * np.conj(self.first)
        cross /= np.maximum(abs(cross), 1e-9)
        c = scipy.fft.irfft2(cross, s=self.window.shape, workers=WORKERS)
        y, x = np.unravel_index(np.argmax(c), c.shape)
        at = []
        for i, n, line in ((y, c.shape[0], c[:, x]), (x, c.shape[1], c[y])):
            a, b, d = line[i - 1], line[i], line[(i + 1) % n]
            at.append((i + n // 2) % n - n // 2 + 0.5 * (a - d) / (a - 2 * b + d))
        return at

    def whole(self, half, side):
        """The other half of the plane of a real picture's transform."""
        f = np.empty((side, side), "c8")
        f[:, :side // 2 + 1] = half
        f[1:, side // 2 + 1:] = np.conj(half[1:, 1:side - side // 2][::-1, ::-1])
        f[0, side // 2 + 1:] = np.conj(half[0, 1:side - side // 2][::-1])
        return f

    def frame(self, image):
        side = image.shape[0]
        v = image.astype("f4")
        mean = v.mean(dtype="f8")
        half = scipy.fft.rfft2(self.window * (v - mean), workers=WORKERS)
        if self.reference is None:
            self.first = half
        dy, dx = self.drift(half) if self.reference is not None else (0, 0)
        f = self.whole(half, side)
        f *= np.exp(2j * np.pi * (self.ky * dy)).astype("c8") * np.exp(2j * np.pi * (self.kx * dx)).astype("c8")
        local = mean * self.window + scipy.fft.ifft2(f * self.middle, workers=WORKERS).real
        inverse = 1 / np.maximum(local, 0.03 * mean)
        power = f.real ** 2 + f.imag ** 2
        psi, noise = [], 0
        for mask, discs in zip(self.masks, self.discs):
            psi.append(scipy.fft.ifft2(f * mask, workers=WORKERS) * inverse)
            noise += np.median([(d * power).sum() / d.sum() for d in discs])
        if self.reference is None:
            self.reference, self.level = psi, sum(abs(p) ** 2 for p in psi)
        order = sum((p * np.conj(r)).real for p, r in zip(psi, self.reference)) / np.maximum(self.level, 1e-12)
        amplitude = sum(abs(p) ** 2 for p in psi)
        inside = self.window > 0.03
        return order[inside].mean(), amplitude[inside].mean(), noise


# ---- both ----

def make(side, frames, name):
    subprocess.run(["emsynth", "movie", "-q", "-n", str(frames), "-s", str(side), "--film", str(0.5 * side * PIXEL),
                    "--drift", "6", "--dose", "300", "--drop", "labels.npy", "-o", name], check=True)


def ours(name, threads):
    start = time.perf_counter()
    subprocess.run(["emfft-crystallinity", "-q", "-n", "2", "-t", str(threads), "-j", "-s",
                    "lattice:%g,%g,90:10,01,11,1-1" % (LATTICE, LATTICE), name], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def run(report, rounds=5):
    print("\nemfft-crystallinity a frame: 4 spots, registration, no maps")
    for side, few, many in ((512, 6, 86), (1024, 6, 46), (2048, 4, 20)):
        make(side, few, "few.tar")
        make(side, many, "many.tar")
        times = {(n, t): [] for n in ("few", "many") for t in (1, 2)}
        theirs, once = [], []
        script = Script(side) if scipy else None
        image = np.random.RandomState(1).poisson(300, (side, side)).astype("u2")
        if script:
            script.frame(image)
        for _ in range(rounds):
            for n, t in times:
                times[n, t].append(ours(n + ".tar", t))
            once.append(forward(side, 3))
            if script:
                start = time.perf_counter()
                script.frame(image)
                theirs.append(time.perf_counter() - start)
        frame = {t: (min(times["many", t]) - min(times["few", t])) / (many - few) for t in (1, 2)}
        note = "" if None in once else "%.1f times one forward FFT (%.1f ms)" % (frame[1] / min(once), min(once) * 1e3)
        report("%d x %d, one thread" % (side, side), frame[1], 2 * side * side, note)
        report("%d x %d, two threads" % (side, side), frame[2], 2 * side * side,
               "%.2f times as fast" % (frame[1] / frame[2]))
        if theirs:
            report("the same with numpy and scipy, two workers", min(theirs), None,
                   "%.1f times ours with two threads, %.1f with one" % (min(theirs) / frame[2], min(theirs) / frame[1]))
