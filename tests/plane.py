# SPDX-License-Identifier: GPL-3.0-or-later
"""plane.py FILE XLO XHI YLO YHI X Y ...: the colours at these places of emplot's plane between two axes, which is 800 x
480 px and whose lower left corner is where the axes' lines, the longest of their colour, meet."""
import contextlib
import io
import os
import sys

png, *numbers = sys.argv[1:]
xlo, xhi, ylo, yhi, *at = (float(v) for v in numbers)
sys.argv = ["png.py", png]
names = {}
with contextlib.redirect_stdout(io.StringIO()), open(os.path.join(os.path.dirname(__file__), "png.py")) as f:
    exec(f.read(), names)
rgb = names["rgb"]
ink = (rgb == 0x20).all(axis=2)
left, bottom = ink.sum(axis=0).argmax() + 1, ink.sum(axis=1).argmax()


def color(x, y):
    row, column = bottom - (y - ylo) / (yhi - ylo) * 480, left + (x - xlo) / (xhi - xlo) * 800
    return "%02x%02x%02x" % tuple(rgb[int(row), int(column)])


print(*(color(x, y) for x, y in zip(at[::2], at[1::2])))
