# SPDX-License-Identifier: GPL-3.0-or-later
"""One-off commands, cold, to the simulator in the process and over HTTP on loopback, beside temscript's own Python
client doing the same to the same server; and a frame of the simulator's specimen.  Called by bench.py.

temscript is looked for in $EM_TEMSCRIPT (the folder that holds its package) and among this python's modules.  Each
command is a fresh process; they take turns; medians.  The frame is timed inside tests/peers/sim_frame.c, by the clock
and in processor time, as the machine may have other work.
"""
import os
import socket
import statistics
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIELDS = (("grid and particles, 200 um", "200 0 0"), ("a section among rods, 20 um", "20 20 -12"),
          ("particles, 2 um", "2 0 0"), ("columns of atoms, 50 nm", "0.05 20 -13.43"))
CLIENT = """import sys
from temscript import RemoteMicroscope
m = RemoteMicroscope(("127.0.0.1", int(sys.argv[1])))
"""
GET, SET = CLIENT + "print(m.get_stage_position()['x'])", CLIENT + "m.set_beam_shift((1e-9, 0))"


def environment():
    """State in the bench's own folder, and temscript on python's path."""
    env = dict(os.environ, XDG_STATE_HOME=os.path.abspath("state"), XDG_CONFIG_HOME=os.path.abspath("config"))
    env["PYTHONPATH"] = os.pathsep.join(p for p in (env.get("EM_TEMSCRIPT"), env.get("PYTHONPATH")) if p)
    return env


def once(argv, env):
    start = time.perf_counter()
    subprocess.run(argv, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, server):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.05)
    sys.exit("bench: no server at port %d" % port)


def commands(port, peer):
    http = ["emctl", "--scope", "http://127.0.0.1:%d" % port]
    sim = ["emctl", "--scope", "sim:?clock=virtual"]
    rows = {"emctl get stage.x, sim:": sim + ["get", "stage.x"],
            "emctl set beam_shift, sim:": sim + ["set", "beam_shift.x=1nm", "beam_shift.y=0nm"],
            "emctl get stage.x, HTTP": http + ["get", "stage.x"],
            "emctl set beam_shift, HTTP": http + ["set", "beam_shift.x=1nm", "beam_shift.y=0nm"],
            "a process that does nothing": ["true"]}
    if peer:
        rows["temscript's client, get_stage_position"] = [sys.executable, "-c", GET, str(port)]
        rows["temscript's client, set_beam_shift"] = [sys.executable, "-c", SET, str(port)]
    return rows


def one_off(report, rounds, env, argv, port, name):
    peer = not subprocess.run([sys.executable, "-c", "import temscript"], env=env, stderr=subprocess.DEVNULL).returncode
    print("\none-off commands, cold; the server is %s" % name)
    server = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        rows = commands(port, peer)
        times = {k: [] for k in rows}
        for _ in range(rounds):
            for k, command in rows.items():
                times[k].append(once(command, env))
    finally:
        server.terminate()
        server.wait()
    medians = {k: statistics.median(v) for k, v in times.items()}
    for k, median in medians.items():
        word = " get" if " get" in k else " set"
        theirs = [m for n, m in medians.items() if n.startswith("temscript") and word in n]
        report(k, median, None, "temscript's client takes %.0f times as long" % (theirs[0] / median)
               if theirs and k.endswith("HTTP") else "")
    if not peer:
        print("    no temscript for this python: EM_TEMSCRIPT=FOLDER")
    return peer


def frames(report, rounds):
    print("\na HAADF frame of 1024 x 1024 of the simulator's specimen")
    flags = subprocess.check_output(["make", "-sC", TOP, "print-flags"], text=True).split()
    source = os.path.join(TOP, "tests", "peers", "sim_frame.c")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", "sim_frame", source, *flags], check=True)
    for name, field in FIELDS:
        times = {1: [], 2: []}
        for _ in range(rounds):
            for threads, all_of in times.items():
                out = subprocess.check_output(["./sim_frame", "3", str(threads), *field.split()], text=True)
                all_of += [tuple(map(float, line.split())) for line in out.splitlines()]
        for threads, all_of in times.items():
            wall, work = (statistics.median(t[i] for t in all_of) for i in (0, 1))
            report("%s, %s" % (name, "one thread" if threads == 1 else "two threads"), wall / 1e3, None,
                   "%.0f ms of processor time" % work)


def run(report, rounds=15):
    env = environment()
    port = free_port()
    ours = ["emctl", "--scope", "sim:?clock=virtual&seed=2", "serve", "--listen", "127.0.0.1:%d" % port]
    if one_off(report, rounds, env, ours, port, "emctl serve"):
        port = free_port()
        null = [sys.executable, os.path.join(TOP, "tests", "peers", "temscript_itself.py"), "null", str(port)]
        one_off(report, rounds, env, null, port, "temscript's null server")
    frames(report, rounds=3)
