#!/usr/bin/env python3
"""What hob holds of the machine's memory, against what it promises: under churn, when others need it, before a load, and
at rest.

    run.py [--quick] [SCENARIO...]      churn, squeeze, prediction, idle; all by default

Owns: these scenarios and the result's file. Only a whole run that is not quick writes bench/results/memory.md. Memory is
PSS as the kernel counts it, of the daemon and all its children.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "engine")]
import peers  # noqa: E402  (the path must be known first)
import server  # noqa: E402
import shape  # noqa: E402
import squeeze as squeezed  # noqa: E402
from session import NAME, PATH, Gio, GLib, connect, session, write_result  # noqa: E402

MIB = 2**20
CHAT, EMBEDDER, RANDOM = peers.CHAT[:-5], peers.EMBEDDER[:-5], peers.SHAPE[:-5]
CLIENTS, BUDGET_MIB, OVER = 6, 640, 1.05
CONTEXTS, WITHIN = (1024, 4096, 8192), 0.10
IDLE_BYTES, WAKE_UPS, IDLE_SECONDS = 60 * MIB, 1.0, 60
# A minute after its first start hob checks, once, what a new model can be trusted with.
SETTLED_SECONDS = 100
# Layers, width, heads, heads of keys and values, feed-forward width, weights.
SHAPES = [(6, 384, 6, 2, 1024, "q4_0"), (6, 384, 6, 6, 1024, "q8_0"), (12, 512, 8, 2, 1536, "q4_0"),
          (12, 512, 8, 8, 1536, "q8_0"), (16, 640, 10, 2, 2048, "q4_0"), (24, 768, 12, 4, 2048, "q4_0"),
          (8, 1024, 16, 4, 2816, "q8_0"), (12, 1024, 16, 2, 2816, "q4_0")]


TABLE = ["| what | value | goal | met |", "|---|---|---|---|"]


def row(what, value, goal, met):
    return f"| {what} | {value} | {goal} | {'yes' if met else '**no**'} |"


def pss(pid):
    try:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass  # it ended between the listing and now
    return 0


def family(daemon):
    found = [daemon]
    for task in pathlib.Path(f"/proc/{daemon}/task").iterdir():
        try:
            found += [int(pid) for pid in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread ended
    return found


def settings(folder, context, models, budget):
    config = folder / "config" / "hob"
    config.mkdir(parents=True)
    folders = f'folders = ["{models}"]\n' if models else ""
    (config / "hob.toml").write_text(
        f"[models]\n{folders}context = {context}\nidle_unload_seconds = 86400\ncheck_after_seconds = 86400\n"
        f"[memory]\nbudget_mib = {budget}\n")


class Sampler(threading.Thread):
    """Sums PSS every 100 ms until stopped."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.samples, self.over = pid, [], threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            self.samples.append(sum(pss(pid) for pid in family(self.pid)))


def client(address, number, until, answered, errors):
    """Asks the three models in turn; a failure is kept with its words."""
    connection = connect(address)
    turn = number
    while time.monotonic() < until:
        kind, turn = turn % 3, turn + 1
        if kind == 1:
            call, body = ("Models1", "Embed"), GLib.Variant("(asa{sv})", ([f"text {turn}"], {}))
        else:
            given = {"model": GLib.Variant("s", CHAT if kind == 0 else RANDOM), "max_tokens": GLib.Variant("u", 12)}
            call, body = ("Assistant1", "Complete"), GLib.Variant("(sa{sv})", (f"Write about {turn}.", given))
        try:
            connection.call_sync(NAME, PATH, f"org.hob.{call[0]}", call[1], body, None, Gio.DBusCallFlags.NONE,
                                 120_000, None)
            answered.append(kind)
        except GLib.Error as error:
            errors.append(error.message)


def churn(quick):
    seconds = 60 if quick else 600
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hob-bench-"))
    answered, errors = [], []
    try:
        settings(folder, 1024, peers.shape_file().parent, BUDGET_MIB)
        with session(folder) as running:
            sampler = Sampler(running.daemon.pid)
            sampler.start()
            until, address = time.monotonic() + seconds, running.environment["DBUS_SESSION_BUS_ADDRESS"]
            clients = [threading.Thread(target=client, args=(address, n, until, answered, errors))
                       for n in range(CLIENTS)]
            for one in clients:
                one.start()
            for one in clients:
                one.join()
            sampler.over.set()
            sampler.join()
        log = (folder / "hobd.log").read_text()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    most, limit = max(sampler.samples), BUDGET_MIB * MIB
    evicted = log.count("deed=Unloaded")
    lines = [f"Churn, {seconds} s, {CLIENTS} clients, budget {BUDGET_MIB} MiB: {len(answered)} answers "
             f"({', '.join(str(answered.count(kind)) for kind in range(3))} of {CHAT}, {EMBEDDER}, {RANDOM}), "
             f"{evicted} evictions.", "",
             *TABLE,
             row(f"most PSS of {len(sampler.samples)} samples", f"{most / MIB:.0f} MiB, {100 * most / limit:.0f}% of the budget",
                 "<= 105%", most <= OVER * limit),
             row("failed requests, for memory or otherwise", len(errors), "0", not errors)]
    lines += [f"- {error}" for error in sorted(set(errors))[:5]]
    return lines, most <= OVER * limit and not errors


