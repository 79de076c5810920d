"""Scenarios: answers under a JSON Schema, and answers that may only copy, against free ones and llama-server's.

Owns: the schemas and prompts. Speed is tokens per second after the first; what a schema costs before it is a row too.
"""

import json
import re
import statistics

import words
from client import HobError
from server import server

ANSWER = {"SmolLM2-135M": 256, "random 0.5B": 96}
SCHEMA = json.dumps({
    "type": "array", "minItems": 20, "maxItems": 20,
    "items": {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 24},
                       "count": {"type": "integer", "minimum": 0, "maximum": 9999},
                       "colour": {"enum": ["red", "green", "blue", "yellow", "black", "white"]}},
        "required": ["name", "count", "colour"], "additionalProperties": False,
    },
})
LIST = "List twenty things that are for sale in a village shop: each with its name, how many there are, and its colour."
COPY = json.dumps({
    "type": "object",
    "properties": {"quotes": {"type": "array", "minItems": 12, "maxItems": 12,
                              "items": {"type": "string", "x-copy": True}}},
    "required": ["quotes"], "additionalProperties": False,
})
COPY_WORDS = 150


def schema(b):
    """A long answer under a schema: hob free, hob constrained, llama-server constrained, in turns."""
    for label, model in b.chat_models():
        free, held, first, peer = [], [], [], []
        most = ANSWER[label]
        with server(model, 1) as running:
            b.caller.ask(LIST, model=model, schema=SCHEMA, max_tokens=8)  # the vocabulary is prepared once
            running.chat(LIST, b.system, 8, SCHEMA)
            for turn in range(b.rounds):
                told = f"{LIST} List {turn + 1}."
                open_answer = b.caller.ask(words.story(turn), model=model, system=b.system, max_tokens=most)
                held_answer = b.caller.ask(told, model=model, system=b.system, schema=SCHEMA, max_tokens=most)
                free.append(open_answer.decode_rate)
                held.append(held_answer.decode_rate)
                first.append(1000 * held_answer.first_token)
                peer.append(running.chat(told, b.system, most, SCHEMA).decode_rate)
        b.report.ratio(f"{label}: under a schema (peer: hob without one)", held, free, " tok/s", least=0.95)
        b.report.ratio(f"{label}: under a schema (peer: llama-server, same schema)", held, peer, " tok/s", least=1.6)
        b.report.plain(f"{label}: first text under a schema", hob=f"{statistics.median(first):.0f} ms")


def quotes_of(answer):
    """The quotes in an answer, whole or cut short; the last one may be a part."""
    _, _, inside = answer.partition("[")
    # Every second match is what stands between two strings; one that is cut inside an escape ends before it.
    return [json.loads(f'"{raw}"', strict=False) for raw in re.findall(r'"((?:[^"\\]|\\[^u]|\\u.{4})*)', inside)[::2]]


def copy(b):
    """Strings that must be runs of words of the prompt.

    What the constraint costs shows with two answers at once, which get no guesses: how many come true depends on what an
    answer says, and random weights say the same word for ever when they may. A lone answer's rates stand below."""
    for label, model in b.chat_models():
        copied, made_up = 0, []
        alone, twice = ({"free": [], "held": []} for _ in range(2))
        most = ANSWER[label]
        try:
            for turn in range(b.rounds):
                text = words.sentences(COPY_WORDS, b.fresh())
                asked = {"free": (f"{words.story(turn)} Begin with this: {text}", {"system": b.system}),
                         "held": (text, {"system": "Quote the twelve best parts of the text.", "schema": COPY})}
                for kind, (prompt, given) in asked.items():
                    given |= {"model": model, "max_tokens": most}
                    answer = b.caller.ask(prompt, **given)
                    alone[kind].append(answer.decode_rate)
                    both = [b.caller.start(prompt, **given) for _ in range(2)]
                    twice[kind].append(sum(running.wait().decode_rate for running in both))
                for quote in quotes_of(answer.text):
                    copied += quote in text
                    made_up += [] if quote in text else [quote]
        except HobError as e:
            b.report.failed(f"{label}: copying", e)
            continue
        b.report.ratio(f"{label}: two answers that copy at once (peer: hob without a schema)", twice["held"],
                       twice["free"], " tok/s", least=0.9)
        b.report.ratio(f"{label}: one, with what is guessed", alone["held"], alone["free"], " tok/s")
        b.report.row(f"{label}: quotes that stand in the text", figure=f"{copied} of {copied + len(made_up)}",
                     hob=made_up[0][:60].replace("|", "/") if made_up else "", goal="all", met=not made_up)


SCENARIOS = {
    "schema": ("long answers under a JSON Schema", schema),
    "copy": ("answers that may only copy", copy),
}
