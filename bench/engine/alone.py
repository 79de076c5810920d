"""Scenario: one request on a machine that does nothing else, against llama-bench with as many threads.

Owns: what is asked. hob's rates are its own figures per request; the client's clock is shown beside them.
"""

import words
from client import FREE, HobError, pause
from server import bench

PROMPT, ANSWER = 512, 128


def alone(b):
    """Decode and prefill of both models."""
    for label, model in b.chat_models():
        threads = set()
        b.caller.ask("Say hello.", model=model, max_tokens=2)  # loads it
        hob = {"prefill": [], "decode": [], "seen": []}
        peer = {"prefill": [], "decode": []}
        for turn in range(b.many_rounds):
            read = b.caller.ask(words.of_tokens(PROMPT, b.fresh()), model=model, max_tokens=1)
            hob["prefill"].append(read.prefill_rate)
            try:
                written = b.caller.ask(words.story(turn), model=model, system=b.system, max_tokens=ANSWER)
                hob["decode"].append(written.decode_rate)
                threads.add(written.usage.get("threads"))
                seconds = written.ended - written.deltas[0][0]
                hob["seen"].append((written.usage["completion_tokens"] - 1) / seconds)
            except (HobError, IndexError) as e:
                b.report.failed(f"{label}: decode", e)
            # The answer follows a prompt, so the peer's tokens follow as many.
            depth = written.usage["prompt_tokens"]
            peer["prefill"].append(bench(model, b.threads, PROMPT, 0)[0])
            peer["decode"].append(bench(model, b.threads, 0, ANSWER, "-d", depth)[1])
            pause(FREE)
        b.report.ratio(f"{label}: decode, {b.threads} threads (peer: llama-bench)", hob["decode"], peer["decode"],
                       " tok/s", least=0.97)
        b.report.ratio(f"{label}: the same by the client's clock", hob["seen"], peer["decode"], " tok/s")
        if None not in threads:
            b.report.plain(f"{label}: threads of hob's last step", figure=", ".join(map(str, sorted(threads))))
        b.report.ratio(f"{label}: prefill of {PROMPT} (peer: llama-bench)", hob["prefill"], peer["prefill"], " tok/s",
                       least=0.97)


SCENARIOS = {"alone": ("one request on an idle machine", alone)}
