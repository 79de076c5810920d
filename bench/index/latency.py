#!/usr/bin/env python3
"""How long a search takes over D-Bus with 10,000 and 100,000 passages, and what the daemon holds while it answers.

    bench/index/latency.py [--quick]

The text is made here, the same on every run: English sentences around 6,000 invented nouns whose frequencies follow
Zipf's law. The embedding model embeds passages for some seconds; the vectors of the rest are random ones, written
into the stopped daemon's store, since embedding 100,000 passages takes more than half an hour and the time of a search
does not depend on what is in a vector. A search lasts until its reply is there; taking it apart is the client's. A
whole run of `run.py` beside this file writes the results.
"""

import itertools
import pathlib
import random
import struct
import sys
import tempfile
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from session import GLib, percentile, session, show  # noqa: E402  (the path must be set first)

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
    path, = state.rglob("*.vectors")
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
        running.reply("Index1", "Search", "(sa{sv})", question, {"mode": GLib.Variant("s", mode)})
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


def run(quick=False):
    """Rows of (what, hob, peer, ratio, goal, met)."""
    rows, queries, embed_seconds = [], 60 if quick else 300, 8 if quick else 20
    for chunks in (10_000,) if quick else (10_000, 100_000):
        embedded, found, resident = measure(chunks, queries, embed_seconds)
        for mode, times in found.items():
            p95 = percentile(times, 0.95)
            what = f"{mode} search among {chunks} passages ({embedded} embedded by the model), p95 of {queries}"
            rows.append((what, f"{p95:.1f} ms (median {percentile(times, 0.5):.1f})", "", "", f"<= {BOUNDS[mode]:.0f} ms",
                         p95 <= BOUNDS[mode]))
        rows.append((f"hobd while it answers, {chunks} passages", f"{resident / 2**20:.0f} MiB resident", "", "",
                     f"<= {MOST_RESIDENT >> 20} MiB", resident <= MOST_RESIDENT))
    return rows


if __name__ == "__main__":
    show(run("--quick" in sys.argv[1:]))
