"""Scenarios: one request while other processes want the processors, and the way back when they have ended.

Owns: the load, and how "back at its idle speed" is read off the times of a stream.
"""

import statistics
import time

import words
from client import FREE, HobError, pause, wait
from server import bench, busy, server

ANSWER, SERVER_ANSWER, FIXED = 128, 24, {1: 128, 2: 24}
GOALS = {1: 1.8, 2: 2.5}
# The way back: how long the load stays, how long is looked for the old pace, and in windows of which length. The random
# model is asked, since it never wants to stop.
LOADED_SECONDS, BACK_SECONDS, WINDOW, PACE_TOKENS, LONG_ANSWER = 1.5, 3.0, 0.3, 200, 2000
NEAR = 1.2
QUESTION = "Tell me everything."


def beside(b):
    """Decode beside 1 and 2 busy processes.

    A server whose threads wait for each other is now hardly slower than alone and now a hundred times: whoever asks again
    and again has the tokens of all answers in the time of all of them, so that is what is compared.
    """
    with server(b.chat, 1) as peer, b.fixed(1) as single:
        b.caller.ask("Say hello.", max_tokens=2)
        single.ask("Say hello.", max_tokens=2)
        peer.chat("Say hello.", b.system, 2)
        for count in sorted(GOALS):
            hob, alone, served, fixed = [], [], [], {threads: [] for threads in FIXED}
            for turn in range(b.beside_rounds):
                # Which processor they and the others come to lie on stays as it is for long, so each turn has new ones.
                with busy(count):
                    pause(FREE)
                    hob.append(b.caller.ask(words.story(turn), system=b.system, max_tokens=ANSWER).decode_rate)
                    alone.append(single.ask(words.story(turn), system=b.system, max_tokens=ANSWER).decode_rate)
                    served.append(peer.chat(words.story(turn), b.system, SERVER_ANSWER).decode_rate)
                    for threads, tokens in FIXED.items():
                        fixed[threads].append(bench(b.chat, threads, 0, tokens)[1])
            what = f"decode beside {count} busy process{'es' if count > 1 else ''}"
            b.report.overall(f"{what}, all answers (peer: llama-server, its default threads)", hob, served, " tok/s",
                             least=GOALS[count])
            b.report.ratio(f"{what}, the answer in the middle (peer: the same)", hob, served, " tok/s")
            best = max(fixed, key=lambda threads: statistics.median(fixed[threads]))
            b.report.ratio(f"{what} (peer: hob with one thread)", hob, alone, " tok/s",
                           **({"least": 0.9} if best == 1 else {}))
            b.report.ratio(f"{what} (peer: llama-bench with the best fixed count, {best}; no client, no bus)", hob,
                           fixed[best], " tok/s", **({} if best == 1 else {"least": 0.9}))


class Pace:
    """How long an idle machine takes for any stretch of an answer's text."""

    def __init__(self, request):
        self.text = request.text
        self.points, characters = [], 0
        for at, text in request.deltas:
            characters += len(text)
            self.points.append((characters, at - request.began))
        first, last = self.points[0], self.points[-1]
        self.mean = (last[1] - first[1]) / max(1, last[0] - first[0])

    def at(self, characters):
        """Seconds into the idle answer at which so many characters were there."""
        before = self.points[0]
        for point in self.points[1:]:
            if point[0] >= characters:
                share = (characters - before[0]) / max(1, point[0] - before[0])
                return before[1] + share * (point[1] - before[1])
            before = point
        return before[1]

    def seconds(self, begin, end, same):
        """For the text between two positions. Where the text is another one, characters are all alike."""
        if same and end <= self.points[-1][0]:
            return self.at(end) - self.at(begin)
        return (end - begin) * self.mean


def seconds_until_back(request, since, pace):
    """From `since` until a window of the stream first went nearly as fast as on the idle machine, or None."""
    points, characters = [], 0
    for at, text in request.deltas:
        characters += len(text)
        points.append((characters, at))
    same = pace.text.startswith(request.text[: len(pace.text)])
    for index, (begin, start) in enumerate(points):
        if start < since:
            continue
        for end, stop in points[index + 1:]:
            if stop - start >= WINDOW:
                if stop - start <= NEAR * pace.seconds(begin, end, same):
                    return start - since
                break
    return None


def under_load(b, count, given):
    """A long answer whose load ends in its middle; returns it, ended, and when the load ended."""
    with busy(count) as end:
        running = b.caller.start(QUESTION, max_tokens=LONG_ANSWER, **given)
        wait(lambda: running.deltas or running.ended, 60, "the first text")
        pause(LOADED_SECONDS)
        end()
        since = time.perf_counter()
    pause(BACK_SECONDS)
    if running.ended is None:
        running.cancel()
        wait(lambda: running.ended is not None, 60, "a cancel")
        running.forget()
    elif running.ended < since + 2:
        raise HobError(running.error or "the answer ended too early to say")
    return running, since


def switch(b):
    """After busy processes end: how soon tokens come as fast as on an idle machine."""
    given = {"model": str(b.shape), "system": b.system}
    b.caller.ask("Say hello.", max_tokens=2, **given)
    for count in sorted(GOALS):
        found = []
        for _ in range(b.rounds):
            pace = Pace(b.caller.ask(QUESTION, max_tokens=PACE_TOKENS, **given))
            found.append(seconds_until_back(*under_load(b, count, given), pace))
        what = f"back within {NEAR}x of the idle pace after {count} busy process{'es' if count > 1 else ''} ended"
        if None in found:
            missed = f"not within {BACK_SECONDS} s in {found.count(None)} of {len(found)}"
            b.report.row(what, figure=missed, goal="<= 1 s", met=False)
        else:
            b.report.at_most(what, max(found), " s", 1.0, hob=f"worst of {len(found)}")


SCENARIOS = {
    "beside": ("one request beside busy processes", beside),
    "switch": ("the way back to all cores", switch),
}
