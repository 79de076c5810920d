"""Scenarios: prompts that begin alike, in one process and over an unload; and a skill list that all prompts share.

Owns: the prompts. "Warm" is a second question under a system prompt that was just evaluated.
"""

import statistics

import words
from client import FREE, HobError, pause
from server import server

PREFIX, SKILLS, ANSWER, WARM = 1000, 800, 4, 3


def thousand(b):
    """A system prompt of 1,000 tokens: cold, warm, and after the model was unloaded."""
    cold, warm = {"hob": [], "peer": []}, {"hob": [], "peer": []}
    unloaded, loading = [], []
    with server(b.chat, 1) as running:
        b.caller.ask("Say hello.", max_tokens=2)
        running.chat("Say hello.", b.system, 2)
        for _ in range(b.rounds):
            system = words.of_tokens(PREFIX, b.fresh())
            for turn in range(1 + WARM):
                question = words.question(b.fresh())
                pause(FREE)
                answer = b.caller.ask(question, system=system, max_tokens=ANSWER)
                pause(FREE)
                reply = running.chat(question, system, ANSWER, stream=True)
                kind = cold if turn == 0 else warm
                kind["hob"].append(1000 * answer.first_token)
                kind["peer"].append(1000 * reply.first_token)
            for times, load_first in ((loading, False), (unloaded, True)):
                times += [1000 * after_unload(b, system, load_first) for _ in range(WARM)]
    what = f"first text after a prefix of {PREFIX} tokens"
    b.report.ratio(f"{what}, cold (peer: llama-server)", cold["hob"], cold["peer"], " ms")
    b.report.ratio(f"{what}, warm (peer: llama-server)", warm["hob"], warm["peer"], " ms", most=1.0)
    for label, times, goal in ((", model loaded again before", unloaded, 5), (", loading included", loading, None)):
        shown = f"{statistics.median(times):.0f} ms"
        own, peers = (100 * statistics.median(times) / statistics.median(cold[who]) for who in ("hob", "peer"))
        row = f"{what} after unload, share of cold{label}"
        if goal is None:
            b.report.plain(row, hob=shown, figure=f"{own:.1f} %")
        else:
            b.report.at_most(row, own, " %", goal, hob=shown)
        b.report.plain(f"{row}: of llama-server's cold", figure=f"{peers:.1f} %")


def after_unload(b, system, load_first):
    """Seconds to the first text of a new question under `system` once the model's process has ended."""
    pause(FREE)
    b.caller.call("Models1", "Unload", "(s)", b.chat_id)
    if load_first:
        b.caller.call("Models1", "Load", "(sa{sv})", b.chat_id, {})
    return b.caller.ask(words.question(b.fresh()), system=system, max_tokens=ANSWER).first_token


def skills(b):
    """Many prompts under one skill list: how much of it is evaluated again."""
    count = 50 if b.quick else 500
    system = words.skill_list(SKILLS)
    prefix = b.caller.call("Models1", "CountTokens", "(sa{sv})", system, {})[0]
    evaluated, times = [], []
    for turn in range(count):
        answer = b.caller.ask(words.question(turn), system=system, max_tokens=1)
        evaluated.append(answer.evaluated)
        times.append(1000 * answer.total)
        if turn == 4 and statistics.mean(evaluated[1:]) > prefix / 2:
            raise HobError(f"nothing is reused: {evaluated}")
    share = 100 * statistics.mean(evaluated) / prefix
    b.report.at_most(f"{count} prompts under a skill list of {prefix} tokens: mean evaluated per prompt, share of it",
                     share, " %", 5, hob=f"{statistics.mean(evaluated):.1f} tok, {statistics.median(times):.0f} ms")


SCENARIOS = {
    "prefix": ("prompts that begin with the same 1,000 tokens", thousand),
    "skills": ("many prompts under one skill list", skills),
}
