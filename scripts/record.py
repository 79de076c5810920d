#!/usr/bin/env python3
"""Run a command in a pseudo-terminal and write what it printed as an SVG in which the lines appear as they did.

Owns: the little of a terminal that a recording needs (colours, carriage return, erase, cursor up and down). Long pauses
are shortened. Standard library only.

    record.py OUT.svg [--columns N] [--title TEXT] -- COMMAND...
"""

import argparse
import codecs
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from xml.sax.saxutils import escape

CELL, LINE, SIZE, MARGIN, BAR = 8.0, 19, 13.3, 16, 34
LONGEST_PAUSE = 1.2
BACKGROUND, FOREGROUND = "#15191f", "#d5dae1"
COLOURS = ["#5c6773", "#f07178", "#aad94c", "#e6b450", "#59c2ff", "#d2a6ff", "#95e6cb", "#d5dae1"]
TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\r\n\b\t]|[^\x1b\r\n\b\t]", re.S)


class Screen:
    """An endless page: rows of {column: (text, style)}, and when each row was first written."""

    def __init__(self, columns):
        self.columns = columns
        self.rows, self.born = [{}], [0.0]
        self.row = self.column = 0
        self.style = (None, False, False)  # colour, bold, dim
        self.rest = ""

    def feed(self, text, now):
        text = self.rest + text
        cut = text.rfind("\x1b")
        # An escape sequence may be split between two reads; its end comes with the next.
        if cut >= 0 and len(text) - cut < 16 and not TOKEN.fullmatch(text[cut:]) and not re.match(
                r"\x1b\[[0-9;?]*[A-Za-z]", text[cut:]):
            text, self.rest = text[:cut], text[cut:]
        else:
            self.rest = ""
        for match in TOKEN.finditer(text):
            self.token(match, now)

    def token(self, match, now):
        text = match.group()
        if match.group(2):
            self.control(match.group(1), match.group(2))
        elif text == "\n":
            self.down(1, now)
        elif text == "\r":
            self.column = 0
        elif text == "\b":
            self.column = max(0, self.column - 1)
        elif text == "\t":
            self.column = min(self.columns - 1, (self.column // 8 + 1) * 8)
        elif not text.startswith("\x1b") and text >= " ":
            self.put(text, now)

    def down(self, count, now):
        self.row += count
        while self.row >= len(self.rows):
            self.rows.append({})
            self.born.append(now)

    def put(self, character, now):
        if unicodedata.combining(character):
            return
        width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if self.column + width > self.columns:
            self.column = 0
            self.down(1, now)
        if not self.rows[self.row]:
            self.born[self.row] = now
        self.rows[self.row][self.column] = (character, width, self.style)
        self.column += width

    def control(self, numbers, letter):
        values = [int(n) for n in numbers.split(";") if n.isdigit()]
        first = values[0] if values else 0
        if letter == "m":
            self.colour(values or [0])
        elif letter == "K":
            row = self.rows[self.row]
            for column in list(row):
                if first == 2 or (first == 0 and column >= self.column) or (first == 1 and column <= self.column):
                    del row[column]
        elif letter == "A":
            self.row = max(0, self.row - max(1, first))
        elif letter == "B":
            self.row = min(len(self.rows) - 1, self.row + max(1, first))
        elif letter == "C":
            self.column = min(self.columns - 1, self.column + max(1, first))
        elif letter == "D":
            self.column = max(0, self.column - max(1, first))
        elif letter == "G":
            self.column = max(0, first - 1)
        elif letter == "J" and first == 0:
            for row in self.rows[self.row + 1:]:
                row.clear()
            self.control("0", "K")

    def colour(self, values):
        colour, bold, dim = self.style
        values = iter(values)
        for value in values:
            if value == 0:
                colour, bold, dim = None, False, False
            elif value == 1:
                bold = True
            elif value == 2:
                dim = True
            elif value == 22:
                bold = dim = False
            elif 30 <= value <= 37 or 90 <= value <= 97:
                colour = COLOURS[value % 10]
            elif value == 39:
                colour = None
            elif value == 38 and next(values, 0) == 5:
                colour = COLOURS[next(values, 7) % 8]
        self.style = (colour, bold, dim)


def record(command, columns):
    """Run the command; return the screen. Its standard input is empty, its errors go to our own."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 48, columns, 0, 0))
    environment = dict(os.environ, TERM="xterm-256color", COLUMNS=str(columns))
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=follower, env=environment)
    os.close(follower)
    screen, shown, last = Screen(columns), 0.0, None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while True:
            try:
                data = os.read(leader, 65536)
            except OSError:  # how Linux says that the last writer has gone
                break
            if not data:
                break
            now = time.monotonic()
            shown += min(LONGEST_PAUSE, now - last) if last is not None else 0.0
            last = now
            screen.feed(decoder.decode(data), shown)
        status = process.wait()
    finally:
        os.close(leader)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()
    if status != 0:
        raise SystemExit(f"record: the command ended with status {status}; nothing was written")
    return screen


def runs(row):
    """Neighbouring cells of one style, as (column, text, style)."""
    out = []
    for column in sorted(row):
        text, width, style = row[column]
        if out and out[-1][2] == style and out[-1][3] == column and width == 1 and text.isascii():
            out[-1][1] += text
            out[-1][3] = column + width
        elif text != " ":
            out.append([column, text, style, column + width])
    return out


def svg(screen, title):
    rows, born = screen.rows, screen.born
    while rows and not any(cell[0] != " " for cell in rows[-1].values()):
        rows, born = rows[:-1], born[:-1]
    first = next((i for i, row in enumerate(rows) if row), 0)
    rows, born = rows[first:], born[first:]
    width, height = MARGIN * 2 + screen.columns * CELL, BAR + MARGIN * 2 + len(rows) * LINE
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" '
        'xml:space="preserve">',
        f"<title>{escape(title)}</title>",
        "<style>text{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,'Noto Sans Mono CJK SC',monospace;"
        f"font-size:{SIZE}px;fill:{FOREGROUND};white-space:pre}}"
        "g{animation:appear .01s step-end both}@keyframes appear{from{opacity:0}to{opacity:1}}"
        "@media (prefers-reduced-motion:reduce){g{animation:none}}</style>",
        f'<rect width="100%" height="100%" rx="9" fill="{BACKGROUND}"/>',
    ]
    for i, colour in enumerate(("#f07178", "#e6b450", "#aad94c")):
        out.append(f'<circle cx="{MARGIN + 6 + i * 20}" cy="19" r="6" fill="{colour}"/>')
    out.append(f'<text x="{width / 2:g}" y="24" text-anchor="middle" opacity=".6">{escape(title)}</text>')
    for i, row in enumerate(rows):
        if not row:
            continue
        y = BAR + MARGIN + i * LINE
        out.append(f'<g style="animation-delay:{max(0.0, born[i]):.2f}s">')
        for column, text, (colour, bold, dim), _ in runs(row):
            look = (f"fill:{colour};" if colour else "") + ("font-weight:700;" if bold else "") + ("opacity:.65" if dim else "")
            attributes = f' style="{look}"' if look else ""
            # The cell width is ours, whatever font the viewer has.
            length = f' textLength="{len(text) * CELL:g}"' if len(text) > 1 else ""
            out.append(f'<text x="{MARGIN + column * CELL:g}" y="{y}"{length}{attributes}>{escape(text)}</text>')
        out.append("</g>")
    return "\n".join(out) + "\n</svg>\n"


def main():
    parser = argparse.ArgumentParser(description="Record a command as an SVG.")
    parser.add_argument("out")
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--title", default="hob")
    parser.add_argument("command", nargs="+")
    a = parser.parse_args()
    screen = record(a.command, a.columns)
    partial = f"{a.out}.part"
    with open(partial, "w", encoding="utf-8") as f:
        f.write(svg(screen, a.title))
    os.replace(partial, a.out)
    print(f"{a.out}: {len(screen.rows)} lines", file=sys.stderr)


if __name__ == "__main__":
    main()
