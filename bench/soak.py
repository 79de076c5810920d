#!/usr/bin/env python3
"""Keep hobd busy for a while and see that it neither grows nor stops answering.

    soak.py [--minutes 10]

Asks, searches, routes and rewrites files of a copy of examples/home, and now and then kills a child with SIGKILL. Fails
when a request fails that had no child killed under it, or when the daemon's memory keeps growing.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

from session import RELEASE, ROOT, percentile, session, write_result

WARM_UP_SHARE, MOST_GROWTH_BYTES = 0.2, 16 * 2**20


def questions():
    rows = [line.rstrip("\n").split("\t") for line in open(ROOT / "examples/questions.tsv", encoding="utf-8")]
    return [row[0] for row in rows if len(row) == 3]


def call(running, *arguments):
    """Return (whether it worked, seconds, what it said)."""
    begin = time.monotonic()
    done = subprocess.run([RELEASE / "hob", *arguments], env=running.environment, capture_output=True, text=True)
    return done.returncode == 0, time.monotonic() - begin, done.stdout + done.stderr


def kill_a_child(running, dice):
    """SIGKILL one of the daemon's children; return whether there was one."""
    status = json.loads(call(running, "status", "--json")[2])
    pids = [part["pid"] for part in status["models"] + status["skills"] if part.get("pid")]
    if not pids:
        return False
    os.kill(dice.choice(pids), signal.SIGKILL)
    return True


def change_a_file(folder, dice, turn):
    path = dice.choice(sorted(folder.rglob("*.md")))
    with open(path, "a", encoding="utf-8") as f:
        f.write(f"\nTurn {turn} of the soak test wrote this line.\n")


def main():
    parser = argparse.ArgumentParser(description="Keep hobd busy; memory and answers must hold.")
    parser.add_argument("--minutes", type=float, default=10)
    a = parser.parse_args()
    dice, asked = random.Random(7), questions()
    home = pathlib.Path(tempfile.mkdtemp(prefix="hob-soak-"))
    shutil.copytree(ROOT / "examples/home", home / "files")
    done, killed, failures, times, sizes = 0, 0, [], [], []
    try:
        with session() as running:
            running.index(home / "files")
            begin = time.monotonic()
            while time.monotonic() - begin < a.minutes * 60:
                done += 1
                if done % 25 == 0:
                    change_a_file(home / "files", dice, done)
                if done % 60 == 0 and kill_a_child(running, dice):
                    killed += 1
                verb = dice.choice(["ask", "ask", "search", "route"])
                worked, seconds, said = call(running, verb, "--json", dice.choice(asked))
                times.append(seconds)
                if not worked:
                    failures.append(f"{verb}: {said.strip()[:200]}")
                if done % 10 == 0:
                    sizes.append(running.resident_bytes())
    finally:
        shutil.rmtree(home, ignore_errors=True)
    warm = sizes[int(len(sizes) * WARM_UP_SHARE):] or sizes
    quarter = max(1, len(warm) // 4)
    growth = sum(warm[-quarter:]) / quarter - sum(warm[:quarter]) / quarter if warm else 0.0
    # A request that runs when its child is killed may fail: at most one for each kill.
    excess = max(0, len(failures) - killed)
    lines = ["| what | value |", "|---|---|",
             f"| requests in {a.minutes:g} minutes | {done} |", f"| children killed | {killed} |",
             f"| failed | {len(failures)} |", f"| p95 | {percentile(times, 0.95) * 1000:.0f} ms |",
             f"| hobd's memory, last sample | {(sizes or [0])[-1] / 2**20:.1f} MiB |",
             f"| its growth after warming up | {growth / 2**20:+.1f} MiB |"]
    lines += [""] + [f"- {failure}" for failure in failures[:10]] if failures else []
    write_result("soak", "Soak", ["--minutes", f"{a.minutes:g}"], lines)
    if excess or growth > MOST_GROWTH_BYTES:
        raise SystemExit("requests failed or memory grew")


if __name__ == "__main__":
    main()
