#!/usr/bin/env python3
"""Write the files of examples/home that are not plain text: PDF, docx, odt and xlsx.

Owns: their words and the few bytes of each container around them. The results are committed; run this after changing a
text below. Standard library only, the same bytes on every run (with the same zlib).
"""

import pathlib
import zipfile
import zlib
from xml.sax.saxutils import escape

HOME = pathlib.Path(__file__).resolve().parent / "home"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

LEASE = [
    [
        "Lease of the flat Kastanienallee 27, second floor",
        "The landlord Roland Wohnbau lets the flat to Clara Moreira and Jonas Lang.",
        "The lease began on 1 June 2019 and has no fixed end.",
        "The rent is 1,240 euros a month, due on the third working day.",
        "The deposit of 2,700 euros lies in a savings account at the Weserbank.",
        "The tenants may end the lease with three months' notice.",
    ],
    [
        "Keeping of animals and use of the flat",
        "One small dog may be kept. Other pets need the landlord's consent in writing.",
        "Small repairs up to 90 euros each are paid by the tenants.",
        "The cellar room number 7 and one bicycle place belong to the flat.",
        "The walls must be painted in light colours when the tenants move out.",
        "Smoke detectors are checked every February by the caretaker.",
    ],
]
WARRANTY = [
    [
        "Warranty certificate: washing machine Lavanda 800",
        "The machine was bought on 28 March 2024 at Elektro Nord for 629 euros.",
        "Its serial number is LV8-00417-D.",
        "The warranty lasts five years and covers the motor for ten years.",
        "Damage by lime and by objects left in pockets is not covered.",
        "For a repair, call +49 800 555 0199 and have the serial number at hand.",
        "Do not open the back panel: the warranty ends when the seal is broken.",
    ],
]
PROPOSAL = [
    ("h", "Harbours That Were: proposal for an atlas"),
    ("p", "The atlas tells the story of 96 harbours in Europe and Asia that were given up between 1300 and 1960."),
    ("p", "It is meant for readers who like maps, and for schools on the coast."),
    ("h", "Money"),
    ("p", "The whole budget is 74,000 euros. Printing takes 41,500 euros, drawing 22,000 euros, and permissions 10,500 euros."),
    ("p", "The shop price will be 48 euros. After 1,900 copies the costs are covered."),
    ("h", "People"),
    ("p", "Clara Moreira draws the maps, Paula Ferreira writes, and Sven Dahl publishes the book."),
    ("p", "Chen Li advises on the Chinese sources and translates the inscriptions."),
    ("h", "Timetable"),
    ("p", "All maps are drawn by February 2027. Proofs are read until June 2027, and the atlas is printed in August 2027."),
    ("p", "The largest risk is that the sand banks of the Wadden Sea move faster than the survey of 2022 shows."),
]
SPEECH = [
    ("h", "Speech for Paula's wedding"),
    ("p", "Dear Paula, dear Mikkel, dear guests,"),
    ("p", "I met Paula in October 2004 in the reading room of the map library in Lisbon, where we both wanted the same atlas."),
    ("p", "We shared it for a whole winter, a page each day, and have been friends ever since."),
    ("p", "Mikkel won her heart by repairing her typewriter, a grey Hermes Baby, with a piece of a bicycle spoke."),
    ("p", "Our present is a map of all the places where the two of you got lost together. There are twenty-three of them."),
]
RULES = [
    ("h", "Rules of the sailing club Huntewind"),
    ("p", "The club was founded in 1923 by nine boat builders."),
    ("p", "The yearly fee is 180 euros for adults and 60 euros for those under eighteen."),
    ("p", "Every member works twelve hours a year for the club; each hour not worked costs 15 euros."),
    ("h", "On the water"),
    ("p", "Life jackets are worn by everyone under fourteen and by all when the wind exceeds force five."),
    ("p", "The club dinghy may be borrowed for four hours. The key hangs in the boat house behind the oars."),
    ("h", "Meetings"),
    ("p", "The members meet on the last Thursday of January. Gesa Wilkens has been the chairwoman since 2021."),
]
BUDGET = {
    "Budget 2026": [
        ["Item", "Monthly (euros)", "Yearly (euros)", "Note"],
        ["Rent", 1240, 14880, "Rises by 28 euros in January 2027"],
        ["Electricity", 94, 1128, "Stadtwerke Bremen"],
        ["Gas", 118, 1416, "Stadtwerke Bremen"],
        ["Internet", 39.9, 478.8, "Weserlink"],
        ["Groceries", 720, 8640, ""],
        ["Recorder lessons for Mia", 48, 576, "Musikschule Neustadt"],
        ["Household insurance", 13.5, 162, "Hansa Mutual, paid in April"],
        ["Boat Andorinha", 95, 1140, "Berth, diesel, paint"],
        ["Holiday fund", 250, 3000, "Aveiro in August"],
    ],
    "Savings goals": [
        ["Goal", "Target (euros)", "Saved (euros)", "By"],
        ["New mainsail", 1850, 1210, "March 2027"],
        ["Heat pump dryer", 780, 300, "December 2026"],
        ["Piano for Mia", 2400, 650, "May 2028"],
    ],
}


