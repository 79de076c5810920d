"""Indexing speed beside recoll: a tree of mixed files (PDF, Word, Excel, mail) and one of plain text.

    bench/index/mixed.py [--quick]

Makes both trees of 2,000 files anew, the same every time, from words of its own. Each is indexed five times by
hob until it is searchable by words, and by recollindex with the filters that Debian ships (poppler-utils, python3 and
what recollcmd recommends should be installed, or recoll reads less than hob does, which is said). Both start with
nothing, one after the other, after the files were read once. A word that stands in one file alone is looked for
afterwards in files of each format, in both, so that nobody is fast by leaving out.

Needs recollindex and recollq. A whole run of `run.py` beside this file writes the results.
"""

import base64
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from session import session, show  # noqa: E402  (the folder above has to be on the path first)

SYLLABLES = "ka lo mi ter an sol ve ri dun pa ne gar tho li mon fe su bra cel or wi na to eth pul".split()
# Four words in ten of an English text are such.
COMMON = ("the of and to in a is was for on that with as by at from it be are this which or an were had not but have "
          "has they their been its more also can who there when will would").split()
FORMATS = ("pdf", "docx", "xlsx", "eml")
GOALS = {"mixed": 2.0, "text": 6.0, "size": 0.3}


class Writer:
    """Text that is English in its common words and invented in all others, frequent ones more often, with one word in
    each file that is in no other."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.words = sorted({"".join(self.dice.choices(SYLLABLES, k=self.dice.randint(1, 4))) for _ in range(6000)})
        self.weights = [1 / (rank + 3) for rank in range(len(self.words))]
        self.dice.shuffle(self.words)

    def sentence(self):
        words = self.dice.choices(self.words, self.weights, k=self.dice.randint(6, 18))
        common = self.dice.choices(COMMON, [1 / (rank + 2) for rank in range(len(COMMON))], k=len(words))
        text = " ".join(c if self.dice.random() < 0.4 else word for word, c in zip(words, common))
        return text.capitalize() + "."

    def paragraph(self):
        return " ".join(self.sentence() for _ in range(self.dice.randint(2, 6)))

    def paragraphs(self, number):
        own = f"Marked {mark(number)}."
        return [own] + [self.paragraph() for _ in range(self.dice.randint(4, 14))]


def mark(number):
    """A word of letters only, since the two programs treat digits differently."""
    return "qx" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:05d}") + "xq"


def pdf(paragraphs):
    """Text set in lines over as many pages as it takes, compressed as most programs do it."""
    lines = []
    for paragraph in paragraphs:
        line = ""
        for word in paragraph.split():
            if len(line) + len(word) > 88:
                lines.append(line)
                line = ""
            line += (" " if line else "") + word
        lines += [line, ""]
    pages = [lines[at:at + 48] for at in range(0, len(lines), 48)]
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", None,
               "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"]
    kids = []
    for page in pages:
        drawn = "BT /F1 10 Tf 14 TL 60 780 Td " + " ".join(f"({line}) Tj T*" for line in page) + " ET"
        content = zlib.compress(drawn.encode())
        objects.append(f"<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 3 0 R >> >> "
                       f"/Contents {len(objects) + 2} 0 R >>")
        kids.append(f"{len(objects)} 0 R")
        head = f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(head + content + b"\nendstream")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} /MediaBox [0 0 595 842] >>"
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        body = body if isinstance(body, bytes) else body.encode()
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    end = (f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
           f"startxref\n{len(out)}\n%%EOF\n")
    return out + end.encode()


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries:
            # A fixed date makes the file the same every time.
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)


OPEN = "http://schemas.openxmlformats.org"
RELATIONS = f"{OPEN}/package/2006/relationships"


def package(main, kind, content_type):
    return [
        ("[Content_Types].xml",
         f'<?xml version="1.0"?><Types xmlns="{OPEN}/package/2006/content-types"><Default Extension="rels" '
         'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
         f'ContentType="application/xml"/><Override PartName="/{main}" ContentType="{content_type}"/></Types>'),
        ("_rels/.rels",
         f'<?xml version="1.0"?><Relationships xmlns="{RELATIONS}"><Relationship Id="rId1" '
         f'Type="{OPEN}/officeDocument/2006/relationships/{kind}" Target="{main}"/></Relationships>'),
    ]


def docx(path, paragraphs):
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    word = f"{OPEN}/wordprocessingml/2006/main"
    zipped(path, package("word/document.xml", "officeDocument",
                         "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml") + [
        ("word/document.xml", f'<?xml version="1.0"?><w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>'),
    ])


def xlsx(path, paragraphs):
    main = f"{OPEN}/spreadsheetml/2006/main"
    strings, rows = [], []
    for number, text in enumerate(paragraphs, 1):
        words = text.split()
        cells = [" ".join(words[at:at + 8]) for at in range(0, len(words), 8)][:12]
        row = ""
        for column, cell in enumerate(cells):
            row += f'<c r="{chr(65 + column)}{number}" t="s"><v>{len(strings)}</v></c>'
            strings.append(cell)
        rows.append(f'<row r="{number}">{row}</row>')
    shared = "".join(f"<si><t>{text}</t></si>" for text in strings)
    office = f"{OPEN}/officeDocument/2006/relationships"
    zipped(path, package("xl/workbook.xml", "officeDocument",
                         "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml") + [
        ("xl/workbook.xml", f'<?xml version="1.0"?><workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
                            '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'),
        ("xl/_rels/workbook.xml.rels",
         f'<?xml version="1.0"?><Relationships xmlns="{RELATIONS}"><Relationship Id="rId1" Type="{office}/worksheet" '
         f'Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{office}/sharedStrings" '
         'Target="sharedStrings.xml"/></Relationships>'),
        ("xl/worksheets/sheet1.xml",
         f'<?xml version="1.0"?><worksheet xmlns="{main}"><sheetData>{"".join(rows)}</sheetData></worksheet>'),
        ("xl/sharedStrings.xml", f'<?xml version="1.0"?><sst xmlns="{main}">{shared}</sst>'),
    ])


def eml(paragraphs, number):
    text = "\r\n\r\n".join(paragraphs[:-1])
    attached = base64.encodebytes(paragraphs[-1].encode()).decode().replace("\n", "\r\n")
    return (f"From: Ana Silva <ana@example.org>\r\nTo: Rui <rui@example.org>\r\nSubject: {paragraphs[1][:50]}\r\n"
            f"Date: Sat, 14 Mar 2026 10:{number % 60:02}:00 +0100\r\nMessage-ID: <{number}@example.org>\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: multipart/mixed; boundary="b{number}"\r\n\r\n--b{number}\r\n'
            f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--b{number}\r\n"
            'Content-Type: text/plain; name="note.txt"\r\nContent-Disposition: attachment; filename="note.txt"\r\n'
            f"Content-Transfer-Encoding: base64\r\n\r\n{attached}\r\n--b{number}--\r\n")


def make_mixed(folder, count):
    writer = Writer(20261125)
    for number in range(count):
        kind = FORMATS[number % len(FORMATS)]
        path = folder / f"{number // 100:03}" / f"{writer.dice.choice(writer.words)}-{number}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        paragraphs = writer.paragraphs(number)
        if kind == "pdf":
            path.write_bytes(pdf(paragraphs))
        elif kind == "docx":
            docx(path, paragraphs)
        elif kind == "xlsx":
            xlsx(path, paragraphs)
        else:
            path.write_bytes(eml(paragraphs, number).encode())


def make_text(folder, count):
    writer = Writer(20261126)
    for number in range(count):
        kind = ("txt", "md")[number % 2]
        path = folder / f"{number // 100:03}" / f"{writer.dice.choice(writer.words)}-{number}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        paragraphs = writer.paragraphs(number)
        if kind == "md":
            paragraphs[0] = f"# {writer.sentence()}\n\n{paragraphs[0]}"
        path.write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")


def size(folder):
    """Bytes on the disk of everything below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def warm(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            path.read_bytes()


def with_hob(folder, marks):
    with tempfile.TemporaryDirectory(prefix="hob-bench-") as state:
        with session(state) as running:
            begin = time.monotonic()
            running.hob("index", "add", str(folder))
            running.hob("index", "wait", "--lexical")
            seconds = time.monotonic() - begin
            # All words are in, as at its peer, which makes no embeddings.
            taken = size(pathlib.Path(state) / "cache" / "hob" / "index")
            missed = []
            for number in marks:
                hits = running.hob_json("search", "--json", mark(number))["hits"]
                if not any(f"-{number}." in hit["path"] for hit in hits):
                    missed.append(number)
            skipped = running.hob_json("index", "status", "--json")["skipped"]
        return seconds, missed, skipped, taken


def with_recoll(folder, marks):
    with tempfile.TemporaryDirectory(prefix="recoll-bench-") as state:
        config = pathlib.Path(state)
        # Its own defaults, but for the folder: also its own number of threads, and its flush size.
        (config / "recoll.conf").write_text(f"topdirs = {folder}\nloglevel = 2\n", encoding="utf-8")
        begin = time.monotonic()
        done = subprocess.run(["recollindex", "-c", state], capture_output=True, text=True)
        seconds = time.monotonic() - begin
        if done.returncode != 0:
            raise SystemExit(f"recollindex: {done.stderr[-2000:]}")
        missed = []
        for number in marks:
            command = ["recollq", "-c", state, "-b", mark(number)]
            found = subprocess.run(command, capture_output=True, text=True).stdout
            if f"-{number}." not in found:
                missed.append(number)
        return seconds, missed, size(config / "xapiandb")


def compare(name, make, count, rounds):
    """Both programs in turn, `rounds` times; ratios are the medians."""
    with tempfile.TemporaryDirectory(prefix="hob-tree-") as folder:
        tree = pathlib.Path(folder) / "tree"
        tree.mkdir()
        make(tree, count)
        warm(tree)
        # A few of each format.
        marks = [number for start in range(len(FORMATS)) for number in range(start, count, max(1, count // 5))]
        own, peer = [], []
        for _ in range(rounds):
            own.append(with_hob(tree, marks))
            peer.append(with_recoll(tree, marks))
    ratios = sorted(other[0] / one[0] for one, other in zip(own, peer))
    ratio, missed = statistics.median(ratios), max(len(one[1]) for one in own)
    seconds, peer_seconds = statistics.median([one[0] for one in own]), statistics.median([one[0] for one in peer])
    lost = max(len(one[1]) for one in peer)
    found = f"{missed} and {lost} of {len(marks)} marks not found, {own[-1][2]} files skipped"
    rows = [(f"{name} tree of {count}, files/s ({found})", f"{count / seconds:.0f}", f"recoll {count / peer_seconds:.0f}",
             f"{ratio:.1f}x ({ratios[0]:.1f} to {ratios[-1]:.1f})", f">= {GOALS[name]:.0f}x",
             ratio >= GOALS[name] and not missed)]
    if name == "text":
        sizes, peer_size = sorted(one[3] for one in own), statistics.median([one[2] for one in peer])
        share = statistics.median(sizes) / peer_size
        rows.append((f"{name} tree, index size when all words are in", f"{statistics.median(sizes) / 1e6:.1f} MB", f"recoll {peer_size / 1e6:.1f} MB",
                     f"{share:.2f}x ({sizes[0] / peer_size:.2f} to {sizes[-1] / peer_size:.2f})",
                     f"<= {GOALS['size']}x", share <= GOALS["size"]))
    return rows


def run(quick=False):
    """Both trees, both programs: rows of (what, hob, peer, ratio, goal, met)."""
    for program in ("recollindex", "recollq"):
        if not shutil.which(program):
            print(f"SKIPPED: {program} is not installed (Debian: recollcmd)", file=sys.stderr)
            return []
    count, rounds = (400, 1) if quick else (2000, 5)
    return compare("mixed", make_mixed, count, rounds) + compare("text", make_text, count, rounds)


if __name__ == "__main__":
    show(run("--quick" in sys.argv[1:]))
