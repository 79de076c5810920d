"""The text skill. Run with: python3 -m unittest discover skills/text/tests"""

import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent.parent / "sdk/python")]

from text import LONGEST, skill  # noqa: E402


class Text(unittest.TestCase):
    def call(self, intent, request=None, **arguments):
        return skill.test(intent, tempfile.gettempdir(), request=request, **arguments)

    def good(self, intent, **arguments):
        result = self.call(intent, **arguments)
        self.assertEqual(result["status"], "success", result)
        return result

    def refused(self, intent, code, **arguments):
        result = self.call(intent, **arguments)
        self.assertEqual((result["status"], result["code"]), ("error", code), result)
        return result

    def test_words_are_counted_in_all_scripts(self):
        for text, words in (("The quick brown fox.", 4), ("don't re-enter", 2), ("你好，世界", 4),
                            ("用 hob 写", 3), ("Olá, mundo! Tudo bem?", 4), ("Straße 12", 2), ("…", 0)):
            self.assertEqual(self.good("CountWords", text=text)["data"]["words"], words, text)
        counted = self.good("CountWords", text="One. Two!\nThree?")
        self.assertEqual(counted["message"], "3 words, 16 characters, 3 sentences, 2 lines.")
        self.assertEqual(counted["data"]["characters_without_blanks"], 14)
        self.assertEqual(self.good("CountWords", text="a")["message"], "1 word, 1 character, 1 sentence.")

    def test_case_is_changed(self):
        for style, wanted in (("upper", "DON'T PANIC, ÉLAN!"), ("lower", "don't panic, élan!"),
                              ("title", "Don't Panic, Élan!"), ("sentence", "Don't panic, élan!")):
            self.assertEqual(self.good("ChangeCase", text="dON'T panic, élan!", style=style)["message"], wanted)
        sentences = self.good("ChangeCase", text="ONE. two? THREE", style="sentence")
        self.assertEqual(sentences["data"]["text"], "One. Two? Three")
        self.assertEqual(self.good("ChangeCase", text="straße", style="upper")["message"], "STRASSE")

    def test_lines_are_sorted_as_people_sort_them(self):
        for text, action, wanted in (
            ("pears, Apples, figs", "sort", "Apples, figs, pears"),
            ("item 10\nitem 2\nÉclair\nzoo", "sort", "Éclair\nitem 2\nitem 10\nzoo"),
            ("b;a;c", "descending", "c; b; a"),
            ("梨、苹果、梨", "unique", "梨、苹果"),
            ("a\nb\n\na\n", "unique", "a\nb"),
            ("one, two, One", "unique", None),
        ):
            result = self.good("TidyLines", text=text, action=action)
            self.assertEqual(result["message"], wanted or "There are no duplicates.")
        self.assertEqual(self.good("TidyLines", text="b, a")["data"]["lines"], ["a", "b"])
        self.assertEqual(self.good("TidyLines", text="a, a, b", action="unique")["data"]["removed"], 1)
        self.refused("TidyLines", "invalid_argument", text="only one line")

    def test_what_is_encoded_comes_back(self):
        text = "Olá & 你好?"
        for encoding, wanted in (("base64", "T2zDoSAmIOS9oOWlvT8="), ("url", "Ol%C3%A1%20%26%20%E4%BD%A0%E5%A5%BD%3F"),
                               ("hex", text.encode().hex(" "))):
            encoded = self.good("EncodeText", text=text, encoding=encoding)["message"]
            self.assertEqual(encoded, wanted)
            back = self.good("EncodeText", text=encoded, direction="decode")
            self.assertEqual((back["message"], back["data"]["encoding"]), (text, encoding))
        # As links and hasty copies write them.
        self.assertEqual(self.good("EncodeText", text="aGk_aGk-", direction="decode")["message"], "hi?hi>")
        self.assertEqual(self.good("EncodeText", text="aGVsbG8", direction="decode")["message"], "hello")
        self.assertEqual(self.good("EncodeText", text="a+b%21", direction="decode", encoding="url")["message"], "a b!")

    def test_what_can_not_be_decoded_says_why(self):
        self.refused("EncodeText", "invalid_argument", text="hello")
        for text, encoding in (("not base64!", "base64"), ("abcde", "base64"), ("100%", "url"), ("xyz", "hex"),
                               ("abc", "hex")):
            said = self.refused("EncodeText", "invalid_argument", text=text, direction="decode", encoding=encoding)
            self.assertIn("Perhaps it is", said["suggestion"])
        self.refused("EncodeText", "no_text", text="/w==", direction="decode", encoding="base64")

    def test_a_text_that_is_not_here_is_asked_for(self):
        for text in ("", "  ", "the clipboard", "Clipboard.", "剪贴板", "die Zwischenablage", "o texto",
                     "the contract", "notes.md", "meinem Brief", "合同"):
            said = self.refused("CountWords", "missing_text", text=text)
            self.assertIn("colon", said["suggestion"])
        self.refused("CountWords", "too_long", text="a" * (LONGEST + 1))

    def test_signs_at_the_border_belong_to_the_text(self):
        said = self.good("ChangeCase", request="make hello world! uppercase", text="hello world", style="upper")
        self.assertEqual(said["message"], "HELLO WORLD!")
        said = self.good("EncodeText", request="url decode %C3%A1", text="C3%A1", direction="decode")
        self.assertEqual(said["message"], "á")
        said = self.good("EncodeText", request='decode "aGk=" please', text="aGk", direction="decode")
        self.assertEqual(said["message"], "hi")
        said = self.good("EncodeText", request="url decode a%20b", text="20b", direction="decode")
        self.assertEqual(said["message"], "a b")
        said = self.good("ChangeCase", request="把hello改成大写", text="hello", style="upper")
        self.assertEqual(said["message"], "HELLO")
        said = self.good("CountWords", text="this sentence: we like tea")
        self.assertEqual(said["data"]["words"], 3)
        said = self.good("CountWords", request="count: a, b", text="a, b")
        self.assertEqual(said["data"]["characters"], 4)


if __name__ == "__main__":
    unittest.main()
