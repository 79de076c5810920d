#!/usr/bin/python3
"""The text skill: counts, changes case, tidies lists and encodes text that the request itself holds.

It keeps nothing, reads nothing and reaches nothing: no program outside of its sandbox could hand it the clipboard, so
a text that only lies there is asked for.
"""

import base64
import binascii
import re
import unicodedata
import urllib.parse

from hob_skill import Skill, SkillError

skill = Skill("org.hob.text", "0.1.0")

LONGEST = 1_000_000
# Signs that belong to a text although the request's words end before them.
BEFORE, AFTER = "%(¿¡#@$€", "!?.…=%)！？。"
# What people call the text that they have before them, which is not here.
ELSEWHERE = {
    "clipboard", "the clipboard", "my clipboard", "selection", "the selection", "this", "it", "this text", "the text",
    "text", "área de transferência", "a área de transferência", "este texto", "o texto", "isto", "portapapeles",
    "el portapapeles", "el texto", "esto", "zwischenablage", "die zwischenablage", "diesen text", "den text", "das",
    "剪贴板", "剪贴板里的文字", "这段文字", "这个", "文字",
}
BEFORE_NAMES = """the my this o a meu minha esta este el la mi der die das den dem mein meine meinem diese dieser
dieses diesem diesen"""
# What texts are called, in five languages. Such a name is no text, and before a colon it is no part of one.
NAMES_OF_TEXTS = """text sentence phrase word words line list frase texto palavra palavras lista palabra palabras satz
wort liste 句子 这句话 这段话 文字"""
NAMES_OF_FILES = """contract document file report letter article note notes email e-mail page book chapter essay thesis
contrato documento ficheiro relatório carta artigo livro archivo informe libro vertrag dokument datei bericht brief
artikel buch 合同 文件 报告 信 文章"""


def one_of(names):
    """A pattern for one of the names, with or without an article."""
    either = "|".join(map(re.escape, names.split()))
    return f"(?:(?:{'|'.join(BEFORE_NAMES.split())}) )?(?:{either})"


LABEL = re.compile(one_of(NAMES_OF_TEXTS) + r"\s*[:：]\s*", re.IGNORECASE)
NAMED = re.compile(r"\S+\.(?:md|txt|pdf|docx?|odt|rtf)|" + one_of(NAMES_OF_FILES), re.IGNORECASE)
# Words that are written in characters without blanks between them: each counts as one.
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]")
WORD = re.compile(r"\w+(?:['’\-]\w+)*")
SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)|[。！？]+")
SEPARATORS = ("\n", ";", "；", "、", "，", ",")


@skill.intent("CountWords")
def count_words(call, text):
    text = given(call, text)
    unspaced = len(UNSPACED.findall(text))
    words = unspaced + len(WORD.findall(UNSPACED.sub(" ", text)))
    lines = len(text.splitlines())
    letters = sum(not sign.isspace() for sign in text)
    sentences = max(len(SENTENCE_END.findall(text)), 1 if words else 0)
    data = {"words": words, "characters": len(text), "characters_without_blanks": letters,
            "sentences": sentences, "lines": lines}
    message = f"{counted(words, 'word')}, {counted(len(text), 'character')}, {counted(sentences, 'sentence')}"
    return {"message": message + (f", {counted(lines, 'line')}." if lines > 1 else "."), "data": data}


@skill.intent("ChangeCase")
def change_case(call, text, style):
    changed = STYLES[style](given(call, text))
    return {"message": changed, "data": {"text": changed, "style": style}}


@skill.intent("TidyLines")
def tidy_lines(call, text, action="sort"):
    text = given(call, text)
    separator, lines = pieces(text)
    if len(lines) < 2:
        raise SkillError("There is only one line.", "invalid_argument",
                         "Put each line on its own, or commas between the parts.")
    kept = list(dict.fromkeys(lines)) if action == "unique" else lines
    if action != "unique":
        kept = sorted(lines, key=in_order, reverse=action == "descending")
    tidied = separator.join(kept)
    removed = len(lines) - len(kept)
    if action == "unique" and not removed:
        return {"message": "There are no duplicates.", "data": {"text": tidied, "lines": kept, "removed": 0}}
    return {"message": tidied, "data": {"text": tidied, "lines": kept, "removed": removed}}