def write_zip(path, members, first_stored=None):
    """A zip whose bytes depend on nothing but its members."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members:
            info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if name == first_stored else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, text.encode("utf-8"))


def write_pdf(path, title, pages):
    """One content stream a page, the standard font Helvetica, no compression of anything but the text."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>".encode(), b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    kids = []
    for lines in pages:
        text = "BT /F1 11 Tf 72 770 Td 18 TL\n"
        for line in lines:
            text += "(%s) Tj T*\n" % line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        stream = zlib.compress((text + "ET").encode("cp1252"), 9)
        number = len(objects) + 1
        kids.append(f"{number} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {number + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(f"<< /Length {len(stream)} /Filter /FlateDecode >>\nstream\n".encode() + stream + b"\nendstream")
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>".encode()
    objects.append(f"<< /Title ({title}) /CreationDate (D:20260101000000Z) >>".encode("cp1252"))
    out, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    xref = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\nstartxref\n{xref}\n%%EOF\n".encode()
    path.write_bytes(out)


def write_docx(path, paragraphs):
    """Headings and paragraphs, no styles beyond Heading1."""
    body = "".join(
        "<w:p>"
        + ('<w:pPr><w:pStyle w:val="Heading1"/></w:pPr>' if kind == "h" else "")
        + f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'
        for kind, text in paragraphs
    )
    main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    write_zip(path, [
        ("[Content_Types].xml", XML + '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            'wordprocessingml.document.main+xml"/></Types>'),
        ("_rels/.rels", relationships([("rId1", "officeDocument", "word/document.xml")])),
        ("word/document.xml", f'{XML}<w:document xmlns:w="{main}"><w:body>{body}<w:sectPr/></w:body></w:document>'),
    ])


def relationships(rows):
    base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    items = "".join(f'<Relationship Id="{i}" Type="{base}/{kind}" Target="{target}"/>' for i, kind, target in rows)
    return f'{XML}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{items}</Relationships>'


def write_odt(path, paragraphs):
    """The mimetype comes first and uncompressed, as the format asks."""
    urn = "urn:oasis:names:tc:opendocument:xmlns"
    body = "".join(
        f'<text:h text:outline-level="1">{escape(text)}</text:h>' if kind == "h" else f"<text:p>{escape(text)}</text:p>"
        for kind, text in paragraphs
    )
    write_zip(path, [
        ("mimetype", "application/vnd.oasis.opendocument.text"),
        ("META-INF/manifest.xml", f'{XML}<manifest:manifest xmlns:manifest="{urn}:manifest:1.0" manifest:version="1.2">'
            '<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.text"/>'
            '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'),
        ("content.xml", f'{XML}<office:document-content xmlns:office="{urn}:office:1.0" xmlns:text="{urn}:text:1.0" '
            f'office:version="1.2"><office:body><office:text>{body}</office:text></office:body></office:document-content>'),
    ], first_stored="mimetype")


def write_xlsx(path, sheets):
    """Inline strings and plain numbers."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    package = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    names = list(sheets)
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{package}.worksheet+xml"/>'
        for i in range(1, len(names) + 1)
    )
    tabs = "".join(f'<sheet name="{escape(n)}" sheetId="{i}" r:id="rId{i}"/>' for i, n in enumerate(names, 1))
    members = [
        ("[Content_Types].xml", XML + '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{package}.sheet.main+xml"/>{overrides}</Types>'),
        ("_rels/.rels", relationships([("rId1", "officeDocument", "xl/workbook.xml")])),
        ("xl/workbook.xml", f'{XML}<workbook xmlns="{main}" xmlns:r="http://schemas.openxmlformats.org/officeDocument/'
            f'2006/relationships"><sheets>{tabs}</sheets></workbook>'),
        ("xl/_rels/workbook.xml.rels",
            relationships([(f"rId{i}", "worksheet", f"worksheets/sheet{i}.xml") for i in range(1, len(names) + 1)])),
    ]
    for i, name in enumerate(names, 1):
        rows = "".join(sheet_row(r, cells) for r, cells in enumerate(sheets[name], 1))
        members.append((f"xl/worksheets/sheet{i}.xml",
                        f'{XML}<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'))
    write_zip(path, members)


def sheet_row(number, cells):
    out = ""
    for column, cell in zip("ABCDEFGH", cells):
        at = f'r="{column}{number}"'
        if isinstance(cell, str):
            out += f'<c {at} t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
        else:
            out += f"<c {at}><v>{cell}</v></c>"
    return f'<row r="{number}">{out}</row>'


def main():
    write_pdf(HOME / "Documents/lease.pdf", "Lease", LEASE)
    write_pdf(HOME / "Documents/warranty-washing-machine.pdf", "Warranty", WARRANTY)
    write_docx(HOME / "Documents/atlas-proposal.docx", PROPOSAL)
    write_docx(HOME / "Documents/speech-wedding.docx", SPEECH)
    write_odt(HOME / "Documents/sailing-club-rules.odt", RULES)
    write_xlsx(HOME / "Finance/household-budget-2026.xlsx", BUDGET)


if __name__ == "__main__":
    main()
