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
LIMIT_MIB, NEED_MIB, PASSES = 640, 520, 60
SLOWER, GONE_BYTES, GONE_SECONDS, BACK_SECONDS = 1.3, 60 * MIB, 2.0, 1.5
# It fills its memory and goes over it again and again, as a program does that works with it.
PROGRAM = """
import sys, time
began = time.perf_counter()
size, passes = int(sys.argv[1]) << 20, int(sys.argv[2])
memory = bytearray(size)
for turn in range(passes):
    memory[::4096] = bytes([turn % 255 + 1]) * len(memory[::4096])
print(time.perf_counter() - began)
"""


class Group:
    """A control group of memory, for processes that are put into it."""

    def __init__(self):
        version_1 = pathlib.Path("/sys/fs/cgroup/memory")
        root, limit = (version_1, "memory.limit_in_bytes") if version_1.is_dir() else (
            pathlib.Path("/sys/fs/cgroup"), "memory.max")
        self.folder = root / f"hob-bench-{os.getpid()}"
        self.folder.mkdir()
        try:
            (self.folder / limit).write_text(str(LIMIT_MIB * MIB))
        except OSError:
            self.folder.rmdir()
            raise

    def take(self, pid):
        (self.folder / "cgroup.procs").write_text(str(pid))

    def end(self):
        for _ in range(50):
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.1)  # the kernel takes a moment to see its processes gone


def foreground(group):
    """The program, started in the group."""
    enter = lambda: group.take(os.getpid())  # noqa: E731
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(NEED_MIB), str(PASSES)], stdout=subprocess.PIPE, text=True,
                            preexec_fn=enter)


def seconds_of(process):
    """How long it took by its own clock; `None` when it was killed."""
    out, _ = process.communicate()
    return float(out) if process.returncode == 0 else None


def told(seconds):
    return "killed" if seconds is None else f"{seconds:.2f} s"


def under_hob(group, model, pss, family):
    """With hob and a loaded model beside it: its seconds, hob's until it is small, hob's until it answers again."""
    with session() as running:
        group.take(running.daemon.pid)
        options = {"model": GLib.Variant("s", str(model)), "max_tokens": GLib.Variant("u", 4),
                   "context": GLib.Variant("s", "none")}
        ask = lambda: running.call("Assistant1", "Complete", "(sa{sv})", "Say hello.", options)  # noqa: E731
        ask()
        held = sum(pss(pid) for pid in family(running.daemon.pid))
        program, began, small = foreground(group), time.monotonic(), None
        while program.poll() is None:
            if small is None and sum(pss(pid) for pid in family(running.daemon.pid)) <= GONE_BYTES:
                small = time.monotonic() - began
            time.sleep(0.02)  # samples
        seconds, ended = seconds_of(program), time.monotonic()
        ask()
        return held, seconds, small, time.monotonic() - ended


def under_server(group, model, server):
    with server(model, 1) as running:
        children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        process = next(int(pid) for pid in children if "llama-server" in os.readlink(f"/proc/{pid}/exe"))
        group.take(process)
        running.chat("Say hello.", "You are helpful.", 4)
        seconds = seconds_of(foreground(group))
        try:
            os.kill(process, 0)
            state = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
            alive = state != "Z"
        except (ProcessLookupError, FileNotFoundError):
            alive = False
        return seconds, alive


def squeeze(model, pss, family, server):
    """The lines of the report, and whether all bounds hold."""
    try:
        group = Group()
    except OSError as error:
        return [f"SKIPPED: no control group of memory can be made here ({error})."], True
    try:
        alone = min(seconds_of(foreground(group)) for _ in range(3))
        held, beside, small, back = under_hob(group, model, pss, family)
        peer, alive = under_server(group, model, server)
    finally:
        group.end()
    ratio = float("inf") if beside is None else beside / alone
    peer_ratio = "" if peer is None else f", {peer / alone:.2f}x"
    lines = [f"A program that needs {NEED_MIB} MiB, in a control group of {LIMIT_MIB} MiB, alone: {told(alone)}. "
             f"hob held {held / MIB:.0f} MiB when it began.", "",
             "| what | value | bound |", "|---|---|---|",
             f"| the program beside hob | {told(beside)}, {ratio:.2f}x | <= {SLOWER}x, not killed |",
             f"| hob holds at most {GONE_BYTES // MIB} MiB after | {told(small) if small is not None else 'never'} "
             f"| <= {GONE_SECONDS} s |",
             f"| hob's next answer after the program ended | {told(back)} | <= {BACK_SECONDS} s |",
             f"| the program beside llama-server | {told(peer)}{peer_ratio}; the server "
             f"{'goes on' if alive else 'was killed'} | |"]
    good = ratio <= SLOWER and small is not None and small <= GONE_SECONDS and back <= BACK_SECONDS
    return lines, good
