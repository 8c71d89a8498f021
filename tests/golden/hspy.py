# SPDX-License-Identifier: GPL-3.0-or-later
"""HyperSpy's own files: nothing is meant to differ."""

EXTENSIONS = ["hspy"]
DIFFERENCES = []
