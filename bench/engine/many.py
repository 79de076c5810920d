"""Scenarios: several clients at once; and one who waits while others let the machine work in the background.

Owns: the clients' prompts and who asks when.
"""

import time

import words
from client import FAILED, FREE, HobError, all_of, pause, wait
from report import percentile
from server import Background, at_once, server

CLIENTS, ANSWER = 4, {"SmolLM2-135M": 96, "random 0.5B": 48}
BACKGROUND_ANSWER, SHORT_ANSWER, BETWEEN_SECONDS, MOST_SECONDS = 200, 8, 0.4, 45


def four(b):
    """Four clients with different prompts, who all read as it is written: tokens per second of all together."""
    for label, model in b.chat_models():
        callers = [b.new_caller() for _ in range(CLIENTS)]
        hob, peer = [], []
        most = ANSWER[label]
        with server(model, CLIENTS) as running:
            b.caller.ask("Say hello.", model=model, max_tokens=2)
            running.chat("Say hello.", b.system, 2)
            for turn in range(b.many_rounds):
                prompts = [words.story(turn * CLIENTS + which) for which in range(CLIENTS)]
                pause(FREE)
                began = time.perf_counter()
                answers = all_of([caller.start(prompt, model=model, system=b.system, max_tokens=most)
                                  for caller, prompt in zip(callers, prompts)])
                seconds = max(answer.ended for answer in answers) - began
                hob.append(sum(answer.usage["completion_tokens"] for answer in answers) / seconds)
                pause(FREE)
                replies, seconds = at_once([lambda prompt=prompt: running.chat(prompt, b.system, most, stream=True)
                                            for prompt in prompts])
                peer.append(sum(reply.completion_tokens for reply in replies) / seconds)
        for caller in callers:
            caller.leave()
        b.report.ratio(f"{label}: {CLIENTS} clients, {most} tokens each, prompts included "
                       f"(peer: llama-server -np {CLIENTS})", hob, peer, " tok/s", least=1.1)


class HobBackground:
    """Clients on connections of their own, each asking again as soon as its answer has ended."""

    def __init__(self, b):
        self.system = b.system
        self.stopping = False
        self.running = {}
        self.failed, self.done, self.preempted = [], 0, 0
        self.callers = [b.new_caller() for _ in range(CLIENTS)]
        for which in range(CLIENTS):
            self.next(which, which)

    def next(self, which, turn):
        def ended(request):
            if request.status == FAILED:
                self.failed.append(request.error)
            elif not self.stopping:
                self.done += 1
                self.preempted += request.usage.get("preempted", 0)
                self.next(which, turn + CLIENTS)

        self.running[which] = self.callers[which].start(
            words.story(turn), on_end=ended, system=self.system, priority="background", max_tokens=BACKGROUND_ANSWER)

    def end(self):
        self.stopping = True
        for request in self.running.values():
            if request.ended is None:
                request.cancel()
        wait(lambda: all(request.ended is not None for request in self.running.values()), 60, "ending the background")
        for caller in self.callers:
            caller.leave()
        if self.failed:
            raise HobError(f"a background request failed: {self.failed[0]}")


def hob_first_tokens(b, count):
    background = HobBackground(b)
    times, limit = [], time.perf_counter() + MOST_SECONDS
    try:
        pause(1.0)
        while len(times) < count and time.perf_counter() < limit:
            answer = b.caller.ask(words.question(b.fresh()), system=b.system, priority="interactive",
                                  max_tokens=SHORT_ANSWER)
            times.append(answer.first_token)
            pause(BETWEEN_SECONDS)
    finally:
        background.end()
    return times, background


def server_first_tokens(b, running, count):
    times, limit = [], time.perf_counter() + MOST_SECONDS
    story = lambda which, turn: running.chat(  # noqa: E731
        words.story(which + turn * CLIENTS), b.system, BACKGROUND_ANSWER)
    with Background(story, CLIENTS):
        time.sleep(1.0)  # the background is to be under way
        while len(times) < count and time.perf_counter() < limit:
            question = words.question(b.fresh())
            times.append(running.chat(question, b.system, SHORT_ANSWER, stream=True).first_token)
            time.sleep(BETWEEN_SECONDS)
    return times


def undisturbed(b, running):
    """Milliseconds to the first text of the same request on a free machine, of hob and of the server."""
    hob, peer = [], []
    for _ in range(5):
        question, other = words.question(b.fresh()), words.question(b.fresh())
        pause(FREE)
        hob.append(1000 * b.caller.ask(question, system=b.system, max_tokens=SHORT_ANSWER).first_token)
        pause(FREE)
        peer.append(1000 * running.chat(other, b.system, SHORT_ANSWER, stream=True).first_token)
    return hob, peer


def waiting(b):
    """First text of an interactive request while four background ones run, beside the server of `four`, whose slots
    they fill, and beside one with a slot more than it needs."""
    halves = 1 if b.quick else 2
    count = 5 if b.quick else 10
    hob, peers, ended, preempted = [], {CLIENTS: [], CLIENTS + 1: []}, 0, 0
    b.caller.ask("Say hello.", system=b.system, max_tokens=2)
    for _ in range(halves):
        times, background = hob_first_tokens(b, count)
        hob += [1000 * seconds for seconds in times]
        ended, preempted = ended + background.done, preempted + background.preempted
        for slots, peer in peers.items():
            with server(b.chat, slots) as running:
                running.chat("Say hello.", b.system, 2)
                peer += [1000 * seconds for seconds in server_first_tokens(b, running, count)]
    with server(b.chat, CLIENTS) as running:
        running.chat("Say hello.", b.system, 2)
        free_hob, free_peer = undisturbed(b, running)
    what = f"first text of an interactive request under {CLIENTS} background ones"
    for slots, peer in peers.items():
        goal = {"most": 0.5} if slots == CLIENTS else {}
        b.report.ratio(f"{what}: p95 of {len(hob)} (peer: llama-server -np {slots})",
                       [percentile(hob, 0.95)], [percentile(peer, 0.95)], " ms", **goal)
    b.report.ratio(f"{what}: median", [percentile(hob, 0.5)], [percentile(peers[CLIENTS], 0.5)], " ms")
    b.report.ratio("the same without the others", free_hob, free_peer, " ms")
    b.report.plain("background answers that ended meanwhile", hob=str(ended), figure=f"preempted {preempted} times")


SCENARIOS = {
    "four": ("four clients at once", four),
    "waiting": ("somebody waits while the machine works in the background", waiting),
}
