#!/usr/bin/env python3
"""What calling a skill costs over D-Bus: warm calls and cold starts, of a library and of a program in Python.

    skills/run.py [--calls 1000] [--starts 30]

The intents that are called do next to nothing, so that what is measured is what hob adds. A cold start is the first call
after the skill's process has ended; the daemon itself is warm.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from session import ROOT, machine, percentile, revision, session  # noqa: E402

PROGRAM = """#!/usr/bin/python3
from hob_skill import Skill
skill = Skill("org.example.bench", "1.0.0")

@skill.intent("Nothing")
def nothing(call):
    return "Done."

skill.run()
"""

MANIFEST = """[skill]
id = "org.example.bench"
version = "1.0.0"
title = "Bench"
kind = "exec"
command = ["./bench.py"]
[[intent]]
name = "Nothing"
domain = "bench"
version = "1.0"
title = "Nothing"
description = "Does nothing."
risk = "read"
"""

MOST_WARM_MS, MOST_COLD_MS = 1.0, 30.0


def call(running, skill, intent):
    begin = time.perf_counter()
    running.call("Skills1", "Call", "(sssa{sv})", skill, intent, "{}", {})
    return (time.perf_counter() - begin) * 1000


def plain_round_trip(running):
    """A call of the daemon that does nothing at all: what the bus itself costs."""
    begin = time.perf_counter()
    running.call("Skills1", "Show", "(s)", "org.hob.clock")
    return (time.perf_counter() - begin) * 1000


def cold(running, skill, intent):
    running.call("Skills1", "Disable", "(s)", skill)
    running.call("Skills1", "Enable", "(sa{sv})", skill, {})
    return call(running, skill, intent)


def measure(running, skill, intent, calls, starts):
    call(running, skill, intent)
    warm = [call(running, skill, intent) for _ in range(calls)]
    return warm, [cold(running, skill, intent) for _ in range(starts)]


def install_program(running, folder):
    project = pathlib.Path(folder) / "bench"
    project.mkdir()
    (project / "skill.toml").write_text(MANIFEST)
    program = project / "bench.py"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (project / "hob_skill.py").write_text((ROOT / "sdk/python/hob_skill.py").read_text())
    running.hob("skill", "install", "--yes", str(project))


def figures(times):
    return f"p50 {statistics.median(times):.2f} ms, p95 {percentile(times, 0.95):.2f} ms"


def main():
    parser = argparse.ArgumentParser(description="Latency of skills.")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--starts", type=int, default=30)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hob-bench-") as folder, session() as running:
        install_program(running, folder)
        plain = [plain_round_trip(running) for _ in range(a.calls)]
        library = measure(running, "org.hob.clock", "Today", a.calls, a.starts)
        program = measure(running, "org.example.bench", "Nothing", a.calls, a.starts)
    print(f"{machine()}, revision {revision()}")
    print(f"a call of hob alone (Show):    {figures(plain)}")
    print(f"a library, warm:               {figures(library[0])}")
    print(f"a library, cold:               {figures(library[1])}")
    print(f"a program in Python, warm:     {figures(program[0])}")
    print(f"a program in Python, cold:     {figures(program[1])}")
    good = statistics.median(library[0]) <= MOST_WARM_MS and statistics.median(library[1]) <= MOST_COLD_MS
    print(f"goal: warm p50 <= {MOST_WARM_MS} ms, cold <= {MOST_COLD_MS} ms: {'met' if good else 'NOT met'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
