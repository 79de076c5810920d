"""Scenarios: requests that nobody wants any more, and a model's process that dies in the middle of an answer.

Owns: when what is cancelled or killed. A cancelled request is one of a caller that says so, or that leaves the bus,
while its prompt is evaluated or while its answer is written.
"""

import os
import signal
import statistics
import time

import words
from client import FAILED, HobError, pause, wait
from report import percentile, spread

LONG_PROMPT, LONG_ANSWER, SMALL_ANSWER = 1500, 400, 3


def small(b):
    return b.caller.start(words.question(b.fresh()), system=b.system, max_tokens=SMALL_ANSWER)


def under_way(b, caller, writing):
    """A request that is writing its answer, or evaluating its prompt."""
    if not writing:
        request = caller.start(words.of_tokens(LONG_PROMPT, b.fresh()), system=b.system, max_tokens=LONG_ANSWER)
        pause(0.3)
        return request
    request = caller.start(words.story(b.fresh()), system=b.system, max_tokens=LONG_ANSWER)
    wait(lambda: len(request.deltas) > 2 or request.ended, 60, "the first text")
    return request


def free_slot(b, count):
    """Milliseconds to the first text of a small request that waits for nobody."""
    times = []
    for _ in range(count):
        b.caller.ask(words.story(b.fresh()), system=b.system, max_tokens=SMALL_ANSWER)
        times.append(1000 * small(b).wait().first_token)
    return times


def cancel(b):
    """From the cancel until another request gets on, and whether text came after it."""
    count = 8 if b.quick else 40
    free = free_slot(b, count // 2)
    base = statistics.median(free)
    extra, late, too_early = {True: [], False: []}, 0, 0
    for turn in range(count):
        caller, writing, leaving = b.new_caller(), turn % 2 == 0, turn % 4 >= 2
        request = under_way(b, caller, writing)
        too_early += request.ended is not None
        if leaving:
            began = time.perf_counter()
            caller.leave()
            next_request = small(b)
        elif request.ended is None:
            began = request.cancel()
            next_request = small(b)
        else:
            continue
        next_request.wait()
        extra[writing].append(1000 * (next_request.began - began + next_request.first_token) - base)
        if not leaving:
            pause(0.1)  # for text that would still come
            late += sum(at > request.cancelled_at for at, _ in request.deltas)
            request.forget()
            caller.leave()
    everything = extra[True] + extra[False]
    what = f"the next first text after a cancel, beyond {base:.0f} ms on a free slot: p95 of {len(everything)}"
    b.report.at_most(what, percentile(everything, 0.95), " ms", 60, hob=spread(everything, " ms"))
    b.report.plain("of these, cancelled while writing", hob=spread(extra[True], " ms"))
    b.report.plain("of these, cancelled while the prompt was evaluated", hob=spread(extra[False], " ms"))
    b.report.plain("first text on a free slot", hob=spread(free, " ms"))
    b.report.row("text that came after a cancel was acknowledged", figure=f"{late} pieces", goal="none", met=late == 0)
    if too_early:
        b.report.plain("requests that had ended before they were cancelled", figure=str(too_early))


def kill(b):
    """SIGKILL to the model's process in the middle of an answer."""
    errors, answers = [], []
    for turn in range(1 if b.quick else 3):
        request = under_way(b, b.caller, True)
        os.kill(b.caller.model(b.chat_id)["pid"], signal.SIGKILL)
        killed = time.perf_counter()
        wait(lambda: request.ended is not None, 30, "the error after a kill")
        if request.status != FAILED:
            raise HobError(f"the request ended with status {request.status}")
        errors.append(request.ended - killed)
        answers.append(b.caller.ask(words.question(turn), system=b.system, max_tokens=8).total)
    b.report.at_most("model's process killed in mid-answer: until the caller has the error", max(errors), " s", 1.0,
                     hob=request.error[:80])
    b.report.row("the next answer works", hob=f"{spread(answers, ' s')}, loading included", figure="yes", goal="yes",
                 met=True)


SCENARIOS = {
    "cancel": ("requests that nobody wants any more", cancel),
    "kill": ("a model's process that dies", kill),
}
