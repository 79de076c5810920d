#!/usr/bin/python3
"""The notes skill: a folder of Markdown files, one for each note.

What is written there is the user's own, and plain. A note that is deleted goes into the skill's own folder, from which
an undo brings it back.
"""

import datetime
import os
import re
import shutil
import unicodedata
from pathlib import Path

from hob_skill import Skill, SkillError

skill = Skill("org.hob.notes", "0.1.0")

FOLDER = "~/Notes"
LONGEST_NAME = 60
LONGEST_READ = 8_000
MOST_LISTED = 50
ENDINGS = (".md", ".txt")
# What people add to a note's name without meaning it.
FILLERS = re.compile(r"\b(the|my|note|list|a|minha|nota|lista|die|meine|notiz|liste|la|mi|笔记|清单)\b|笔记|清单", re.IGNORECASE)


@skill.intent("AddNote")
def add_note(call, text, note=None):
    folder = Path(call.place(FOLDER))
    text = text.strip()
    if not text:
        raise SkillError("There is nothing to write down.", "invalid_argument", "Say what the note should say.")
    file = find(folder, note) if note else None
    if file is None:
        file = free_name(folder, note or text)
        written = f"# {note}\n\n- {text}\n" if note else text + "\n"
        file.write_text(written, encoding="utf-8")
        message = f"Noted in {file.stem}."
    else:
        before = file.read_text(encoding="utf-8", errors="replace")
        written = ("" if before.endswith("\n") or not before else "\n") + f"- {text}\n"
        with open(file, "a", encoding="utf-8") as end:
            end.write(written)
        message = f"Added to {file.stem}."
    return {"message": message, "data": {"file": file.name, "written": written}, "uris": [file.as_uri()]}


@skill.intent("UndoNote")
def undo_note(call, file, written):
    path = inside(call, file)
    if not path.is_file():
        raise SkillError(f"There is no note {path.stem} any more.", "not_found")
    content = path.read_bytes()
    end = written.encode("utf-8")
    if not content.endswith(end):
        raise SkillError(f"{path.stem} was changed since; nothing was taken back.", "changed", "Open it to change it.")
    rest = content[: len(content) - len(end)]
    if rest:
        path.write_bytes(rest)
        return f"Taken back from {path.stem}."
    path.unlink()
    return f"The note {path.stem} is taken back."


@skill.intent("ReadNote")
def read_note(call, note):
    file = must_find(Path(call.place(FOLDER)), note)
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    shown = text if len(text) <= LONGEST_READ else text[:LONGEST_READ] + "\n…"
    return {"message": shown or f"{file.stem} is empty.", "data": {"note": file.stem, "path": str(file)},
            "uris": [file.as_uri()]}


@skill.intent("ListNotes")
def list_notes(call):
    files = notes(Path(call.place(FOLDER)))
    if not files:
        return {"message": "There are no notes yet.", "data": {"notes": []}}
    files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    names = [file.stem for file in files]
    shown = ", ".join(names[:MOST_LISTED]) + (f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else "")
    count = "One note" if len(names) == 1 else f"{len(names)} notes"
    return {"message": f"{count}: {shown}.", "data": {"notes": names}}


@skill.intent("DeleteNote")
def delete_note(call, note):
    file = must_find(Path(call.place(FOLDER)), note)
    kept = Path(call.storage) / "deleted"
    kept.mkdir(exist_ok=True)
    name = f"{datetime.datetime.now():%Y%m%d-%H%M%S-%f}{file.suffix}"
    shutil.copyfile(file, kept / name)
    file.unlink()
    return {"message": f"{file.stem} is deleted.", "data": {"file": file.name, "kept": name}}


@skill.intent("RestoreNote")
def restore_note(call, file, kept):
    path = inside(call, file)
    copy = Path(call.storage) / "deleted" / Path(kept).name
    if path.exists():
        raise SkillError(f"There is another note {path.stem} by now.", "exists", "Rename that one first.")
    if not copy.is_file():
        raise SkillError(f"{path.stem} is not kept any more.", "not_found")
    shutil.copyfile(copy, path)
    copy.unlink()
    return f"{path.stem} is back."


def inside(call, file):
    """A note's path by its bare name: an argument leads nowhere else."""
    if Path(file).name != file or file.startswith("."):
        raise SkillError(f"{file} is no name of a note.", "invalid_argument")
    return Path(call.place(FOLDER)) / file


def notes(folder):
    return [file for file in folder.iterdir() if file.suffix in ENDINGS and file.is_file() and file.name[0] != "."]


def folded(text):
    """Without case, accents and marks, so that what people type fast is found."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(c for c in letters if not unicodedata.combining(c))))


def find(folder, name):
    """The note of that name; else the only one whose name holds all its words."""
    wanted = folded(FILLERS.sub(" ", name)) or folded(name)
    by_name = {folded(file.stem): file for file in notes(folder)}
    if wanted in by_name:
        return by_name[wanted]
    words = wanted.split()
    like = [file for stem, file in by_name.items() if words and all(word in stem for word in words)]
    return like[0] if len(like) == 1 else None


def must_find(folder, name):
    file = find(folder, name)
    if file is None:
        names = ", ".join(sorted(file.stem for file in notes(folder))[:10])
        suggestion = f"There are: {names}." if names else "There are no notes yet."
        raise SkillError(f"No single note is called {name}.", "not_found", suggestion)
    return file


def free_name(folder, text):
    """A file name made of the first words, that no note has yet."""
    words = re.findall(r"\w+", text)
    name = ""
    for word in words:
        if name and len(name) + 1 + len(word) > LONGEST_NAME:
            break
        name = (name + "-" + word if name else word)[:LONGEST_NAME]
    name = name.lower() or "note"
    file, number = folder / f"{name}.md", 2
    while file.exists():
        file, number = folder / f"{name}-{number}.md", number + 1
    return file


if __name__ == "__main__":
    skill.run()
