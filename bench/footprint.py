#!/usr/bin/env python3
"""What an idle hobd costs: time until it owns its name, and resident memory with an index open and no model loaded.

    footprint.py [DATA] [--set squad2]

Builds the index in one session; starts a second daemon on it, which is the one that is measured.
"""

import argparse
import shutil
import statistics
import tempfile
import time

from session import data_folder, session, write_result

MOST_BYTES, MOST_START = 60 * 2**20, 0.300
STARTS, SETTLE_SECONDS = 5, 10


def main():
    parser = argparse.ArgumentParser(description="Start time and idle memory of hobd.")
    parser.add_argument("data", nargs="?")
    parser.add_argument("--set", default="squad2")
    a = parser.parse_args()
    docs = data_folder(a.data) / a.set / "docs"
    folder = tempfile.mkdtemp(prefix="hob-bench-")
    try:
        with session(folder) as running:
            running.index(docs)
        starts = []
        for _ in range(STARTS):
            with session(folder) as running:
                starts.append(running.start_seconds)
        with session(folder) as running:
            time.sleep(SETTLE_SECONDS)  # what is measured is rest, so this waits for nothing else
            status = running.hob_json("status", "--json")
            resident = running.resident_bytes()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    loaded = [m["id"] for m in status["models"] if m.get("pid")]
    start = statistics.median(starts)
    lines = [
        "| what | value | bound |", "|---|---|---|",
        f"| bus name owned, median of {STARTS} starts | {start * 1000:.0f} ms | <= {MOST_START * 1000:.0f} ms |",
        f"| resident memory of hobd | {resident / 2**20:.1f} MiB | <= {MOST_BYTES / 2**20:.0f} MiB |",
        "", f"Index: {status['index']['documents']} documents of {a.set}; models loaded: {', '.join(loaded) or 'none'}.",
    ]
    write_result("footprint", "Footprint", ["--set", a.set], lines)
    if loaded or resident > MOST_BYTES or start > MOST_START:
        raise SystemExit("outside the bound")


if __name__ == "__main__":
    main()
