"""Scenario: many random JSON Schemas, and whether every answer satisfies its own.

Owns: the generator, and a validator for exactly the keywords that it uses, so that the verdict is not the one of the
library that hob constrains with.
"""

import json
import random
import re

import words
from client import wait

CLIENTS, ANSWER, DEPTH = 4, 500, 2
# Patterns whose language is finite, so that a weak model comes to an end.
PATTERNS = ["^[A-Z]{2}-[0-9]{3}$", "^(north|south|east|west)$", "^[a-f0-9]{8}$", "^[0-9]{4}-[0-9]{2}$", "^x{1,5}y?$"]


def string(dice, _depth, _names):
    kind = dice.randrange(4)
    if kind == 0:
        return {"type": "string", "pattern": dice.choice(PATTERNS)}
    if kind == 1:
        return {"enum": dice.sample(words.WORDS, dice.randint(1, 5))}
    if kind == 2:
        return {"const": dice.choice(words.WORDS)}
    least = dice.randint(0, 4)
    return {"type": "string", "minLength": least, "maxLength": least + dice.randint(1, 10)}


def number(dice, _depth, _names):
    low = dice.randint(-1000, 1000)
    return {"type": "integer", "minimum": low, "maximum": low + dice.choice([0, 1, 7, 100, 5000])}


def plain(dice, _depth, _names):
    return {"type": dice.choice(["boolean", "null"])}


def array(dice, depth, names):
    least = dice.randint(0, 2)
    return {"type": "array", "items": schema(dice, depth + 1, names), "minItems": least,
            "maxItems": least + dice.randint(0, 2)}


def obj(dice, depth, names):
    keys = dice.sample(words.WORDS, dice.randint(1, 4))
    return {"type": "object", "properties": {key: schema(dice, depth + 1, names) for key in keys},
            "required": dice.sample(keys, dice.randint(1, len(keys))), "additionalProperties": False}


def any_of(dice, depth, names):
    return {"anyOf": [schema(dice, depth + 1, names) for _ in range(dice.randint(2, 3))]}


def reference(dice, _depth, names):
    return {"$ref": f"#/$defs/{dice.choice(names)}"} if names else {"type": "boolean"}


def schema(dice, depth=0, names=()):
    leaves = [string, string, number, plain, reference]
    return dice.choice(leaves if depth >= DEPTH else leaves + [array, obj, obj, any_of])(dice, depth, names)


def whole_schema(dice):
    """A schema with an object at its top, and definitions that it may refer to."""
    names = ["first", "second"]
    top = obj(dice, 0, names)
    top["$defs"] = {name: schema(dice, DEPTH) for name in names}
    return top


TYPES = {"string": str, "boolean": bool, "null": type(None), "array": list, "object": dict}


def has_type(value, wanted):
    if wanted == "integer":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value)
    return isinstance(value, TYPES[wanted])


def satisfies(value, rule, top):
    """Whether the value satisfies the schema."""
    if "$ref" in rule:
        return satisfies(value, top["$defs"][rule["$ref"].rsplit("/", 1)[1]], top)
    if "anyOf" in rule:
        return any(satisfies(value, one, top) for one in rule["anyOf"])
    if "const" in rule or "enum" in rule:
        return value in rule.get("enum", [rule.get("const")])
    if not has_type(value, rule["type"]):
        return False
    checks = {"string": good_string, "integer": good_number, "array": good_array, "object": good_object}
    return checks.get(rule["type"], lambda *_: True)(value, rule, top)


def good_string(value, rule, _top):
    if "pattern" in rule:
        return re.search(rule["pattern"].replace("$", r"\Z"), value) is not None
    return rule["minLength"] <= len(value) <= rule["maxLength"]


def good_number(value, rule, _top):
    return rule["minimum"] <= value <= rule["maximum"]


def good_array(value, rule, top):
    return rule["minItems"] <= len(value) <= rule["maxItems"] and all(
        satisfies(item, rule["items"], top) for item in value)


def good_object(value, rule, top):
    return all(key in value for key in rule["required"]) and all(
        key in rule["properties"] and satisfies(item, rule["properties"][key], top) for key, item in value.items())


def verdict(text, rule):
    """None when valid, else what is wrong."""
    try:
        value = json.loads(text)
    except ValueError:
        return "no JSON"
    return None if satisfies(value, rule, rule) else "does not satisfy its schema"


class Round:
    """Several clients that take the next schema as soon as their answer has ended."""

    def __init__(self, b, rules):
        self.b, self.rules, self.next = b, rules, 0
        self.problems, self.tokens, self.done = [], 0, 0
        self.callers = [b.new_caller() for _ in range(CLIENTS)]

    def start(self, caller):
        if self.next == len(self.rules):
            return
        which, self.next = self.next, self.next + 1
        rule = self.rules[which]

        def ended(request):
            self.done += 1
            problem = request.error if request.status != 0 else verdict(request.text, rule)
            if problem:
                self.problems.append(f"{problem}: {json.dumps(rule)[:120]} gave {request.text[:80]!r}")
            else:
                self.tokens += request.usage["completion_tokens"]
            self.start(caller)

        caller.start(f"Make up an example about {words.TOPICS[which % len(words.TOPICS)]}.", on_end=ended,
                     system=self.b.system, schema=json.dumps(rule), max_tokens=ANSWER, temperature=0.8, seed=which)


def random_schemas(b):
    """Every answer valid."""
    dice = random.Random(11)
    count = 40 if b.quick else 500
    work = Round(b, [whole_schema(dice) for _ in range(count)])
    for caller in work.callers:
        work.start(caller)
    wait(lambda: work.done == count, 30 + 3 * count, f"{count} schemas")
    for caller in work.callers:
        caller.leave()
    valid = count - len(work.problems)
    b.report.row(f"answers to {count} random schemas that satisfy theirs", hob=f"{work.tokens} tok",
                 figure=f"{valid} of {count}", goal="all", met=valid == count)
    for problem in work.problems[:3]:
        b.report.plain("one that does not", figure=f"`{problem.replace('|', '/')}`")


SCENARIOS = {"schemas": ("random schemas", random_schemas)}
