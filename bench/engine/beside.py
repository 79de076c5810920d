"""Scenarios: one request while other processes want the processors, and the way back when they have ended.

Owns: the load, and how "back at its idle speed" is read off the times of a stream.
"""

import statistics
import time

import words
from client import HobError, pause, wait
from server import bench, busy, server

ANSWER, SERVER_ANSWER, FIXED = 96, 32, {1: 48, 2: 16}
GOALS = {1: 1.8, 2: 2.5}
# The way back: the load stays this long, and speed is looked at in windows of this length.
LOADED_SECONDS, WINDOW, LONG_ANSWER = 1.5, 0.3, 700
NEAR = 1.2
COUNTING = "Count from one to one thousand in words, one number in each line, and leave none out."


def beside(b):
    """Decode beside 1 and 2 busy processes."""
    with server(b.chat, 1) as peer:
        b.caller.ask("Say hello.", max_tokens=2)
        peer.chat("Say hello.", b.system, 2)
        for count in sorted(GOALS):
            hob, served, fixed = [], [], {threads: [] for threads in FIXED}
            with busy(count):
                for turn in range(b.rounds):
                    hob.append(b.caller.ask(words.story(turn), system=b.system, max_tokens=ANSWER).decode_rate)
                    served.append(peer.chat(words.story(turn), b.system, SERVER_ANSWER).decode_rate)
                    for threads, tokens in FIXED.items():
                        fixed[threads].append(bench(b.chat, threads, 0, tokens)[1])
            what = f"decode beside {count} busy process{'es' if count > 1 else ''}"
            b.report.ratio(f"{what} (peer: llama-server, its default threads)", hob, served, " tok/s",
                           least=GOALS[count])
            best = max(fixed, key=lambda threads: statistics.median(fixed[threads]))
            b.report.ratio(f"{what} (peer: llama-bench with the best fixed count, {best})", hob, fixed[best], " tok/s",
                           least=0.9)


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


def switch(b):
    """After busy processes end: how soon tokens come as fast as on an idle machine."""
    b.caller.ask("Say hello.", max_tokens=2)
    for count in sorted(GOALS):
        found, missed = [], 0
        for _ in range(b.rounds):
            pace = Pace(b.caller.ask(COUNTING, system=b.system, max_tokens=LONG_ANSWER))
            with busy(count) as end:
                running = b.caller.start(COUNTING, system=b.system, max_tokens=LONG_ANSWER)
                wait(lambda: running.deltas or running.ended, 60, "the first text")
                pause(LOADED_SECONDS)
                ended_early = running.ended is not None
                end()
                since = time.perf_counter()
            running.wait()
            if ended_early:
                raise HobError("the answer ended before the load did")
            back = seconds_until_back(running, since, pace)
            missed += back is None
            found.append(back if back is not None else running.ended - since)
        what = f"back within {NEAR}x of the idle pace after {count} busy process{'es' if count > 1 else ''} ended"
        if missed:
            b.report.row(what, figure=f"not reached in {missed} of {len(found)} answers", goal="<= 1 s", met=False)
        else:
            b.report.at_most(what, max(found), " s", 1.0, hob=f"worst of {len(found)}")


SCENARIOS = {
    "beside": ("one request beside busy processes", beside),
    "switch": ("the way back to all cores", switch),
}
