"""A private bus and a hobd with fresh XDG folders, for the length of one benchmark; and how results are written.

Owns: starting and ending both, by process. Knows nothing of what is measured. Needs PyGObject (it comes with
python3-dasbus) for the one long-lived D-Bus connection; everything else is the standard library.
"""

import contextlib
import datetime
import json
import os
import pathlib
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402  (the version must be required first)

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
NAME, PATH = "org.hob.Hob1", "/org/hob/Hob1"


class Session:
    """The running daemon, and the two ways to call it: `hob` and one D-Bus connection."""

    def __init__(self, environment, connection, daemon, start_seconds, log):
        self.environment = environment
        self.connection = connection
        self.daemon = daemon
        self.start_seconds = start_seconds
        self.log = log

    def hob(self, *arguments):
        """Run one command; return its standard output. Ends the benchmark with hob's words when it fails."""
        done = subprocess.run([RELEASE / "hob", *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"hob {shlex.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def hob_json(self, *arguments):
        return json.loads(self.hob(*arguments))

    def call(self, interface, method, signature, *arguments, seconds=120):
        """Call a method of the root object over the one connection; return its results as plain Python values."""
        return self.reply(interface, method, signature, *arguments, seconds=seconds).unpack()

    def reply(self, interface, method, signature, *arguments, seconds=120):
        """The same as it came over the bus: what Python makes of it takes longer than some calls."""
        return self.connection.call_sync(
            NAME, PATH, f"org.hob.{interface}", method, GLib.Variant(signature, arguments), None,
            Gio.DBusCallFlags.NONE, seconds * 1000, None,
        )

    def index(self, folder):
        """Index a folder, embeddings and all; return the seconds it took."""
        begin = time.monotonic()
        self.hob("index", "add", str(folder))
        self.hob("index", "wait")
        return time.monotonic() - begin

    def resident_bytes(self):
        """Resident size of the daemon alone, as the kernel counts it."""
        for line in pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise SystemExit("hobd is gone")


def models_folder():
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return pathlib.Path(data) / "hob" / "models"


def fresh_environment(folder):
    environment = dict(os.environ)
    for name in ("config", "data", "state", "cache", "runtime"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        environment[f"XDG_{name}_HOME"] = str(folder / name.lower())
    environment["XDG_RUNTIME_DIR"] = str(folder / "runtime")
    (folder / "data" / "hob").mkdir(exist_ok=True)
    link = folder / "data" / "hob" / "models"
    if not link.is_symlink():
        link.symlink_to(models_folder())
    return environment


def connect(address):
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    return Gio.DBusConnection.new_for_address_sync(address, flags, None, None)


def wait_for_name(connection, daemon, log):
    """Return once the daemon owns its name: by the bus's signal, not by asking again and again."""
    loop = GLib.MainLoop()
    owned = []

    def appeared(*_):
        owned.append(True)
        loop.quit()

    def look():
        if daemon.poll() is not None:
            loop.quit()
        return GLib.SOURCE_CONTINUE

    watch = Gio.bus_watch_name_on_connection(connection, NAME, Gio.BusNameWatcherFlags.NONE, appeared, None)
    timers = [GLib.timeout_add(100, look), GLib.timeout_add_seconds(30, loop.quit)]
    loop.run()
    Gio.bus_unwatch_name(watch)
    for timer in timers:
        GLib.source_remove(timer)
    if not owned:
        raise SystemExit(f"hobd did not come up:\n{log.read_text()[-2000:]}")


def end(process, seconds):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def session(folder=None):
    """Everything up, then everything down. `folder` keeps the state between two sessions; the caller owns it then."""
    if not os.access(RELEASE / "hobd", os.X_OK):
        raise SystemExit("nothing is built: run `make build models` first")
    state = pathlib.Path(folder or tempfile.mkdtemp(prefix="hob-bench-"))
    environment = fresh_environment(state)
    started = []
    try:
        bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        started.append(bus)
        environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        connection = connect(environment["DBUS_SESSION_BUS_ADDRESS"])
        connection.set_exit_on_close(False)
        log = state / "hobd.log"
        begin = time.monotonic()
        with open(log, "wb") as out:
            daemon = subprocess.Popen([RELEASE / "hobd"], env=environment, stdout=out, stderr=out)
        started.append(daemon)
        wait_for_name(connection, daemon, log)
        yield Session(environment, connection, daemon, time.monotonic() - begin, log)
    finally:
        for process in reversed(started):
            end(process, 10)
        if folder is None:
            shutil.rmtree(state, ignore_errors=True)


def data_folder(argument):
    """The folder with the retrieval sets, from the argument or HOB_DATA; ends loudly without one."""
    folder = argument or os.environ.get("HOB_DATA")
    if not folder:
        print("SKIPPED: no data. Give a folder of retrieval sets as argument or in HOB_DATA; bench/README.md says "
              "what is in one.", file=sys.stderr)
        raise SystemExit(0)
    path = pathlib.Path(folder)
    if not path.is_dir():
        raise SystemExit(f"{folder} is not a folder")
    return path


def table(path):
    """Rows of a file of tab-separated values."""
    with open(path, encoding="utf-8") as f:
        return [line.rstrip("\n").split("\t") for line in f]


def spread(items, count):
    """`count` items, evenly spread over all of them, the same on every run."""
    items = sorted(items)
    return items[:: max(1, len(items) // count)][:count]


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def machine():
    model = platform.processor() or platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} cores of {model}, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"


def revision():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def rows_of(rows):
    """Markdown of rows (what, hob, peer, ratio, goal, met), `met` being whether it is."""
    lines = ["| what | hob | peer | ratio | goal | met |", "|---|---|---|---|---|---|"]
    met = {True: "yes", False: "**no**"}
    return lines + ["| " + " | ".join([*map(str, row[:-1]), met[row[-1]]]) + " |" for row in rows]


def show(rows):
    """Print rows as a table; end the program with 1 when a goal is missed."""
    print("\n".join(rows_of(rows)))
    raise SystemExit(0 if all(row[-1] for row in rows) else 1)


def write_result(name, title, arguments, lines, command=None, shown=False):
    """Print the lines, unless they were shown, and write bench/results/NAME.md with what is needed to repeat them."""
    if not shown:
        print("\n".join(lines))
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    command = " ".join([command or f"bench/{name}.py", shlex.join(arguments)]).strip()
    head = [f"# {title}", "", f"- command: `{command}`",
            f"- revision: {revision()}", f"- machine: {machine()}", f"- date: {today}", ""]
    (folder / f"{name}.md").write_text("\n".join(head + lines) + "\n", encoding="utf-8")
