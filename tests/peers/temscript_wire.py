#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What any program may send to `emctl serve`: python3's own http.client and sockets, nothing else.

temscript_wire.py PORT WHAT: exits 1 and says what was not as it should be.
"""
import base64
import http.client
import json
import socket
import sys
import threading

PORT = int(sys.argv[1])

GET = """family microscope_id version voltage vacuum stage_holder stage_status stage_position stage_limits detectors
cameras stem_detectors stem_acquisition_param image_shift beam_shift beam_tilt projection_sub_mode projection_mode
projection_mode_string magnification_index indicated_camera_length indicated_magnification defocus
objective_excitation intensity objective_stigmator condenser_stigmator diffraction_shift screen_current
screen_position illumination_mode condenser_mode illuminated_area probe_defocus convergence_angle stem_magnification
stem_rotation spot_size_index dark_field_mode beam_blanked instrument_mode optics_state state column_valves_open
stem_available camera_param/CCD stem_detector_param/HAADF detector_param/CCD acquire""".split()

PUT = [("image_shift", [1e-8, -2e-8]), ("beam_shift", [1e-8, 0]), ("beam_tilt", [1e-4, 0]),
       ("projection_mode", "DIFFRACTION"), ("projection_mode", "IMAGING"), ("magnification_index", 20),
       ("defocus", -1e-6), ("intensity", 0.4), ("diffraction_shift", [1e-4, 0]), ("objective_stigmator", [0.1, 0]),
       ("condenser_stigmator", [0, 0]), ("screen_position", "DOWN"), ("screen_position", "UP"),
       ("illumination_mode", "MICROPROBE"), ("spot_size_index", 4), ("dark_field_mode", "OFF"),
       ("condenser_mode", "PARALLEL"), ("illuminated_area", 0), ("probe_defocus", 0), ("instrument_mode", "STEM"),
       ("convergence_angle", 0.02), ("stem_magnification", 200000), ("stem_rotation", 0.1), ("beam_blanked", True),
       ("beam_blanked", False), ("instrument_mode", "TEM"), ("column_valves_open", True), ("normalize", "ALL"),
       ("stage_position?method=GO", {"x": 2e-6, "a": 0.1}), ("stage_position?method=MOVE&speed=0.5", {"y": 1e-6}),
       ("camera_param/CCD?ignore_errors=1", {"binning": 8, "exposure(s)": 0.1, "image_size": "HALF"}),
       ("stem_detector_param/HAADF", {"contrast": 0.5}), ("stem_acquisition_param", {"binning": 4})]


def ask(method, path, body=None, headers=None):
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    c.request(method, path, body, headers or {})
    r = c.getresponse()
    data = r.read()
    c.close()
    return r.status, r.getheader("Content-Type"), data


def want(status, got, text=b""):
    if got[0] != status or text not in got[2]:
        sys.exit("not %d with %r, but %r" % (status, text, (got[0], got[1], got[2][:300])))
    return got


def endpoints():
    for name in GET:
        kind = want(200, ask("GET", "/v1/" + name))
        if kind[1] != "application/json":
            sys.exit("%s is of type %s" % (name, kind[1]))
        json.loads(kind[2])
    for name, value in PUT:
        if want(204, ask("PUT", "/v1/" + name, json.dumps(value)))[2]:
            sys.exit("%s: 204 with a body" % name)
    there = json.loads(ask("GET", "/v1/stage_position")[2])
    if abs(there["x"] - 2e-6) > 2e-7 or abs(there["a"] - 0.1) > 1e-3:
        sys.exit("the stage is at %r" % there)


def images():
    got = json.loads(want(200, ask("GET", "/v1/acquire?detectors=CCD&detectors=NOPE"))[2])
    image = got.pop("CCD")
    size = {"UINT8": 1, "UINT16": 2, "INT32": 4, "FLOAT32": 4}[image["type"]]
    if got or image["endianness"] not in ("LITTLE", "BIG") or image["encoding"] != "BASE64" or \
            len(base64.b64decode(image["data"], validate=True)) != image["width"] * image["height"] * size or \
            image["width"] != 128:
        sys.exit("no image: %r" % {k: v for k, v in image.items() if k != "data"})


def errors():
    want(404, ask("GET", "/v1/bogus"), b"<p>Message: Unknown endpoint: /v1/bogus.</p>")
    want(404, ask("GET", "/v2/version"), b"Unknown API version")
    want(404, ask("GET", "/%2e%2e/%2e%2e/etc/passwd"))
    want(404, ask("GET", "/v1/<script>"), b"&lt;script&gt;")
    want(404, ask("GET", "/v1/camera_param/NOPE"))
    want(404, ask("GET", "/em/v1/truth"))
    want(501, ask("POST", "/v1/defocus", "1"))
    want(500, ask("PUT", "/v1/defocus", "NaN"))
    want(500, ask("PUT", "/v1/defocus", "{bad"))
    want(500, ask("PUT", "/v1/defocus"))
    want(500, ask("PUT", "/v1/stage_position", '{"x":0.5}'), b"limit")
    want(500, ask("PUT", "/v1/stage_position?method=FLY", '{"x":0}'))
    want(204, ask("PUT", "/v1/defocus", "1e-6" + " " * 4092))
    want(500, ask("PUT", "/v1/defocus", "1e-6" + " " * 4093), b"Too much content")
    want(500, ask("PUT", "/v1/defocus", "1e-6" + " " * 1000000), b"Too much content")
    want(403, ask("GET", "/v1/version", headers={"Origin": "https://example.org"}))
    want(403, ask("GET", "/v1/acquire?detectors=CCD", headers={"Sec-Fetch-Site": "cross-site"}))
    want(200, ask("GET", "/v1/version", headers={"Sec-Fetch-Site": "none"}))
    # a page whose own name was made to point here asks for that name
    for host in ("example.org", "example.org:%d" % PORT, "127.0.0.1.example.org", "128.0.0.1", "", "[::2]"):
        want(403, ask("GET", "/v1/version", headers={"Host": host, "Sec-Fetch-Site": "same-origin"}))
    for host in ("127.0.0.1", "localhost:80", "LOCALHOST", "127.1.2.3:8080", "[::1]:8080"):
        want(200, ask("GET", "/v1/version", headers={"Host": host}))
    for body in ("7", "[]", '"stage.x"', "null", "{}", '{"stage.x":"1"}', '{"mode":"mist"}'):
        want(500, ask("PUT", "/em/v1/controls", body))
    for query in ("width=0.5", "binning=1.5", "height=nan", "width=-1", "seconds=inf", "width=1e9", "width="):
        want(500, ask("GET", "/em/v1/acquire?detector=CCD&" + query))


def send(data):
    s = socket.create_connection(("127.0.0.1", PORT), timeout=60)
    try:
        s.sendall(data)
    except OSError:
        pass
    return s


def first_line(s):
    data = b""
    try:
        while b"\n" not in data:
            more = s.recv(4096)
            if not more:
                break
            data += more
    except OSError:
        pass
    s.close()
    return data.split(b"\r\n")[0]


def hostile():
    """Whatever comes, the next one who asks is answered."""
    for data in (b"", b"\0" * 1000, b"\xff\xfe" * 5000, b"GET", b"GET /v1/version", b"GET /v1/version HTTP/9.9\r\n\r\n",
                 b"GET /v1/ver\r\n\r\n", b"PUT /v1/defocus HTTP/1.0\r\nContent-Length: 10\r\n\r\n1e",
                 b"PUT /v1/defocus HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n1e-6",
                 b"PUT /v1/defocus HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n1e-6",
                 b"GET /v1/acquire?" + b"detectors=NOPE&" * 500 + b" HTTP/1.0\r\n\r\n",
                 b"GET /" + b"a" * 100000 + b" HTTP/1.0\r\n\r\n",
                 b"GET /v1/version HTTP/1.0\r\nX: " + b"a" * 100000 + b"\r\n\r\n",
                 b"GET /v1/version HTTP/1.0\r\n" + b"X: a\r\n" * 20000 + b"\r\n"):
        s = send(data)
        try:
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        line = first_line(s)
        if b" 204" in line:
            sys.exit("%r was taken" % data[:60])
        want(200, ask("GET", "/v1/version"))
    defocus = json.loads(ask("GET", "/v1/defocus")[2])
    idle = [send(b"GET /v1/ver") for _ in range(40)]
    want(200, ask("GET", "/v1/version"))
    for s in idle:
        s.close()
    if json.loads(ask("GET", "/v1/defocus")[2]) != defocus:
        sys.exit("the focus has changed")
    chunked = (b"PUT /v1/intensity HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" +
               b"1000\r\n" + b" " * 4096 + b"\r\n" * 1 + b"1000\r\n" + b" " * 4096 + b"\r\n0\r\n\r\n")
    if b" 500" not in first_line(send(chunked)):
        sys.exit("chunks went past the limit")
    crowd()


def crowd():
    """All places are taken by clients who never come to the point; they make room for one who does."""
    slow, over = [send(b"GET /v1/version HTTP/1.1\r\nX: ") for _ in range(64)], threading.Event()

    def trickle():
        while not over.wait(0.2):
            for s in slow:
                try:
                    s.sendall(b"a")
                except OSError:
                    pass

    t = threading.Thread(target=trickle, daemon=True)
    t.start()
    want(204, ask("PUT", "/em/v1/stop", "true"))
    over.set()
    t.join()
    for s in slow:
        s.close()


def stop():
    want(204, ask("PUT", "/em/v1/stop", "true"))


def token():
    want(401, ask("GET", "/v1/version"))
    want(401, ask("PUT", "/v1/beam_blanked", "true"))
    for wrong in ("Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crett", "Bearer S3cret", "Basic s3cret", "s3cret"):
        want(401, ask("GET", "/v1/version", headers={"Authorization": wrong}))
    want(200, ask("GET", "/v1/version", headers={"Authorization": "Bearer s3cret"}))


{f.__name__: f for f in (endpoints, images, errors, hostile, stop, token)}[sys.argv[2]]()
