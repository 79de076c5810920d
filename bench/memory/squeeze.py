"""Scenario: others need the memory. A program and hob (or llama-server) share a control group that can't hold both.

Owns: the control group, the program that needs memory, and what is measured of it. Needs to be root, and version 1 or 2 of
control groups with a memory controller; it says so and ends well where it lacks them.
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import time

from session import GLib, session

MIB = 2**20
# hob takes the group's limit as its own, so the model has to fit; the program leaves it too little beside itself.
LIMIT_MIB, NEED_MIB, PASSES = 768, 600, 260
# Seconds in which the program takes its memory, as one does that loads its data.
PACE = 2.0
SLOWER, GONE_BYTES, GONE_SECONDS, BACK_SECONDS = 1.3, 60 * MIB, 2.0, 1.5
# It fills its memory and goes over it again and again, as a program does that works with it.
PROGRAM = """
import mmap, sys, time
began = time.perf_counter()
size, passes, seconds = int(sys.argv[1]) << 20, int(sys.argv[2]), float(sys.argv[3])
memory, part = mmap.mmap(-1, size), size // 100
for at in range(0, 100 * part, part):
    memory[at:at + part:4096] = b"1" * len(range(at, at + part, 4096))
    time.sleep(seconds / 100)
for turn in range(passes):
    memory[::4096] = bytes([turn % 255 + 1]) * len(range(0, size, 4096))
print(time.perf_counter() - began)
"""


def own_group(version):
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" if version == 2 else "memory" in controllers.split(","):
            return path
    raise OSError("this process is in no control group of memory")


class Group:
    """A control group of memory, for processes that are put into it."""

    def __init__(self):
        version_1 = pathlib.Path("/sys/fs/cgroup/memory")
        root, limit = (version_1, "memory.limit_in_bytes") if version_1.is_dir() else (
            pathlib.Path("/sys/fs/cgroup"), "memory.max")
        self.version = 1 if version_1.is_dir() else 2
        self.home = root / own_group(self.version).lstrip("/")
        self.folder = root / f"hob-bench-{os.getpid()}"
        self.folder.mkdir()
        try:
            (self.folder / limit).write_text(str(LIMIT_MIB * MIB))
        except OSError:
            self.folder.rmdir()
            raise

    def take(self, pid):
        (self.folder / "cgroup.procs").write_text(str(pid))

    @contextlib.contextmanager
    def entered(self):
        """This process is in the group meanwhile: what it starts is counted there from its first page on."""
        self.take(os.getpid())
        try:
            yield
        finally:
            (self.home / "cgroup.procs").write_text(str(os.getpid()))

    def kills(self):
        """How many processes in the group the kernel has ended for their memory."""
        for name in ("memory.oom_control", "memory.events"):
            with contextlib.suppress(OSError):
                for line in (self.folder / name).read_text().splitlines():
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        return 0

    def end(self):
        for _ in range(50):
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.1)  # the kernel takes a moment to see its processes gone


def foreground(group):
    """The program, started in the group."""
    enter = lambda: group.take(os.getpid())  # noqa: E731
    command = [sys.executable, "-c", PROGRAM, str(NEED_MIB), str(PASSES), str(PACE)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=enter)


def seconds_of(process):
    """How long it took by its own clock; `None` when it was killed."""
    out, _ = process.communicate()
    return float(out) if process.returncode == 0 else None


def told(seconds, other="never"):
    return other if seconds is None else f"{seconds:.2f} s"


def under_hob(group, model, held_by):
    """With hob and a loaded model beside it: what hob held, the program's seconds, hob's until it is small and until it
    answers again, and what the kernel killed."""
    with contextlib.ExitStack() as stack:
        with group.entered():
            running = stack.enter_context(session())
        options = {"model": GLib.Variant("s", str(model)), "max_tokens": GLib.Variant("u", 4),
                   "context": GLib.Variant("s", "none")}
        ask = lambda: running.call("Assistant1", "Complete", "(sa{sv})", "Say hello.", options)  # noqa: E731
        ask()
        held, killed = held_by(running.daemon.pid), group.kills()
        program, began, small = foreground(group), time.monotonic(), None
        while program.poll() is None:
            if small is None and held_by(running.daemon.pid) <= GONE_BYTES:
                small = time.monotonic() - began
            time.sleep(0.02)  # samples
        seconds, ended = seconds_of(program), time.monotonic()
        ask()
        return held, seconds, small, time.monotonic() - ended, group.kills() - killed


def under_server(group, model, server):
    """The program's seconds beside llama-server, and whether that still runs."""
    with contextlib.ExitStack() as stack:
        with group.entered():
            running = stack.enter_context(server(model, 1))
        children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        process = next(int(pid) for pid in children if "llama-server" in os.readlink(f"/proc/{pid}/exe"))
        running.chat("Say hello.", "You are helpful.", 4)
        seconds = seconds_of(foreground(group))
        return seconds, is_alive(process)


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def squeeze(model, held_by, server, rounds):
    """The lines of the report, and whether all goals are met. Of several rounds the worst counts."""
    try:
        group = Group()
    except OSError as error:
        return [f"SKIPPED: no control group of memory can be made here ({error})."], True
    lines = [f"A program that takes {NEED_MIB} MiB within {PACE:.0f} s and then works on them shares a control group (version {group.version}) of {LIMIT_MIB} MiB with hob "
             f"or with llama-server, both with the random 0.5B loaded. Worst of {rounds} rounds.", "",
             "| what | hob | llama-server | goal | met |", "|---|---|---|---|---|"]
    try:
        alone = min(seconds_of(foreground(group)) for _ in range(3))
        runs = [under_hob(group, model, held_by) for _ in range(rounds)]
        peers = [under_server(group, model, server) for _ in range(rounds)]
    finally:
        group.end()
    rows = report(alone, runs, peers)
    lines += [f"| {what} | {ours} | {theirs} | {goal} | {MET[met]} |" for what, ours, theirs, goal, met in rows]
    return lines, all(met is not False for *_, met in rows)


MET = {True: "yes", False: "**no**", None: ""}


def worst(values):
    """The largest, where `None` is the worst of all."""
    return None if None in values else max(values)


def report(alone, runs, peers):
    """Rows: what, hob's, the server's, goal, met."""
    held, killed = max(run[0] for run in runs), sum(run[4] for run in runs)
    beside, small, back = (worst([run[at] for run in runs]) for at in (1, 2, 3))
    peer, alive = worst([seconds for seconds, _ in peers]), all(alive for _, alive in peers)
    against = lambda seconds: "the program was killed" if seconds is None else (  # noqa: E731
        f"{told(seconds)}, {seconds / alone:.2f}x")
    return [("the program alone", told(alone), "", "", None),
            ("it holds with the model", f"{held / MIB:.0f} MiB", "", "", None),
            ("the program beside it", against(beside), f"{against(peer)}; the server {'goes on' if alive else 'was killed'}",
             f"not killed, <= {SLOWER}x", beside is not None and beside / alone <= SLOWER),
            (f"it holds <= {GONE_BYTES // MIB} MiB after", told(small), "", f"<= {GONE_SECONDS} s",
             small is not None and small <= GONE_SECONDS),
            ("processes of it that the kernel killed", killed, "", "", None),
            ("its next answer after the program's end", told(back), "", f"<= {BACK_SECONDS} s", back <= BACK_SECONDS)]
