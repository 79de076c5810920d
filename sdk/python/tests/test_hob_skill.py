"""The Python library by itself: its results, its errors, and the lines of a whole conversation."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from hob_skill import Skill, SkillError  # noqa: E402

PROGRAM = """
import sys
sys.path.insert(0, {library!r})
from hob_skill import Skill
skill = Skill("org.example.t", "1.0.0")

@skill.intent("Count")
def count(call, to):
    print("printed")
    call.progress(0.5, "half")
    return {{"message": call.complete("say " + str(to)), "data": {{"to": to}}}}

skill.run()
"""


class Results(unittest.TestCase):
    def setUp(self):
        self.skill = Skill("org.example.t", "1.0.0")

    def call(self, function, **arguments):
        self.skill.intent("Do")(function)
        with tempfile.TemporaryDirectory() as storage:
            return self.skill.test("Do", storage, **arguments)

    def test_sentences_dictionaries_and_nothing_are_successes(self):
        self.assertEqual(self.call(lambda call: "Hi."), {"status": "success", "message": "Hi."})
        self.assertEqual(self.call(lambda call: {"data": 1}), {"status": "success", "data": 1})
        self.assertEqual(self.call(lambda call: None)["message"], "Done.")

    def test_what_is_raised_is_an_error(self):
        def refuse(call):
            raise SkillError("No.", "not_found", "Look elsewhere.")

        expected = {"status": "error", "code": "not_found", "message": "No.", "suggestion": "Look elsewhere."}
        self.assertEqual(self.call(refuse), expected)
        self.assertEqual(self.call(lambda call: 1 / 0)["code"], "bug")
        self.assertEqual(self.call(lambda call: call.complete("x"))["code"], "unavailable")
        self.assertEqual(self.skill.test("Other", "/tmp")["code"], "unknown_intent")


class Lines(unittest.TestCase):
    def test_a_conversation(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "skill.py")
            with open(path, "w") as file:
                file.write(PROGRAM.format(library=os.path.dirname(HERE)))
            lines = [
                {"type": "hello", "protocol": 1, "id": "org.example.t", "context": {}},
                {"type": "call", "call": 7, "intent": "Count", "arguments": {"to": 3}, "context": {"storage": folder}},
                {"type": "answer", "ask": 1, "result": {"text": "three"}},
            ]
            text = "".join(json.dumps(line) + "\n" for line in lines)
            run = subprocess.run([sys.executable, path], input=text, capture_output=True, text=True, timeout=60)
        said = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual([message["type"] for message in said], ["hello", "progress", "ask", "result"])
        self.assertEqual(said[3]["result"], {"status": "success", "message": "three", "data": {"to": 3}})
        self.assertIn("printed", run.stderr)


if __name__ == "__main__":
    unittest.main()
