#!/usr/bin/env python3
"""How well hob finds the right document: nDCG@10 over sets of documents, questions and judgements.

    retrieval.py [DATA] [--sets squad2,scifact,cmrc] [-n QUESTIONS]

Each set gets a daemon of its own with an empty index. All questions go through one D-Bus connection. Exit 1 when a set
is below its bound.
"""

import argparse
import collections
import math
import os
import time

from session import GLib, data_folder, percentile, session, spread, table, write_result

BOUNDS = {"squad2": 0.90, "scifact": 0.70, "cmrc": 0.95}
DEPTH = 10


def gain(grades):
    return sum((2**grade - 1) / math.log2(rank + 2) for rank, grade in enumerate(grades))


def ndcg(ranked, judged):
    """Normalised discounted cumulative gain of the first ten documents."""
    best = gain(sorted(judged.values(), reverse=True)[:DEPTH])
    return gain([judged.get(document, 0) for document in ranked[:DEPTH]]) / best


def search(running, root, question):
    """Return (paths below the set's documents, best first and each once; milliseconds over the bus)."""
    begin = time.monotonic()
    hits, _ = running.call("Index1", "Search", "(sa{sv})", question, {"limit": GLib.Variant("u", DEPTH)})
    took = (time.monotonic() - begin) * 1000
    paths = [os.path.relpath(os.path.realpath(hit["path"]), root) for hit in hits]
    return list(dict.fromkeys(paths)), took


def measure(folder, count):
    """Return (nDCG@10, recall@10, questions, seconds to index, milliseconds of each search)."""
    root = os.path.realpath(folder / "docs")
    judged = collections.defaultdict(dict)
    for question, document, grade in table(folder / "qrels.tsv"):
        judged[question][document] = int(grade)
    texts = dict(table(folder / "queries.tsv"))
    chosen = spread([q for q in judged if q in texts], count)
    with session() as running:
        indexing = running.index(root)
        score, recall, times = 0.0, 0.0, []
        for question in chosen:
            ranked, took = search(running, root, texts[question])
            score += ndcg(ranked, judged[question])
            recall += len(set(ranked[:DEPTH]) & judged[question].keys()) / len(judged[question])
            times.append(took)
    return score / len(chosen), recall / len(chosen), len(chosen), indexing, times


def main():
    parser = argparse.ArgumentParser(description="nDCG@10 of hob's search.")
    parser.add_argument("data", nargs="?")
    parser.add_argument("--sets", default=",".join(BOUNDS))
    parser.add_argument("-n", type=int, default=600, help="questions of each set (default: %(default)s)")
    a = parser.parse_args()
    data = data_folder(a.data)
    lines = ["| set | nDCG@10 | bound | recall@10 | questions | index s | p50 ms | p95 ms |", "|---|---|---|---|---|---|---|---|"]
    low = []
    for name in a.sets.split(","):
        score, recall, count, indexing, times = measure(data / name, a.n)
        bound = BOUNDS.get(name, 0.0)
        if score < bound:
            low.append(f"{name} {score:.4f} < {bound}")
        lines.append(f"| {name} | {score:.4f} | {bound:.2f} | {recall:.4f} | {count} | {indexing:.0f} "
                     f"| {percentile(times, 0.5):.1f} | {percentile(times, 0.95):.1f} |")
    write_result("retrieval", "Retrieval", ["--sets", a.sets, "-n", str(a.n)], lines)
    if low:
        raise SystemExit("below the bound: " + "; ".join(low))


if __name__ == "__main__":
    main()
