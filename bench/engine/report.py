"""What a scenario found: rows of a table, with ratios, spread, goal, and whether it was met.

Owns: medians, spreads, percentiles and how they are written. Knows nothing of what is measured.
"""

import math
import os
import pathlib
import statistics
import time


def percentile(values, share):
    """The smallest value that at least `share` of all values do not exceed."""
    values = sorted(values)
    return values[max(0, math.ceil(len(values) * share) - 1)] if values else float("nan")


def number(value):
    """Three digits that matter, never in powers of ten."""
    if value != value:
        return "none"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}"


def spread(values, unit=""):
    """The median, with the least and the most when there are several."""
    if not values:
        return "none"
    middle = f"{number(statistics.median(values))}{unit}"
    return middle if len(values) == 1 else f"{middle} ({number(min(values))} to {number(max(values))})"


def idle_share(seconds=0.5):
    """How much of the processors nobody used for a moment, 0 to 1. Unlike the load average it knows no past."""

    def ticks():
        fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return fields[3] + fields[4], sum(fields)

    idle, every = ticks()
    time.sleep(seconds)
    idle_later, every_later = ticks()
    return (idle_later - idle) / max(1, every_later - every)


class Report:
    """The rows of all scenarios, printed as they come."""

    def __init__(self):
        self.lines = []
        self.missed = []

    def say(self, line):
        print(line, flush=True)
        self.lines.append(line)

    def begin(self, name, title):
        load = " ".join(f"{value:.2f}" for value in os.getloadavg())
        before = f"Just before, the processors were {100 * idle_share():.0f} % idle; load average {load}."
        for line in ("", f"## {name}: {title}", "", before, "",
                     "| what | hob | peer | ratio or figure | goal | met |", "|---|---|---|---|---|---|"):
            self.say(line)

    def row(self, what, hob="", peer="", figure="", goal="", met=None):
        if met is False:
            self.missed.append(what)
        word = {True: "yes", False: "**no**", None: ""}[met]
        self.say(f"| {what} | {hob} | {peer} | {figure} | {goal} | {word} |")

    def ratio(self, what, hob, peer, unit, least=None, most=None):
        """`hob` over `peer`, both measured in turns; the ratio of the medians, and the spread of the single ones.

        `least` or `most` is the goal of the ratio. Returns the ratio.
        """
        goal = f">= {least:g}x" if least is not None else f"<= {most:g}x" if most is not None else ""
        if not hob or not peer:
            return self.row(what, spread(hob, unit), spread(peer, unit), "not measured", goal, False if goal else None)
        ratio = statistics.median(hob) / statistics.median(peer)
        single = [a / b for a, b in zip(hob, peer)]
        figure = f"{ratio:.2f}x"
        if len(single) > 1:
            figure += f" ({min(single):.2f} to {max(single):.2f})"
        met = ratio >= least if least is not None else ratio <= most if most is not None else None
        self.row(what, spread(hob, unit), spread(peer, unit), figure, goal, met)
        return ratio

    def overall(self, what, hob, peer, unit, least):
        """The same of rates for equal work: all of it over all the time it took, which is the harmonic mean."""
        totals = statistics.harmonic_mean(hob), statistics.harmonic_mean(peer)
        ratio = totals[0] / totals[1]
        shown = [f"{number(total)}{unit} ({number(min(rates))} to {number(max(rates))})"
                 for total, rates in zip(totals, (hob, peer))]
        self.row(what, *shown, f"{ratio:.2f}x", f">= {least:g}x", ratio >= least)

    def at_most(self, what, value, unit, most, hob="", peer=""):
        """One figure with an upper bound."""
        known = value is not None and value == value
        figure = f"{number(value)}{unit}" if known else "not measured"
        self.row(what, hob, peer, figure, f"<= {most:g}{unit}", known and value <= most)

    def plain(self, what, hob="", peer="", figure=""):
        """A figure without a goal."""
        self.row(what, hob, peer, figure)

    def failed(self, what, reason):
        """A scenario or a part of one that could not be measured."""
        text = " ".join(str(reason).replace("|", "/").split())[:200]
        self.row(what, figure=f"could not be measured: {text}", met=False)