@skill.intent("EncodeText")
def encode_text(call, text, direction="encode", encoding=None):
    text = given(call, text)
    if direction == "decode":
        encoding = encoding or likely_encoding(text)
        changed = decoded(text, encoding)
    elif encoding is None:
        raise SkillError("It is not said how the text is to be encoded.", "invalid_argument",
                         "Say Base64, URL or hex.")
    else:
        changed = ENCODERS[encoding](text)
    return {"message": changed, "data": {"text": changed, "encoding": encoding, "direction": direction}}


def given(call, text):
    """The text that is meant, with the signs around it that the request has."""
    text = text.strip()
    label = LABEL.match(text)
    text = text[label.end() :] if label else text
    named = text.strip(" .!?。")
    if not named or named.casefold() in ELSEWHERE or NAMED.fullmatch(named):
        raise SkillError("The text itself is not in the request; neither files nor the clipboard are read for this.",
                         "missing_text", "Say it again with the text after a colon or in quotation marks.")
    if len(text) > LONGEST:
        raise SkillError(f"The text is longer than {LONGEST} characters.", "too_long", "Take a part of it.")
    request = call.request or ""
    start = request.find(text)
    if start < 0:
        return text
    end = start + len(text)
    while start > 0 and belongs(request[start - 1], BEFORE):
        start -= 1
    while end < len(request) and belongs(request[end], AFTER):
        end += 1
    return request[start:end]


def belongs(sign, signs):
    """Whether a sign beside a text is a part of it. Letters without a blank between are, in scripts that have blanks."""
    return sign in signs or sign.isascii() and sign.isalnum()


def counted(number, what):
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def titled(text):
    return WORD.sub(lambda word: word[0][0].upper() + word[0][1:].lower(), text)


def sentence_cased(text):
    return re.sub(r"(^|[.!?…]\s+)(\w)", lambda start: start[1] + start[2].upper(), text.lower())


STYLES = {"upper": str.upper, "lower": str.lower, "title": titled, "sentence": sentence_cased}


def pieces(text):
    """The lines of a text, or the parts of a list in one line, with what stands between them."""
    separator = next((sign for sign in SEPARATORS if sign in text.strip()), "\n")
    lines = [line.strip() for line in text.split(separator)]
    blank = "" if separator in "\n；、，" else " "
    return separator + blank, [line for line in lines if line]


def in_order(line):
    """Without case and accents, and numbers by their value: "Item 2" before "item 10"."""
    letters = unicodedata.normalize("NFKD", line.casefold())
    plain = "".join(sign for sign in letters if not unicodedata.combining(sign))
    parts = re.split(r"([0-9]+)", plain)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part], line


def in_base64(text):
    return base64.b64encode(text.encode()).decode()


def in_hex(text):
    return text.encode().hex(" ")


ENCODERS = {"base64": in_base64, "url": lambda text: urllib.parse.quote(text, safe=""), "hex": in_hex}
NAMES = {"base64": "Base64", "url": "URL", "hex": "hex"}


def from_base64(text):
    compact = "".join(text.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)


def from_url(text):
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError("a percent sign without two digits")
    return urllib.parse.unquote_to_bytes(text.replace("+", " "))


DECODERS = {"base64": from_base64, "url": from_url, "hex": lambda text: bytes.fromhex(text.replace(":", " "))}


def likely_encoding(text):
    """How a text is encoded, by the signs in it."""
    if re.search(r"%[0-9A-Fa-f]{2}", text):
        return "url"
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2}[\s:]?)+", text):
        return "hex"
    return "base64"


def decoded(text, encoding):
    try:
        return DECODERS[encoding](text).decode("utf-8")
    except UnicodeDecodeError as error:
        raise SkillError(f"Taken as {NAMES[encoding]}, this holds something that is no text.", "no_text") from error
    except (ValueError, binascii.Error) as error:
        others = " or ".join(name for key, name in NAMES.items() if key != encoding)
        raise SkillError(f"This is no {NAMES[encoding]} text.", "invalid_argument",
                         f"Perhaps it is {others}; or a part is missing.") from error


if __name__ == "__main__":
    skill.run()
