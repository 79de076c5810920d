#!/usr/bin/env python3
"""What an idle hobd costs: time until it owns its name, and resident memory with an index open and no model loaded.

    footprint.py [DATA] [--set squad2]

Two states of rest count: a daemon that has just made the index and answered from it, with its models unloaded since, and
one that was started on an index made earlier.
"""

import argparse
import shutil
import statistics
import tempfile
import time

from session import data_folder, session, spread, table, write_result

MOST_BYTES, MOST_START = 60 * 2**20, 0.300
STARTS, SETTLE_SECONDS, QUESTIONS = 5, 10, 50


def loaded(running):
    return [m["id"] for m in running.hob_json("status", "--json")["models"] if m.get("pid")]


def after_use(running, folder):
    """Index, search and answer; unload the models; return what is still resident."""
    running.index(folder / "docs")
    texts = dict(table(folder / "queries.tsv"))
    for question in spread(texts, QUESTIONS):
        running.call("Index1", "Search", "(sa{sv})", texts[question], {})
        running.call("Assistant1", "Complete", "(sa{sv})", texts[question], {})
    for model in loaded(running):
        running.hob("model", "unload", model)
    time.sleep(SETTLE_SECONDS)
    return running.resident_bytes()


def main():
    parser = argparse.ArgumentParser(description="Start time and idle memory of hobd.")
    parser.add_argument("data", nargs="?")
    parser.add_argument("--set", default="squad2")
    a = parser.parse_args()
    data = data_folder(a.data) / a.set
    folder = tempfile.mkdtemp(prefix="hob-bench-")
    try:
        with session(folder) as running:
            used = after_use(running, data)
        starts = []
        for _ in range(STARTS):
            with session(folder) as running:
                starts.append(running.start_seconds)
        with session(folder) as running:
            time.sleep(SETTLE_SECONDS)  # what is measured is rest, so this waits for nothing else
            documents = running.hob_json("status", "--json")["index"]["documents"]
            still_loaded = loaded(running)
            fresh = running.resident_bytes()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    start = statistics.median(starts)
    lines = [
        "| what | value | bound |", "|---|---|---|",
        f"| bus name owned, median of {STARTS} starts | {start * 1000:.0f} ms | <= {MOST_START * 1000:.0f} ms |",
        f"| resident memory of hobd, started on the index | {fresh / 2**20:.1f} MiB | <= {MOST_BYTES / 2**20:.0f} MiB |",
        f"| the same after indexing and {2 * QUESTIONS} requests | {used / 2**20:.1f} MiB "
        f"| <= {MOST_BYTES / 2**20:.0f} MiB |",
        "", f"Index: {documents} documents of {a.set}; models loaded: {', '.join(still_loaded) or 'none'}.",
    ]
    write_result("footprint", "Footprint", ["--set", a.set], lines)
    if still_loaded or max(fresh, used) > MOST_BYTES or start > MOST_START:
        raise SystemExit("outside the bound")


if __name__ == "__main__":
    main()
