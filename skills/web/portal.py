"""The desktop's portal for links, over the one name on the message bus that this skill may call.

Owns: the three messages that this takes. Must not know: what a link means. The portal is made for programs that may
start nothing themselves: it opens the link in the browser that the user chose, or asks which.
"""

import struct
import time

import hob_skill

NAME, OBJECT = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
BUS, BUS_OBJECT = "org.freedesktop.DBus", "/org/freedesktop/DBus"
REQUEST = "org.freedesktop.portal.Request"
LONGEST = 1 << 16
# How long the portal may take to start, and then the user to choose a browser; in seconds.
STARTING, CHOOSING = 5, 20
CALL, ANSWER, ERROR, SIGNAL = 1, 2, 3, 4


class Unavailable(Exception):
    """Nothing here opens links, in a few words."""


class Refused(Exception):
    """The link was not opened, in a few words."""


def open_link(link, connect=hob_skill.message_bus):
    """Has a link opened; returns when it is."""
    try:
        bus = connect("session")
    except hob_skill.SkillError as error:
        raise Unavailable(error.message) from error
    with bus:
        try:
            answer = asked(bus, link)
        except (OSError, EOFError, ValueError, struct.error) as error:
            raise Unavailable(str(error) or "the message bus fell silent") from error
    if answer == 1:
        raise Refused("no browser was chosen")
    if answer != 0:
        raise Refused("the desktop could not open it")


def asked(bus, link):
    """Asks the portal and waits for what comes of it: 0 for done, 1 for given up by the user, 2 for failed."""
    bus.settimeout(STARTING)
    # Who we are is seen by the socket; the rest of the authentication needs no answer.
    bus.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
    rule = f"type='signal',sender='{NAME}',interface='{REQUEST}',member='Response'"
    bus.sendall(call(1, BUS, BUS_OBJECT, BUS, "Hello", "", b""))
    bus.sendall(call(2, BUS, BUS_OBJECT, BUS, "AddMatch", "s", text(rule)))
    # No parent window, the link, and no options: an empty list of things that begin at multiples of eight.
    body = padded(padded(text(""), 4) + text(link), 4) + struct.pack("<I", 0)
    bus.sendall(call(3, NAME, OBJECT, "org.freedesktop.portal.OpenURI", "OpenURI", "ssa{sv}", padded(body, 8)))
    lines = b""
    while lines.count(b"\n") < 2:
        lines += exactly(bus, 1)
        if lines.startswith(b"REJECTED") or len(lines) > 1024:
            raise Unavailable("the message bus did not let this skill in")
    handle, early = None, {}
    end = time.monotonic() + STARTING
    while time.monotonic() < end:
        kind, fields, order, body = message(bus)
        if kind == ERROR and fields.get(5) == 3:
            raise Unavailable(first_text(order, body) or "the portal refused")
        if kind == ANSWER and fields.get(5) == 3:
            handle = first_text(order, body)
            end = time.monotonic() + CHOOSING
            bus.settimeout(CHOOSING)
        if kind == SIGNAL and fields.get(3) == "Response":
            early[fields.get(1)] = struct.unpack_from(order + "I", body)[0]
        if handle in early:
            return early[handle]
    raise Refused("nobody chose a browser in time") if handle else Unavailable("the portal does not answer")


def padded(data, to):
    return data + b"\0" * (-len(data) % to)


def text(value):
    data = value.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def call(serial, to, path, interface, member, signature, body):
    fields = b""
    for code, kind, value in ((1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", to)):
        fields = padded(fields, 8) + bytes((code, 1, ord(kind), 0)) + text(value)
    if signature:
        fields = padded(fields, 8) + b"\x08\x01g\0" + bytes((len(signature),)) + signature.encode() + b"\0"
    head = struct.pack("<cBBBIII", b"l", CALL, 0, 1, len(body), serial, len(fields))
    return padded(head + fields, 8) + body


def message(bus):
    """The next message: its kind, its header's fields by code, its byte order, its body."""
    head = exactly(bus, 16)
    order = "<" if head[:1] == b"l" else ">"
    body_length, _, fields_length = struct.unpack_from(order + "III", head, 4)
    if head[:1] not in b"lB" or body_length > LONGEST or fields_length > LONGEST:
        raise ValueError("the message bus said something that is not understood")
    rest = exactly(bus, fields_length + -fields_length % 8 + body_length)
    return head[1], fields_of(rest[:fields_length], order), order, rest[len(rest) - body_length:]


def fields_of(data, order):
    fields, at = {}, 0
    while at < len(data):
        code, kind = data[at], data[at + 2]
        at += 4
        if kind == ord("u"):
            fields[code] = struct.unpack_from(order + "I", data, at)[0]
            at += 4
        else:
            short = kind == ord("g")
            length = data[at] if short else struct.unpack_from(order + "I", data, at)[0]
            at += 1 if short else 4
            fields[code] = data[at : at + length].decode("utf-8", "replace")
            at += length + 1
        at += -at % 8
    return fields


def first_text(order, body):
    if len(body) < 4:
        return ""
    length = struct.unpack_from(order + "I", body)[0]
    return body[4 : 4 + length].decode("utf-8", "replace")


def exactly(bus, length):
    data = b""
    while len(data) < length:
        more = bus.recv(length - len(data))
        if not more:
            raise EOFError("the message bus closed the connection")
        data += more
    return data
