"""Run with: python3 -m unittest"""

import tempfile
import unittest

from @SNAKE@ import skill


class @TYPE@(unittest.TestCase):
    def test_it_answers(self):
        with tempfile.TemporaryDirectory() as storage:
            answer = skill.test("Ask@TYPE@", storage, topic="the sea")
        self.assertEqual(answer["status"], "success")
        self.assertIn("the sea", answer["message"])


if __name__ == "__main__":
    unittest.main()
