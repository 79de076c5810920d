#!/usr/bin/env python3
"""How well hob answers from files, and whether it says so when they don't have the answer.

    asking.py [DATA] [--own squad2] [--foreign scifact] [-n QUESTIONS] [-f FOREIGN]

Indexes OWN/articles, asks its questions, then questions about things that are not in that folder. Exit 1 below a bound.
"""

import argparse
import json
import os
import re
import string
import subprocess
import time

from session import RELEASE, data_folder, percentile, session, spread, table, write_result

BOUNDS = {"contained": 0.83, "file": 0.96, "answered": 0.90, "refused": 0.90}
P95_MS = 1500


def plain(text):
    """Lower case, no articles, no punctuation, single spaces: how answers of this kind of set are compared."""
    text = text.lower().translate(str.maketrans("", "", string.punctuation))
    return " ".join(word for word in re.findall(r"\w+", text) if word not in ("a", "an", "the"))


def ask(running, question):
    """Return (hob's answer as JSON or None when it failed, milliseconds of the whole process)."""
    begin = time.monotonic()
    done = subprocess.run([RELEASE / "hob", "ask", "--json", question], env=running.environment,
                          capture_output=True, text=True)
    took = (time.monotonic() - begin) * 1000
    if done.returncode != 0:
        print(f"failed: {question!r}: {done.stderr.strip()}")
        return None, took
    return json.loads(done.stdout), took


def gold_answers(folder):
    """{question: (article, accepted answers)}"""
    gold = {}
    for question, article, _, _, answer in table(folder / "answers.tsv"):
        gold.setdefault(question, (article, set()))[1].add(plain(answer))
    return gold


def share(hits):
    return sum(hits) / len(hits)


def right_file(answer, article):
    cited = answer["citations"]
    return bool(cited) and os.path.basename(cited[0]["path"]) == article


def main():
    parser = argparse.ArgumentParser(description="Answers from files, and refusals.")
    parser.add_argument("data", nargs="?")
    parser.add_argument("--own", default="squad2")
    parser.add_argument("--foreign", default="scifact")
    parser.add_argument("-n", type=int, default=300)
    parser.add_argument("-f", type=int, default=200)
    a = parser.parse_args()
    data = data_folder(a.data)
    gold = gold_answers(data / a.own)
    texts, foreign = dict(table(data / a.own / "queries.tsv")), dict(table(data / a.foreign / "queries.tsv"))
    chosen, others = spread([q for q in gold if q in texts], a.n), spread(foreign, a.f)
    with session() as running:
        running.index(data / a.own / "articles")
        own = [ask(running, texts[q]) for q in chosen]
        strange = [ask(running, foreign[q]) for q in others]
    got = {
        "contained": share([o is not None and any(g in plain(o["text"]) for g in gold[q][1])
                            for q, (o, _) in zip(chosen, own)]),
        "file": share([o is not None and right_file(o, gold[q][0]) for q, (o, _) in zip(chosen, own)]),
        "answered": share([o is not None and bool(o["citations"]) for o, _ in own]),
        "refused": share([o is not None and not o["citations"] for o, _ in strange]),
    }
    p95 = percentile([took for _, took in own], 0.95)
    names = {"contained": "answer contained", "file": "first cited file is the right one",
             "answered": "answered", "refused": "questions about other things refused"}
    lines = ["| what | value | bound |", "|---|---|---|"]
    lines += [f"| {names[k]} | {got[k]:.3f} | >= {BOUNDS[k]:.2f} |" for k in BOUNDS]
    lines.append(f"| p95 of `hob ask`, the whole process | {p95:.0f} ms | <= {P95_MS} ms |")
    lines += ["", f"{len(own)} questions of {a.own}, {len(strange)} of {a.foreign}."]
    write_result("asking", "Asking", ["--own", a.own, "--foreign", a.foreign, "-n", str(a.n), "-f", str(a.f)], lines)
    low = [k for k in BOUNDS if got[k] < BOUNDS[k]] + (["p95"] if p95 > P95_MS else [])
    if low:
        raise SystemExit("outside the bound: " + ", ".join(low))


if __name__ == "__main__":
    main()
