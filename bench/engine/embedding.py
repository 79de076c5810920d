"""Scenarios: embedding many texts, against llama-bench's prompt rate; and one text while the index embeds a folder.

Owns: the texts and the folder. Everything goes through D-Bus; the folder is embedded in the background.
"""

import pathlib
import random
import shutil
import tempfile
import time

import words
from client import HobError, pause, wait
from report import percentile
from server import bench, server

TEXTS, AT_ONCE, LEAST, MOST, TOKENS_PER_WORD = 192, 64, 50, 250, 1.2
PEER_PROMPTS = (128, 256)
FILE_WORDS = 220


def texts(count, seed):
    """Texts of 50 to 250 tokens, evenly spread."""
    dice = random.Random(seed)
    return [words.sentences(int(dice.randint(LEAST + 10, MOST - 10) / TOKENS_PER_WORD), dice.random())
            for _ in range(count)]


def embed(b, batch, priority="interactive"):
    began = time.perf_counter()
    b.caller.call("Models1", "Embed", "(asa{sv})", batch, b.options(priority=priority))
    return time.perf_counter() - began


def many(b):
    """Tokens per second of texts in calls of 64."""
    batches = [texts(AT_ONCE, seed) for seed in range(TEXTS // AT_ONCE)]
    with server(b.embedder, 1, "--embedding") as counter:
        lengths = [[counter.count(text) for text in batch] for batch in batches]
    tokens = sum(map(sum, lengths))
    least, most = min(map(min, lengths)), max(map(max, lengths))
    embed(b, batches[0][:2])
    hob, peer = [], {prompt: [] for prompt in PEER_PROMPTS}
    for _ in range(b.rounds):
        hob.append(tokens / sum(embed(b, batch) for batch in batches))
        for prompt in PEER_PROMPTS:
            peer[prompt].append(bench(b.embedder, b.threads, prompt, 0, "-embd", 1)[0])
    best = max(PEER_PROMPTS, key=lambda prompt: percentile(peer[prompt], 0.5))
    b.report.ratio(f"texts of {least} to {most} tokens, {AT_ONCE} in a call (peer: llama-bench -embd 1 -p {best}, "
                   f"{b.threads} threads)", hob, peer[best], " tok/s", least=1.0)


def beside_backfill(b):
    """One text while a folder is embedded."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hob-bench-texts-"))
    count = 20 if b.quick else 60
    idle, during = [], []
    try:
        for which in range(200 if b.quick else 600):
            (folder / f"note{which}.txt").write_text(words.sentences(FILE_WORDS, which), encoding="utf-8")
        for turn in range(count):
            idle.append(1000 * embed(b, [words.question(turn)]))
        b.caller.call("Index1", "AddFolder", "(sa{sv})", str(folder), {})
        wait(lambda: state(b) == "embedding", 60, "the index until it embeds")
        while len(during) < count and state(b) == "embedding":
            during.append(1000 * embed(b, [words.question(b.fresh())]))
            pause(0.05)
        embedded = b.caller.property("Index1", "Embedded")
        b.caller.call("Index1", "RemoveFolder", "(s)", str(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if len(during) < 5:
        raise HobError(f"the folder was embedded before anything could be measured ({embedded} passages)")
    b.report.at_most(f"one text while a folder is embedded: p95 of {len(during)}", percentile(during, 0.95), " ms", 30,
                     hob=f"median {percentile(during, 0.5):.0f} ms")
    b.report.plain("the same on an idle machine", hob=f"median {percentile(idle, 0.5):.0f} ms",
                   figure=f"p95 {percentile(idle, 0.95):.0f} ms")


def state(b):
    return b.caller.property("Index1", "State")


SCENARIOS = {
    "embed": ("embedding many texts", many),
    "backfill": ("embedding one text while a folder is embedded", beside_backfill),
}