def write_shape(chat, folder, number, given):
    """One model of this shape, by shape.py, with the tokenizer of the chat model and no words added."""
    layers, width, heads, kv_heads, feed_forward, kind = given
    shape.LAYERS, shape.WIDTH, shape.HEADS, shape.KV_HEADS, shape.FEED_FORWARD = layers, width, heads, kv_heads, feed_forward
    shape.KV_WIDTH = width // heads * kv_heads
    shape.VOCABULARY = len(shape.Reader(chat).items("tokenizer.ggml.tokens"))
    shape.MOSTLY_Q4_0 = {"q4_0": 2, "q8_0": 7}[kind]
    plain = shape.tensors
    shape.tensors = lambda: [(n, d, kind if k == "q4_0" else k, f) for n, d, k, f in plain()]
    try:
        shape.write(chat, folder / f"shape-{number}.gguf")
    finally:
        shape.tensors = plain


def measure(running, name):
    loaded = running.call("Models1", "Load", "(sa{sv})", name, {})[0]
    given = {"model": GLib.Variant("s", name), "max_tokens": GLib.Variant("u", 8)}
    running.call("Assistant1", "Complete", "(sa{sv})", "Write about the sea.", given)
    held = pss(loaded["pid"])
    running.hob("model", "unload", name)
    return loaded["predicted_bytes"], held


def prediction(_quick):
    chat = pathlib.Path(peers.models.default_destination()) / peers.CHAT
    models = pathlib.Path(tempfile.mkdtemp(prefix="hob-bench-"))
    lines, worst = ["| shape | context | predicted | measured | off |", "|---|---|---|---|---|"], 0.0
    try:
        for number, given in enumerate(SHAPES):
            write_shape(chat, models, number, given)
        for context in CONTEXTS:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="hob-bench-"))
            settings(folder, context, models, 4096)
            with session(folder) as running:
                for number, given in enumerate(SHAPES):
                    predicted, held = measure(running, f"shape-{number}")
                    off = predicted / held - 1
                    worst = max(worst, abs(off))
                    lines.append(f"| {'x'.join(map(str, given))} | {context} | {predicted / MIB:.0f} MiB "
                                 f"| {held / MIB:.0f} MiB | {100 * off:+.0f}% |")
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        shutil.rmtree(models, ignore_errors=True)
    goal = row("worst of all, either way", f"{100 * worst:.1f}%", "<= 10%", worst <= WITHIN)
    return lines + ["", *TABLE, goal], worst <= WITHIN


def squeeze(quick):
    model = peers.shape_file()
    model.read_bytes()  # into the page cache, where it is counted as this process's
    held_by = lambda daemon: sum(pss(pid) for pid in family(daemon))  # noqa: E731
    return squeezed.squeeze(model, held_by, server.server, 1 if quick else 3)


def switches(pids):
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
    return total


def idle(quick):
    seconds = 15 if quick else IDLE_SECONDS
    with session() as running:
        time.sleep(10 if quick else SETTLED_SECONDS)  # what is measured is rest, so this waits for nothing else
        pids = family(running.daemon.pid)
        before = switches(pids)
        time.sleep(seconds)
        rate, held = (switches(pids) - before) / seconds, sum(pss(pid) for pid in pids)
    lines = [*TABLE, row("PSS of the daemon and its children, nothing resident", f"{held / MIB:.1f} MiB", "<= 60 MiB",
                         held <= IDLE_BYTES),
             row(f"wake-ups a second, over {seconds} s", f"{rate:.2f}", "<= 1", rate <= WAKE_UPS)]
    return lines, held <= IDLE_BYTES and rate <= WAKE_UPS


def main():
    scenarios = {"churn": churn, "squeeze": squeeze, "prediction": prediction, "idle": idle}
    parser = argparse.ArgumentParser(description="hob's memory against its promises.")
    parser.add_argument("scenario", nargs="*", choices=[*scenarios, []])
    parser.add_argument("--quick", action="store_true")
    a = parser.parse_args()
    lines, good = [], True
    for name in a.scenario or scenarios:
        told, kept = scenarios[name](a.quick)
        part = [f"## {name.capitalize()}", "", *told, ""]
        print("\n".join(part), flush=True)
        lines += part
        good &= kept
    if not a.scenario and not a.quick:
        write_result("memory", "Memory", [], lines, command="bench/memory/run.py", shown=True)
    if not good:
        raise SystemExit("outside the bound")


if __name__ == "__main__":
    main()
