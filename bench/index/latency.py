#!/usr/bin/env python3
"""How long a search takes over D-Bus with 10,000 and 100,000 passages, and what the daemon holds while it answers.

    latency.py [--chunks 10000,100000] [-n QUERIES] [--embed SECONDS]

The text is made here, the same on every run: English sentences around 6,000 invented nouns whose frequencies follow
Zipf's law. The embedding model embeds passages for `--embed` seconds; the vectors of the rest are random ones, written
into the stopped daemon's store, since embedding 100,000 passages takes more than half an hour and the time of a search
does not depend on what is in a vector. Writes results/index-latency.md; exit 1 when a figure is beyond its bound.
"""

import argparse
import itertools
import pathlib
import random
import struct
import sys
import tempfile
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from session import GLib, percentile, session, write_result  # noqa: E402  (the path must be set first)

# At 100,000 passages: p95 of a search by words and of one by both in milliseconds, resident bytes.
BOUNDS = {"lexical": 5.0, "hybrid": 25.0}
MOST_RESIDENT = 150 << 20
PASSAGES_PER_FILE = 10
HEADER, BEFORE, AFTER = 512, 16, 4


class Text:
    """A deterministic source of paragraphs."""

    OPENINGS = ("The", "A", "This", "Every", "Another", "No", "Some", "Their")
    VERBS = ("was found near", "is older than", "was built by", "belongs to", "was written for", "came before",
             "is made of", "was sold to", "depends on", "was moved to", "lies behind", "grew out of")
    ENDINGS = ("in the winter", "after the war", "for many years", "without a reason", "by the river",
               "on the first day", "with great care", "at the end of the road", "before it was too late")

    def __init__(self, seed):
        self.random = random.Random(seed)
        syllables = ["".join(s) for s in itertools.product("bdfgklmnprstv", "aeiou", ("", "n", "r", "l"))]
        words = random.Random(1)
        self.nouns = ["".join(words.choice(syllables) for _ in range(3)) for _ in range(6000)]
        self.weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(self.nouns))))

    def noun(self):
        return self.random.choices(self.nouns, cum_weights=self.weights)[0]

    def sentence(self):
        r = self.random
        return (f"{r.choice(self.OPENINGS)} {self.noun()} of the {self.noun()} {r.choice(self.VERBS)} the "
                f"{self.noun()} {r.choice(self.ENDINGS)}.")

    def paragraph(self):
        return " ".join(self.sentence() for _ in range(self.random.randint(5, 9)))

    def question(self):
        return f"Which {self.noun()} {self.random.choice(self.VERBS)} the {self.noun()} of the {self.noun()}?"


def write_tree(folder, chunks):
    text = Text(2)
    for number in range(chunks // PASSAGES_PER_FILE):
        place = folder / f"{number // 100:04}"
        place.mkdir(exist_ok=True)
        paragraphs = [text.paragraph() for _ in range(PASSAGES_PER_FILE)]
        (place / f"{number}.txt").write_text("\n\n".join(paragraphs) + "\n")


def fill_vectors(state, chunks):
    """Give every passage that has no vector a random one; return how many were there."""
    path, = (state / "data").rglob("*.vectors")
    data = path.read_bytes()
    dim, = struct.unpack_from("<I", data, 8)
    size = BEFORE + (dim + 3) // 4 * 4 + AFTER
    there = {struct.unpack_from("<Q", data, at)[0] for at in range(HEADER, len(data) - size + 1, size)}
    source = random.Random(3)
    with open(path, "ab") as f:
        # Ids that no passage has are dropped by the daemon at its start.
        for number in range(chunks + PASSAGES_PER_FILE):
            if number not in there:
                body = struct.pack("<QfI", number, 1 / 1430, 0) + source.randbytes(dim).ljust(size - BEFORE - AFTER, b"\0")
                f.write(body + struct.pack("<I", zlib.crc32(body)))
    return len(there)


def times_of(running, questions, mode):
    times = []
    for question in questions:
        begin = time.monotonic()
        running.call("Index1", "Search", "(sa{sv})", question, {"mode": GLib.Variant("s", mode)})
        times.append((time.monotonic() - begin) * 1000)
    return times


def measure(chunks, queries, embed_seconds):
    """Return (passages with a vector of the model's, per mode its times in milliseconds, resident bytes)."""
    with tempfile.TemporaryDirectory(prefix="hob-latency-") as folder:
        state, tree = pathlib.Path(folder) / "state", pathlib.Path(folder) / "tree"
        state.mkdir()
        tree.mkdir()
        write_tree(tree, chunks)
        with session(state) as running:
            running.hob("index", "add", str(tree))
            running.hob("index", "wait", "--lexical")
            time.sleep(embed_seconds)
        embedded = fill_vectors(state, chunks)
        text = Text(4)
        with session(state) as running:
            running.hob("index", "wait")
            found = {}
            for mode in BOUNDS:
                times_of(running, [text.question() for _ in range(20)], mode)
                found[mode] = times_of(running, [text.question() for _ in range(queries)], mode)
            return embedded, found, running.resident_bytes()


def main():
    parser = argparse.ArgumentParser(description="How long a search takes over D-Bus.")
    parser.add_argument("--chunks", default="10000,100000")
    parser.add_argument("-n", type=int, default=300, help="queries of each kind (default: %(default)s)")
    parser.add_argument("--embed", type=int, default=20, help="seconds of real embedding (default: %(default)s)")
    a = parser.parse_args()
    lines = ["| passages | of them embedded by the model | search | p50 ms | bound p95 | p95 ms | resident MiB |",
             "|---|---|---|---|---|---|---|"]
    high = []
    for chunks in (int(c) for c in a.chunks.split(",")):
        embedded, found, resident = measure(chunks, a.n, a.embed)
        for mode, times in found.items():
            p95 = percentile(times, 0.95)
            lines.append(f"| {chunks} | {embedded} | {mode} | {percentile(times, 0.5):.1f} | {BOUNDS[mode]:.0f} "
                         f"| {p95:.1f} | {resident / 2**20:.0f} |")
            print(lines[-1], flush=True)
            if p95 > BOUNDS[mode]:
                high.append(f"{chunks} passages, {mode}: {p95:.1f} ms > {BOUNDS[mode]:.0f} ms")
        if resident > MOST_RESIDENT:
            high.append(f"{chunks} passages: {resident / 2**20:.0f} MiB > {MOST_RESIDENT >> 20} MiB")
    write_result("index-latency", "Latency of searches", ["--chunks", a.chunks, "-n", str(a.n), "--embed", str(a.embed)],
                 lines, command="bench/index/latency.py", shown=True)
    if high:
        raise SystemExit("beyond the bound: " + "; ".join(high))


if __name__ == "__main__":
    main()
