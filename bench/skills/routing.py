#!/usr/bin/env python3
"""How well and how fast requests are routed, over D-Bus, with skills made from public intent sets.

    skills/routing.py [--data DIR] [--draws 3] [SET...]      clinc, hwu, snips, thousand, questions; all by default

DIR/nlu (or HOB_DATA/nlu) holds clinc150.{train,val,oos_val}.jsonl, hwu64.train.jsonl, snips.train.jsonl and
banking77.train.jsonl: one JSON object a line with "text" and "intent". A skill's intents have ten examples each; what is
routed are other sentences. DIR/retrieval/*/queries.tsv holds questions about texts, which are no skill's business.
Only a whole run writes bench/results/routing.md.
"""

import argparse
import json
import os
import pathlib
import random
import re
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from session import percentile, session, write_result  # noqa: E402

SKILL = "org.example.routing"
EXAMPLES, TESTED, QUESTIONS, SETTLED_SECONDS = 10, 1000, 500, 60
PROGRAM = """#!/usr/bin/env python3
import sys
for line in sys.stdin:
    print('{"status": "success", "data": {}}', flush=True)
"""
TABLE = ["| what | value | goal | met |", "|---|---|---|---|"]


def read(folder, name):
    return [json.loads(line) for line in (folder / "nlu" / name).read_text(encoding="utf-8").splitlines()]


def camel(intent):
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", intent))


def draw(rows, count, seed):
    """`count` examples of each intent, and what is left."""
    chance, by_intent = random.Random(seed), {}
    for row in rows:
        by_intent.setdefault(row["intent"], []).append(row["text"])
    examples = {i: chance.sample(texts, min(count, len(texts))) for i, texts in sorted(by_intent.items())}
    return examples, [row for row in rows if row["text"] not in examples[row["intent"]]]


