#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""temscript itself (https://github.com/niermann/temscript, BSD), where it is: its null server, and its client on us.

temscript_itself.py null PORT: serves until it is killed.  temscript_itself.py remote PORT: drives `emctl serve` at that port.
"""
import sys
import warnings

warnings.simplefilter("ignore")


def null(port):
    from temscript.server import run_server
    run_server(["--null", "--host", "127.0.0.1", "--port", str(port)])


GET = """family microscope_id version voltage vacuum stage_holder stage_status stage_position stage_limits cameras
stem_detectors stem_acquisition_param image_shift beam_shift beam_tilt projection_sub_mode projection_mode
projection_mode_string magnification_index indicated_camera_length indicated_magnification defocus
objective_excitation intensity objective_stigmator condenser_stigmator diffraction_shift screen_current
screen_position illumination_mode condenser_mode illuminated_area probe_defocus convergence_angle stem_magnification
stem_rotation spot_size_index dark_field_mode beam_blanked instrument_mode state column_valves_open""".split()

SET = [("image_shift", (1e-8, 2e-8)), ("beam_shift", (1e-8, 2e-8)), ("beam_tilt", (1e-4, 2e-4)),
       ("projection_mode", "DIFFRACTION"), ("projection_mode", "IMAGING"), ("magnification_index", 20),
       ("defocus", -1e-6), ("intensity", 0.4), ("diffraction_shift", (1e-4, 0)), ("objective_stigmator", (0.1, -0.1)),
       ("condenser_stigmator", (0, 0)), ("screen_position", "DOWN"), ("screen_position", "UP"),
       ("illumination_mode", "MICROPROBE"), ("spot_size_index", 3), ("dark_field_mode", "OFF"),
       ("condenser_mode", "PARALLEL"), ("illuminated_area", 0), ("probe_defocus", 0), ("beam_blanked", True),
       ("beam_blanked", False), ("column_valves_open", True), ("instrument_mode", "STEM"),
       ("convergence_angle", 0.02), ("stem_magnification", 200000), ("stem_rotation", 0.1)]


def same(a, b):
    if isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b if isinstance(b, (str, bool)) else abs(a - b) <= 1e-9 * abs(b)


def refused(call, *args):
    try:
        call(*args)
    except (RuntimeError, KeyError):
        return
    sys.exit("%s%r was not refused" % (call.__name__, args))


def remote(port):
    from temscript.remote_microscope import RemoteMicroscope
    m = RemoteMicroscope(("127.0.0.1", port))
    for name in GET:
        getattr(m, "get_" + name)()
    if not m.is_stem_available():
        sys.exit("no STEM")
    for name, value in SET:
        getattr(m, "set_" + name)(value)
        there = getattr(m, "get_" + name)()
        if not same(there, value):
            sys.exit("%s is %r, not %r" % (name, there, value))
    m.set_stage_position(x=5e-6, a=0.1)
    m.set_stage_position({"y": 1e-6}, method="MOVE")
    m.set_stage_position({"y": 2e-6}, speed=0.5)
    there = m.get_stage_position()
    if any(abs(there[k] - v) > 1e-3 * (k == "a") + 2e-7 for k, v in {"x": 5e-6, "y": 2e-6, "a": 0.1}.items()):
        sys.exit("the stage is at %r" % there)
    m.set_camera_param("CCD", {"binning": 8, "exposure(s)": 0.1, "image_size": "HALF"})
    m.set_stem_acquisition_param({"binning": 4, "dwell_time(s)": 2e-6})
    m.normalize("ALL")
    images = m.acquire("HAADF", "BF", "NOPE")
    if sorted(images) != ["BF", "HAADF"] or images["HAADF"].shape != (256, 256):
        sys.exit("images: %r" % {k: v.shape for k, v in images.items()})
    m.set_instrument_mode("TEM")
    ccd = m.acquire("CCD")["CCD"]
    if ccd.shape != (128, 128) or not ccd.max() > 0:
        sys.exit("the camera gave %r" % (ccd.shape,))
    refused(m.set_stage_position, {"x": 1})
    refused(m.set_projection_mode, "BOGUS")
    refused(m.get_camera_param, "NOPE")
    refused(m.normalize, "NOTHING")


{"null": null, "remote": remote}[sys.argv[1]](int(sys.argv[2]))
