"""The notes skill over a folder of its own. Run with: python3 -m unittest discover skills/notes/tests"""

import os
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent.parent / "sdk/python")]

from notes import skill  # noqa: E402


class Notes(unittest.TestCase):
    def setUp(self):
        self.around = tempfile.TemporaryDirectory()
        self.addCleanup(self.around.cleanup)
        self.folder, self.storage = Path(self.around.name) / "Notes", Path(self.around.name) / "storage"
        self.folder.mkdir()
        self.storage.mkdir()

    def call(self, intent, **arguments):
        return skill.test(intent, self.storage, places={"~/Notes": self.folder}, **arguments)

    def good(self, intent, **arguments):
        result = self.call(intent, **arguments)
        self.assertEqual(result["status"], "success", result)
        return result

    def test_a_note_is_a_file_and_undo_takes_it_away(self):
        made = self.good("AddNote", text="the key is under the mat")
        file = self.folder / "the-key-is-under-the-mat.md"
        self.assertEqual(file.read_text(), "the key is under the mat\n")
        self.assertEqual(made["data"], {"file": file.name, "written": "the key is under the mat\n"})
        self.good("UndoNote", **made["data"])
        self.assertFalse(file.exists())

    def test_lines_are_added_to_the_note_that_is_meant(self):
        (self.folder / "Shopping list.md").write_text("# Shopping\n- eggs")
        added = self.good("AddNote", text="milk", note="my shopping list")
        self.assertEqual((self.folder / "Shopping list.md").read_text(), "# Shopping\n- eggs\n- milk\n")
        self.good("UndoNote", **added["data"])
        self.assertEqual((self.folder / "Shopping list.md").read_text(), "# Shopping\n- eggs")
        added = self.good("AddNote", text="bread", note="shopping")
        (self.folder / "Shopping list.md").write_text("changed")
        self.assertEqual(self.call("UndoNote", **added["data"])["code"], "changed")

    def test_a_note_that_is_not_there_is_made(self):
        self.good("AddNote", text="pack the charger", note="travel")
        self.assertEqual((self.folder / "travel.md").read_text(), "# travel\n\n- pack the charger\n")

    def test_names_are_found_without_case_and_accents_and_only_if_they_are_plain(self):
        for name in ("Jardín.md", "bike one.md", "bike two.txt"):
            (self.folder / name).write_text(name)
        self.assertEqual(self.good("ReadNote", note="jardin")["message"], "Jardín.md")
        unclear = self.call("ReadNote", note="bike")
        self.assertEqual(unclear["code"], "not_found")
        self.assertIn("bike one", unclear["suggestion"])
        self.assertEqual(self.good("ReadNote", note="the note bike two")["message"], "bike two.txt")

    def test_a_deleted_note_comes_back(self):
        (self.folder / "travel.md").write_text("pack")
        gone = self.good("DeleteNote", note="travel")
        self.assertFalse((self.folder / "travel.md").exists())
        (self.folder / "travel.md").write_text("another")
        self.assertEqual(self.call("RestoreNote", **gone["data"])["code"], "exists")
        os.remove(self.folder / "travel.md")
        self.good("RestoreNote", **gone["data"])
        self.assertEqual((self.folder / "travel.md").read_text(), "pack")

    def test_lists_and_empty_folders(self):
        self.assertEqual(self.good("ListNotes")["data"]["notes"], [])
        for name in ("a.md", "b.txt", ".hidden.md", "picture.png"):
            (self.folder / name).write_text("")
        self.assertEqual(sorted(self.good("ListNotes")["data"]["notes"]), ["a", "b"])
        self.assertEqual(self.good("ReadNote", note="a")["message"], "a is empty.")

    def test_names_lead_nowhere_else(self):
        for file in ("../secret.md", "/etc/passwd", ".bashrc", "a/b.md"):
            self.assertEqual(self.call("UndoNote", file=file, written="x")["code"], "invalid_argument", file)
        long = self.good("AddNote", text="../../ etc " + "word " * 100)
        self.assertEqual(os.listdir(self.folder), [long["data"]["file"]])
        self.assertEqual(self.call("AddNote", text="  ")["code"], "invalid_argument")


if __name__ == "__main__":
    unittest.main()
