#!/usr/bin/env python3
"""The engine against llama.cpp's own programs, in turns on one machine: ratios with their spread, and the goals.

    run.py [--quick] [SCENARIO...]      all scenarios by default; `run.py --list` names them

Owns: the order of scenarios, the daemon they share, and the result's file. A run of everything writes
bench/results/engine.md; a part or a quick run only prints.
"""

import contextlib
import argparse
import http.client
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import alone
import beside
import embedding
import failing
import guided
import many
import peers
import prefix
import schemas
from client import Caller, HobError, options
from report import Report
from server import ServerError
from session import GLib, session, write_result  # found once client has been imported

SCENARIOS = {name: entry for module in (alone, beside, many, prefix, guided, schemas, embedding, failing)
             for name, entry in module.SCENARIOS.items()}
# Nothing is unloaded or checked in the background while something else is measured.
SETTINGS = """[models]
chat = "{chat}"
idle_unload_seconds = 86400
check_after_seconds = 86400
"""


class Bench:
    """What all scenarios share."""

    system = "You are a helpful assistant."

    def __init__(self, running, quick):
        folder = pathlib.Path(peers.models.default_destination())
        # Figures that are near their goals take more turns: a shared machine varies by a tenth from one to the next.
        self.quick, self.rounds, self.many_rounds = quick, 1 if quick else 3, 1 if quick else 7
        self.beside_rounds = 1 if quick else 5
        self.report = Report()
        self.chat, self.shape = folder / peers.CHAT, peers.shape_file()
        self.chat_id, self.embedder = self.chat.stem, folder / peers.EMBEDDER
        self.threads = len(os.sched_getaffinity(0))
        self.address = running.environment["DBUS_SESSION_BUS_ADDRESS"]
        self.caller = self.new_caller()
        self.options = lambda **given: options(given)
        numbers = itertools.count(1000)
        self.fresh = lambda: next(numbers)

    def new_caller(self):
        """Another client's connection."""
        return Caller(self.address)

    @contextlib.contextmanager
    def fixed(self, threads):
        """A client of another daemon that uses no more than so many threads."""
        with daemon(f"threads = {threads}\n") as running:
            yield Caller(running.environment["DBUS_SESSION_BUS_ADDRESS"])

    def chat_models(self):
        """The two chat models: what to call them, and their files."""
        return [("SmolLM2-135M", str(self.chat)), ("random 0.5B", str(self.shape))]


def stop(_number, _frame):
    """SIGTERM becomes Ctrl-C, which GLib's main loop knows to unwind, so that no process is left behind."""
    os.kill(os.getpid(), signal.SIGINT)


@contextlib.contextmanager
def daemon(more=""):
    """A daemon on a bus of its own, with these settings for its models too."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hob-bench-"))
    try:
        settings = folder / "config" / "hob" / "hob.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(SETTINGS.format(chat=pathlib.Path(peers.CHAT).stem) + more)
        with session(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(names, quick):
    with daemon() as running:
        b = Bench(running, quick)
        for name in names:
            title, scenario = SCENARIOS[name]
            b.report.begin(name, title)
            began = time.monotonic()
            try:
                scenario(b)
            except (HobError, ServerError, GLib.Error, OSError, LookupError, ValueError, http.client.HTTPException,
                    subprocess.TimeoutExpired) as e:
                b.report.failed(title, str(e) or type(e).__name__)
            b.report.say("")
            b.report.say(f"Took {time.monotonic() - began:.0f} s.")
        return b.report


def main():
    parser = argparse.ArgumentParser(description="hob's engine against llama-bench and llama-server.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes: three minutes")
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    a = parser.parse_args()
    unknown = [name for name in a.scenarios if name not in SCENARIOS]
    if a.list or unknown:
        for name, (title, _) in SCENARIOS.items():
            print(f"{name:10} {title}")
        raise SystemExit(f"unknown: {', '.join(unknown)}" if unknown else 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started without it
    signal.signal(signal.SIGTERM, stop)
    try:
        peers.prepare()
    except (peers.Failure, peers.models.Failure, OSError) as e:
        raise SystemExit(f"peers: {e}") from None
    report = run(a.scenarios or list(SCENARIOS), a.quick)
    missed = len(report.missed)
    report.say("")
    report.say(f"Goals missed: {missed}." if missed else "All goals met.")
    if not a.scenarios and not a.quick:
        write_result("engine", "Engine", [], report.lines, command="bench/engine/run.py", shown=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
