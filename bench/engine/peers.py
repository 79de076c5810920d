#!/usr/bin/env python3
"""The programs that hob is measured against, llama-bench and llama-server, and a model in a common small shape.

Owns: where they come from, their pins, and the folder they are kept in, outside the tree. They are built from the
llama.cpp inside the source package of llama-cpp-python, for the processor at hand. Standard library only.

    peers.py [--folder]     build what is missing and print where it is; or only print the folder
"""

import argparse
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
import models  # noqa: E402  (the path must be known first)
import shape  # noqa: E402

VERSION = "0.3.36"
SOURCE = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
PROGRAMS = ("llama-bench", "llama-server")
CMAKE = ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF", "-DGGML_NATIVE=ON", "-DLLAMA_CURL=OFF",
         "-DLLAMA_BUILD_UI=OFF", "-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_BUILD_TESTS=OFF"]
CHAT, EMBEDDER = "SmolLM2-135M-Instruct.Q4_1.gguf", "all-MiniLM-L6-v2.F16.gguf"
SHAPE = "random-0.5B.Q4_0.gguf"

# pip asks a source package for its metadata before it keeps the file, which would first build that package's build
# tools. This stands in for them and gives the answer that pip compares: name and version.
STAND_IN = f"""import os


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name = "llama_cpp_python-{VERSION}.dist-info"
    os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, name, "METADATA"), "w") as out:
        out.write("Metadata-Version: 2.1\\nName: llama-cpp-python\\nVersion: {VERSION}\\n")
    return name


def build_wheel(folder, config_settings=None, metadata_directory=None):
    raise RuntimeError("nothing is built here")
"""


class Failure(Exception):
    """Something the user must know; the message says what to do."""


def folder():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(cache) / "hob-bench"


def program(name):
    return folder() / f"llama.cpp-{VERSION}" / name


def shape_file():
    return folder() / "models" / SHAPE


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def run(command, log, **more):
    """Run quietly; on failure show the end of what it said."""
    with open(log, "ab") as out:
        done = subprocess.run([str(word) for word in command], stdout=out, stderr=subprocess.STDOUT, **more)
    if done.returncode != 0:
        tail = pathlib.Path(log).read_text(errors="replace").splitlines()[-15:]
        raise Failure("\n".join([f"{command[0]} failed:", *tail]))


def download(work):
    """The source package, its sha256 checked by pip and by us."""
    stand_in = work / "stand-in" / "scikit_build_core"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "build.py").write_text(STAND_IN)
    requirements = work / "requirements.txt"
    requirements.write_text(f"llama-cpp-python=={VERSION} --hash=sha256:{SOURCE}\n")
    say(f"getting the source of llama-cpp-python {VERSION} from the Python package index (77 MB)")
    pip = models.pip_command() or models.pip_from_environment(str(work))
    run([*pip, "download", "--no-deps", "--no-binary=:all:", "--require-hashes", "--no-cache-dir",
         "--no-build-isolation", "--disable-pip-version-check", "--dest", work / "sdist", "-r", requirements],
        work / "pip.log",
        env=dict(os.environ, PYTHONPATH=str(work / "stand-in"), PIP_REQUIRE_VIRTUALENV="0", PIP_NO_INPUT="1"))
    archive = work / "sdist" / f"llama_cpp_python-{VERSION}.tar.gz"
    if not archive.is_file() or models.sha256(archive) != SOURCE:
        raise Failure("what pip got is not the pinned file; nothing was kept")
    return archive


def unpack(archive, work):
    """llama.cpp alone out of the archive; names that would leave the folder are refused."""
    inside = f"llama_cpp_python-{VERSION}/vendor/llama.cpp/"
    with tarfile.open(archive) as tar:
        for member in tar:
            if not member.name.startswith(inside) or ".." in pathlib.PurePosixPath(member.name).parts:
                continue
            if member.isfile():
                target = work / "llama.cpp" / member.name[len(inside):]
                target.parent.mkdir(parents=True, exist_ok=True)
                with tar.extractfile(member) as source, open(target, "wb") as out:
                    shutil.copyfileobj(source, out)
                target.chmod(0o755 if member.mode & 0o100 else 0o644)
    return work / "llama.cpp"


def build(work):
    """Build both programs and move them to where they are kept."""
    source = unpack(download(work), work)
    for tool in ("cmake", "c++"):
        if shutil.which(tool) is None:
            raise Failure(f"{tool} is missing; scripts/setup.sh installs it, or says how")
    # With this variable set, ggml leaves native instructions out.
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    gentle = ["nice", "-n", "10"]
    say("building llama-bench and llama-server (about 8 minutes of processor time)")
    run([*gentle, "cmake", "-S", source, "-B", work / "build", *CMAKE], work / "cmake.log", env=environment)
    cores = str(len(os.sched_getaffinity(0)))
    run([*gentle, "cmake", "--build", work / "build", "--parallel", cores, "--target", *PROGRAMS], work / "cmake.log",
        env=environment)
    kept = program(PROGRAMS[0]).parent
    kept.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        shutil.move(str(work / "build" / "bin" / name), str(kept / name))


def write_shape():
    """The random model; written again when the script that writes it has changed. Takes two seconds."""
    target, writer = shape_file(), pathlib.Path(shape.__file__)
    if target.is_file() and target.stat().st_mtime > writer.stat().st_mtime:
        return
    say(f"writing {SHAPE}")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    shape.write(pathlib.Path(models.default_destination()) / CHAT, partial)
    os.replace(partial, target)


def prepare():
    """Bring everything that is missing into the folder; one process at a time."""
    folder().mkdir(parents=True, exist_ok=True)
    with open(folder() / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_shape()
        if not all(os.access(program(name), os.X_OK) for name in PROGRAMS):
            for left in folder().glob("work-*"):  # of a process that was killed: we hold the lock
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix="work-", dir=folder()) as work:
                build(pathlib.Path(work))


def main():
    parser = argparse.ArgumentParser(description="Build the programs that hob is measured against.")
    parser.add_argument("--folder", action="store_true", help="print where they are kept; build nothing")
    a = parser.parse_args()
    if not a.folder:
        prepare()
    print(program(PROGRAMS[0]).parent)


if __name__ == "__main__":
    try:
        main()
    except (Failure, models.Failure, OSError) as e:
        sys.exit(f"peers: {e}")
