#!/usr/bin/env python3
"""Print, for a folder of the user's, a word that its text files use often, a text file worth summarising, and a question
that one of its sentences answers.

Owns: choosing what `make run DIR=...` asks about. Reads a bounded amount and never fails on odd files. Three lines, each
possibly empty: the word, the file, the question.
"""

import collections
import os
import re
import sys

TEXT = (".md", ".txt", ".rst", ".org", ".html", ".tex")
FILES, BYTES = 300, 65536
COMMON = set(
    "about above after again against almost already also although always another because become been before behind being "
    "below between both cannot contains could default different does doing during each either else every example false first "
    "following from function have having here however into itself just later least like list make many might more most "
    "much must name need never next nothing number often only other others otherwise over please possible rather return "
    "same second several should simple since some still string such system than that their them then there these they "
    "thing things this those three through together true under unless until used user users using value values very want "
    "well were what when where whether which while will with within without would write your https class index"
    .split()
)

STATEMENT = re.compile(r"^((?:The|Our|My|This) )?([A-Za-z][\w' -]{2,45}?) (is|are|was|were) ([^.!?:]{12,110})\.$")
POINTING = set("it this that there what which who he she they we you i here these those all one some such and but or if "
               "when where how as because not".split())


def text_files(folder):
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in ("node_modules", "target"))
        for name in sorted(names):
            if name.lower().endswith(TEXT) and not name.startswith("."):
                yield os.path.join(parent, name)


def question_for(sentence):
    """(how well it will do, a question that the sentence answers), or None for sentences of another shape."""
    match = STATEMENT.match(sentence)
    if not match:
        return None
    article, subject, verb, rest = match.groups()
    words = subject.lower().split()
    if POINTING & set(words) or not 1 <= len(words) <= 7 or re.search(r"[`*_|<>{}()\[\]#=]|[A-Z]{4}| The ", sentence):
        return None
    names_a_thing = rest.startswith(("a ", "an ", "the ", "called ", "in ", "on ", "at ", "from "))
    specific = bool(re.search(r"\d|[a-z] [A-Z]", rest)) + (len(words) > 1)
    if not (names_a_thing or specific):
        return None
    article = {"the ": "the ", "this ": "the ", "our ": "our ", "my ": "my "}.get((article or "").lower(), "")
    return 2 * names_a_thing + specific, f"What {verb} {article}{subject}?"


def main():
    uses, in_files = collections.Counter(), collections.Counter()
    best, question = ("", 0), (0, "")
    for count, path in enumerate(text_files(sys.argv[1])):
        if count == FILES:
            break
        try:
            with open(path, "rb") as f:
                text = f.read(BYTES).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        text = re.sub(r"<[^>]*>", " ", text) if path.endswith(".html") else text
        words = [w for w in re.findall(r"[^\W\d_]{5,}", text.lower()) if w not in COMMON]
        uses.update(words)
        in_files.update(set(words))
        for sentence in re.split(r"(?<=[.!?])\s+", text):
            question = max(question, question_for(sentence.strip()) or question, key=lambda q: q[0])
        length = len(text)
        if 1500 <= length <= 20000 and length > best[1] and "\n" not in path:
            best = (path, length)
    # A word that is frequent but not everywhere says more about the folder than one that every file has.
    words = [w for w in uses if in_files[w] > 1] or list(uses)
    print(max(words, key=lambda w: uses[w] / (1 + in_files[w]) ** 0.5, default=""))
    print(best[0])
    print(question[1])


if __name__ == "__main__":
    main()
