# SPDX-License-Identifier: GPL-3.0-or-later
"""GridScope's own client against `emctl serve rpc`: the port is the argument, control_client is on the path."""
import sys

from control_client import MicroscopeControlClient

scope = MicroscopeControlClient(port=int(sys.argv[1]), timeout=30)
assert scope.wait_until_ready(timeout=5)["ready"]
names = scope.get_detectors()
assert "HAADF" in names, names

there = scope.set_stage({"x": 1e-6, "y": -2e-6, "z": 0, "a": 5, "b": 0}, relative=False)["new_stage"]
assert abs(there[0] - 1e-6) < 2e-7 and abs(there[3] - 5) < 0.1, there
further = scope.set_stage({"x": 1e-6})["new_stage"]  # relative is its default
assert abs(further[0] - there[0] - 1e-6) < 3e-7 and abs(further[3] - 5) < 0.1, further
try:
    scope.set_stage({"x": 1.0}, relative=False)
except RuntimeError as e:
    assert "limit" in str(e)
else:
    sys.exit("a metre was not refused")

scope.set_magnification(50000)
assert scope.get_magnification()["field_of_view_um"] > 0
scope.set_resolution(512) if hasattr(scope, "set_resolution") else scope.device_settings("haadf", size=512)
assert scope.device_settings("haadf", size=64) == 1
assert scope.device_settings("nothing", size=64) == 0
image = scope._decode(scope._call("acquire_image", {"device": "haadf"}))
assert image.shape == (64, 64) and image.std() > 0, image.shape
spectrum = scope._call("acquire_spectrum", {"ev_min": 0, "ev_max": 100, "n_channels": 101})
assert len(spectrum["intensity"]) == 101 and abs(spectrum["energy_ev"][1] - 1) < 0.01
