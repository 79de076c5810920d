#!/usr/bin/env python3
"""How well hob finds the right document: nDCG@10 over sets of documents, questions and judgements.

    retrieval.py [DATA] [--sets squad2,scifact,cmrc,squad2pt] [-n QUESTIONS] [--shares 0,10,25,50,75] [--no-mixed]

Each set gets a daemon of its own with an empty index. Asked are, for each set: search as it is, with option `rerank`, by
words alone, and as it is with only a share of the passages embedded (the embedding is stopped there; what questions
embed on their way comes on top, as it does for people). At last all sets lie in one tree. All questions go through one
D-Bus connection. Exit 1 when a figure is below its bound.
"""

import argparse
import collections
import math
import os
import pathlib
import shutil
import tempfile
import time

from session import GLib, data_folder, percentile, session, spread, table, write_result

# Search as it is, and with rerank.
BOUNDS = {"squad2": 0.915, "scifact": 0.725, "cmrc": 0.98, "squad2pt": 0.87}
RERANKED = {"squad2": 0.935, "scifact": 0.735}
WITHOUT_VECTORS = {"squad2": 0.90}
# What a share of embeddings may lose against words alone, and a set among others against itself.
BELOW_WORDS, MIXED_LOSS = 0.002, 0.02
# Sets whose language the default embedder knows.
EMBEDDED = ("squad2", "scifact")
DEPTH = 10


class Set:
    """The questions of one set and the documents that answer them."""

    def __init__(self, folder, count):
        self.name = folder.name
        self.docs = folder / "docs"
        self.judged = collections.defaultdict(dict)
        for question, document, grade in table(folder / "qrels.tsv"):
            self.judged[question][document] = int(grade)
        self.texts = dict(table(folder / "queries.tsv"))
        self.chosen = spread([q for q in self.judged if q in self.texts], count)


def gain(grades):
    return sum((2**grade - 1) / math.log2(rank + 2) for rank, grade in enumerate(grades))


def ndcg(ranked, judged):
    """Normalised discounted cumulative gain of the first ten documents."""
    best = gain(sorted(judged.values(), reverse=True)[:DEPTH])
    return gain([judged.get(document, 0) for document in ranked[:DEPTH]]) / best


def search(running, root, question, options):
    """Return (paths below the set's documents, best first and each once; milliseconds over the bus)."""
    begin = time.monotonic()
    hits, _ = running.call("Index1", "Search", "(sa{sv})", question, {"limit": GLib.Variant("u", DEPTH), **options})
    took = (time.monotonic() - begin) * 1000
    paths = [os.path.relpath(os.path.realpath(hit["path"]), root) for hit in hits]
    return list(dict.fromkeys(paths)), took


class Report:
    """Rows of figures, and what is below its bound."""

    def __init__(self):
        self.lines = ["| set | search | nDCG@10 | bound | recall@10 | questions | p50 ms | p95 ms |",
                      "|---|---|---|---|---|---|---|---|"]
        self.low = []
        for line in self.lines:
            print(line)

    def ask(self, running, root, asked, what, bound=None, **options):
        """Ask a set's questions; return nDCG@10."""
        score, recall, times = 0.0, 0.0, []
        for question in asked.chosen:
            ranked, took = search(running, root, asked.texts[question], options)
            score += ndcg(ranked, asked.judged[question])
            recall += len(set(ranked[:DEPTH]) & asked.judged[question].keys()) / len(asked.judged[question])
            times.append(took)
        count = len(asked.chosen)
        score, recall = score / count, recall / count
        if bound is not None and score < bound:
            self.low.append(f"{asked.name}, {what}: {score:.4f} < {bound:.4f}")
        shown = "" if bound is None else f"{bound:.3f}"
        self.lines.append(f"| {asked.name} | {what} | {score:.4f} | {shown} | {recall:.4f} | {count} "
                          f"| {percentile(times, 0.5):.1f} | {percentile(times, 0.95):.1f} |")
        print(self.lines[-1], flush=True)
        return score


def embed_share(running, share):
    """Let a share of the passages be embedded, then stop; return how many are."""
    def number(name):
        return running.connection.call_sync(
            "org.hob.Hob1", "/org/hob/Hob1", "org.freedesktop.DBus.Properties", "Get",
            GLib.Variant("(ss)", ("org.hob.Index1", name)), None, 0, 10_000, None).unpack()[0]

    running.hob("index", "wait", "--lexical")
    while share > 0 and number("Embedded") < share / 100 * number("Embeddable"):
        time.sleep(0.02)
    running.call("Index1", "Pause", "()")
    return number("Embedded") / max(1, number("Embeddable"))


def partly(report, asked, share, words):
    root = os.path.realpath(asked.docs)
    with session() as running:
        running.hob("index", "add", root)
        real = embed_share(running, share)
        bound = words - BELOW_WORDS
        if share == 0:
            bound = max(bound, WITHOUT_VECTORS.get(asked.name, 0.0))
        report.ask(running, root, asked, f"{real:.0%} embedded at first", bound)


def whole(report, asked):
    """Search as it is, reranked, and by words; return (as it is, by words)."""
    root = os.path.realpath(asked.docs)
    with session() as running:
        seconds = running.index(root)
        words = report.ask(running, root, asked, "words alone", mode=GLib.Variant("s", "lexical"))
        plain = report.ask(running, root, asked, f"as it is (indexed in {seconds:.0f} s)", BOUNDS.get(asked.name))
        if asked.name in EMBEDDED:
            report.ask(running, root, asked, "reranked", RERANKED.get(asked.name), rerank=GLib.Variant("b", True))
        if plain < words - BELOW_WORDS:
            report.low.append(f"{asked.name}: {plain:.4f} is below words alone, {words:.4f}")
    return plain, words


def mixed(report, sets, alone):
    with tempfile.TemporaryDirectory(prefix="hob-mixed-") as folder:
        tree = pathlib.Path(os.path.realpath(folder))
        for asked in sets:
            shutil.copytree(asked.docs, tree / asked.name, copy_function=shutil.copyfile)
        with session() as running:
            running.index(tree)
            for asked in sets:
                report.ask(running, tree / asked.name, asked, "all sets in one tree", alone[asked.name] - MIXED_LOSS)


def main():
    parser = argparse.ArgumentParser(description="nDCG@10 of hob's search.")
    parser.add_argument("data", nargs="?")
    parser.add_argument("--sets", default=",".join(BOUNDS))
    parser.add_argument("-n", type=int, default=1_000_000, help="questions of each set (default: all)")
    parser.add_argument("--shares", default="0,10,25,50,75", help="percent embedded (default: %(default)s)")
    parser.add_argument("--no-mixed", action="store_true", help="leave out the tree of all sets")
    a = parser.parse_args()
    data = data_folder(a.data)
    sets = [Set(data / name, a.n) for name in a.sets.split(",")]
    report = Report()
    alone = {}
    for asked in sets:
        alone[asked.name], words = whole(report, asked)
        for share in (int(s) for s in a.shares.split(",") if s and asked.name in EMBEDDED):
            partly(report, asked, share, words)
    if not a.no_mixed and len(sets) > 1:
        mixed(report, sets, alone)
    arguments = ["--sets", a.sets, "-n", str(a.n), "--shares", a.shares, *(["--no-mixed"] if a.no_mixed else [])]
    write_result("quality", "Quality of retrieval", arguments, report.lines, command="bench/retrieval.py", shown=True)
    if report.low:
        raise SystemExit("below the bound: " + "; ".join(report.low))


if __name__ == "__main__":
    main()