def write_skill(parent, examples, skill=SKILL):
    folder = pathlib.Path(parent) / skill
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.py").write_text(PROGRAM)
    (folder / "run.py").chmod(0o755)
    lines = ["[skill]", f'id = "{skill}"', 'version = "1.0.0"', 'title = "Routing"', 'kind = "exec"',
             'command = ["./run.py"]']
    for intent, texts in examples.items():
        title = json.dumps(intent.replace("_", " "))
        lines += ["[[intent]]", f'name = "{camel(intent)}"', 'version = "1.0"', f"title = {title}",
                  f"description = {title}", 'risk = "read"', f"examples.en = {json.dumps(texts)}",
                  "[intent.parameters]", 'type = "object"']
    (folder / "skill.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def route(running, text):
    candidates, details = running.call("Skills1", "Route", "(sa{sv})", text, {})
    return [(c["skill"], c["intent"]) for c in candidates], details


def settle(running):
    """Routes until what was installed has been learned: the log says so. The first request starts it."""
    begin = time.monotonic()
    route(running, "what time is it")
    while "the router has learned" not in running.log.read_text():
        if time.monotonic() - begin > SETTLED_SECONDS:
            raise SystemExit("the router did not learn in time")
        time.sleep(0.2)
    return time.monotonic() - begin


def auroc(inside, outside):
    ranked = sorted([(value, 1) for value in inside] + [(value, 0) for value in outside])
    ranks, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        ranks += sum(kind for _, kind in ranked[at:end]) * (at + end + 1) / 2
        at = end
    return (ranks - len(inside) * (len(inside) + 1) / 2) / (len(inside) * len(outside))


def measure(examples, tested, outside):
    with tempfile.TemporaryDirectory() as parent, session() as running:
        running.hob("skill", "install", str(write_skill(parent, examples)))
        learned = settle(running)
        routed = [route(running, row["text"]) for row in tested]
        foreign = [route(running, row["text"])[1] for row in outside]
    mine = [[intent for skill, intent in names if skill == SKILL] for names, _ in routed]
    wanted = [camel(row["intent"]) for row in tested]
    share = lambda hits: 100 * sum(hits) / len(tested)  # noqa: E731
    figures = {
        "top-1": share(found[:1] == [name] for found, name in zip(mine, wanted)),
        "top-5": share(name in found[:5] for found, name in zip(mine, wanted)),
        "as a skill's": share(details["decision"] == "skill" for _, details in routed),
        "ms": percentile([details["took_ms"] for _, details in routed], 0.95),
        "learned s": learned,
    }
    if outside:
        refused = sum(details["decision"] != "skill" for details in foreign)
        # As if a thousand had been routed: precision goes with how many of each there are.
        lost = sum(details["decision"] != "skill" for _, details in routed) * TESTED / len(routed)
        precision, recall = refused / max(1, refused + lost), refused / len(outside)
        figures["F1"] = 200 * precision * recall / max(1e-9, precision + recall)
        figures["AUROC"] = 100 * auroc([d["in_scope"] for _, d in routed], [d["in_scope"] for d in foreign])
    print({name: round(value, 2) for name, value in figures.items()}, flush=True)
    return figures


def mean_of(draws, one):
    all_figures = [one(seed) for seed in range(1, draws + 1)]
    return {name: sum(figures[name] for figures in all_figures) / draws for name in all_figures[0]}


def row(what, value, goal, met):
    return f"| {what} | {value} | {goal} | {'yes' if met else '**no**'} |"


def clinc(folder, draws):
    train, test = read(folder, "clinc150.train.jsonl"), read(folder, "clinc150.val.jsonl")
    outside = read(folder, "clinc150.oos_val.jsonl")
    # All of it: a thousand sentences more or less lucky make a point of difference.
    mean = mean_of(draws, lambda seed: measure(draw(train, EXAMPLES, seed)[0], test, outside))
    return [row("CLINC150, top-1", f"{mean['top-1']:.1f}", ">= 92.5", mean["top-1"] >= 92.5),
            row("CLINC150, top-5", f"{mean['top-5']:.1f}", ">= 98.5", mean["top-5"] >= 98.5),
            row("CLINC150, out-of-scope F1", f"{mean['F1']:.1f}", ">= 80", mean["F1"] >= 80),
            row("CLINC150, out-of-scope AUROC", f"{mean['AUROC']:.1f}", ">= 96", mean["AUROC"] >= 96),
            row("CLINC150, routed, 95th percentile", f"{mean['ms']:.1f} ms", "", True),
            row("CLINC150, the head is there after", f"{mean['learned s']:.1f} s", "", True)]


def held_back(folder, draws, name, title, least):
    rows = read(folder, name)

    def one(seed):
        examples, rest = draw(rows, EXAMPLES, seed)
        return measure(examples, random.Random(seed).sample(rest, min(TESTED, len(rest))), [])

    mean = mean_of(draws, one)
    return [row(f"{title}, top-1", f"{mean['top-1']:.1f}", f">= {least}", mean["top-1"] >= least)]


def thousand(folder, _draws):
    """A registry of 1,000 intents: how fast requests are routed, with and without a fit going on, and how soon a new
    skill is found."""
    rows = [r for name in ("clinc150", "hwu64", "banking77") for r in read(folder, f"{name}.train.jsonl")]
    intents = {f"{row['intent']}": [] for row in rows}
    for one in rows:
        intents[one["intent"]].append(one["text"])
    examples = {f"{name} {part}": texts[part * EXAMPLES:(part + 1) * EXAMPLES] for part in range(4)
                for name, texts in sorted(intents.items()) if len(texts) >= (part + 1) * EXAMPLES}
    examples = dict(sorted(examples.items())[:1000])
    texts = [row["text"] for row in random.Random(1).sample(rows, 300)]
    new = {"water_the_ferns": ["water the ferns", "give the ferns some water", "the ferns are thirsty", "ferns need water",
                               "start watering the ferns", "please water my ferns"],
           "feed_the_carp": ["feed the carp", "give the carp some food", "the carp are hungry", "throw the carp some pellets",
                             "carp feeding time", "please feed my carp"]}
    with tempfile.TemporaryDirectory() as parent, session() as running:
        half = sorted(examples.items())
        for n in range(0, len(half), 250):
            running.hob("skill", "install", str(write_skill(parent, dict(half[n:n + 250]), f"{SKILL}{n}")))
        route(running, "what time is it")
        times = [route(running, text)[1]["took_ms"] for text in texts]
        folder = write_skill(parent, new, "org.example.garden")
        running.hob("skill", "install", str(folder))
        begin = time.monotonic()
        while route(running, "could you water those ferns")[0][:1] != [("org.example.garden", "WaterTheFerns")]:
            if time.monotonic() - begin > SETTLED_SECONDS:
                raise SystemExit("the new skill was not found")
        found = (time.monotonic() - begin) * 1000
        after = [route(running, text)[1]["took_ms"] for text in texts]
    slow = max(percentile(times, 0.95), percentile(after, 0.95))
    return [row(f"{len(examples)} intents, routed, 95th percentile", f"{slow:.1f} ms", "<= 25 ms", slow <= 25),
            row(f"{len(examples)} intents, slowest of {len(texts)} right after an install", f"{max(after):.0f} ms", "", True),
            row("a new skill is found, after its install", f"{found:.0f} ms", "<= 300 ms", found <= 300)]


def questions(folder, _draws):
    """Questions about texts, with the built-in skills alone: none of them should be taken for a command."""
    lines = []
    with session() as running:
        settle(running)
        for queries in sorted(folder.glob("retrieval/*/queries.tsv")):
            texts = [line.split("\t")[1] for line in queries.read_text(encoding="utf-8").splitlines() if "\t" in line]
            texts = random.Random(1).sample(texts, min(QUESTIONS, len(texts)))
            routed = [(text, *route(running, text)) for text in texts]
            taken = [(text, found[0]) for text, found, details in routed if details["decision"] == "skill"]
            for text, found in taken:
                print(f"taken: {text} -> {found}", flush=True)
            share = 100 * len(taken) / len(texts)
            lines.append(row(f"questions of {queries.parent.name} taken for commands", f"{share:.2f} %", "<= 0.5 %",
                             share <= 0.5))
    return lines


SETS = {
    "clinc": clinc,
    "hwu": lambda folder, draws: held_back(folder, draws, "hwu64.train.jsonl", "HWU64", 82),
    "snips": lambda folder, draws: held_back(folder, draws, "snips.train.jsonl", "SNIPS (5 intents)", 90),
    "thousand": thousand,
    "questions": questions,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("HOB_DATA")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(data) if data else None)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("sets", nargs="*", metavar="SET")
    arguments = parser.parse_args()
    if unknown := set(arguments.sets) - set(SETS):
        parser.error(f"no set {', '.join(sorted(unknown))}; there are {', '.join(SETS)}")
    if arguments.data is None or not arguments.data.is_dir():
        raise SystemExit("skipped: no intent sets; give --data DIR or set HOB_DATA")
    chosen = arguments.sets or list(SETS)
    lines = TABLE + [line for name in chosen for line in SETS[name](arguments.data, arguments.draws)]
    print("\n".join(lines))
    if not arguments.sets:
        write_result("routing", "Routing", ["--data", "DIR"], lines, command="bench/skills/routing.py", shown=True)


if __name__ == "__main__":
    main()
