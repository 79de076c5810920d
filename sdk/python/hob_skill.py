# SPDX-License-Identifier: MIT OR Apache-2.0
"""Write a skill for hob in Python: one file, the standard library only, Python 3.9 or later.

    from hob_skill import Skill, SkillError

    skill = Skill("org.example.greeter", "1.0.0")

    @skill.intent("Greet")
    def greet(call, name="you"):
        return f"Hello, {name}."

    skill.run()

A function is called with the intent's arguments by name, after `call`, which knows where and for whom it runs. It
returns a sentence for the user, or a dictionary with "message", "data", "uris", "wake" and "cancel_wake", or raises
SkillError. One call runs at a time. print() goes to hob's log.
"""

import array
import json
import os
import socket
import sys
import traceback

__all__ = ["Call", "Skill", "SkillError", "connect", "message_bus"]

PROTOCOL = 1
LONGEST_LINE = 8 << 20


class SkillError(Exception):
    """Something the user should know: a sentence, a short stable code, and perhaps what to do."""

    def __init__(self, message, code="failed", suggestion=None):
        super().__init__(message)
        self.message, self.code, self.suggestion = message, code, suggestion

    def result(self):
        result = {"status": "error", "code": self.code, "message": self.message}
        if self.suggestion:
            result["suggestion"] = self.suggestion
        return result


class Cancelled(SkillError):
    """Nobody waits for this call any more."""

    def __init__(self):
        super().__init__("Nobody waits for this any more.", "cancelled")


class Call:
    """One call: what is known about it, and what can be asked of hob meanwhile."""

    def __init__(self, number, intent, arguments, context, link):
        self.number, self.intent, self.arguments = number, intent, arguments
        self._context, self._link = context, link

    @property
    def storage(self):
        """The skill's own folder; it exists and may be written."""
        return self._context["storage"]

    @property
    def locale(self):
        """The user's language, e.g. "pt_PT.UTF-8"."""
        return self._context.get("locale") or "en"

    @property
    def time_zone(self):
        """The user's IANA time zone, or None."""
        return self._context.get("time_zone")

    @property
    def request(self):
        """The user's own words, or None when a program called."""
        return self._context.get("request")

    @property
    def settings(self):
        """What the user set for this skill in hob.toml: a dictionary."""
        return self._context.get("settings") or {}

    def place(self, name):
        """The path of a place that read or write under [permissions] lists, e.g. "xdg:documents"."""
        places = self._context.get("places") or {}
        if name not in places:
            raise SkillError(f"This skill was not granted {name}.", "permission_denied",
                             "List it under [permissions] in skill.toml.")
        return places[name]

    def complete(self, prompt, system=None, max_tokens=None, schema=None):
        """A text by hob's language model; needs model = true under [permissions]."""
        wanted = {"prompt": prompt, "system": system, "max_tokens": max_tokens, "schema": schema}
        wanted = {key: value for key, value in wanted.items() if value is not None}
        return self._link.ask("model.complete", wanted)["text"]

    def search(self, query, limit=5):
        """The user's files that fit best: dictionaries with path, title, snippet, line, score; needs index = true."""
        return self._link.ask("index.search", {"query": query, "limit": limit})["hits"]

    def progress(self, fraction, text=""):
        """Says how far the call is, from 0 to 1."""
        self._link.say({"type": "progress", "fraction": fraction, "text": text})

    def log(self, text, level="info"):
        """Writes a line to hob's log."""
        self._link.say({"type": "log", "level": level, "text": text})

    def is_cancelled(self):
        """Whether nobody waits for this call any more; a skill that goes on is ended a second later."""
        self._link.look()
        return self.number in self._link.cancelled


class Skill:
    """The skill: its id and version as in skill.toml, and a function for each intent."""

    def __init__(self, id, version):
        self.id, self.version, self._intents = id, version, {}

    def intent(self, name):
        """Makes a function carry out the intent of that name."""

        def keep(function):
            self._intents[name] = function
            return function

        return keep

    def run(self):
        """Serves calls until hob closes standard input."""
        link = _Link()
        hello = link.next()
        if hello is None:
            raise SystemExit("a skill is started by hob; try it with: hob skill check .")
        link.say({"type": "hello", "protocol": PROTOCOL, "id": self.id, "version": self.version})
        while True:
            message = link.next()
            if message is None:
                return
            if message["type"] == "call":
                call = Call(message["call"], message["intent"], message["arguments"], message["context"], link)
                link.say({"type": "result", "call": call.number, "result": self.carry_out(call)})

    def carry_out(self, call):
        """The result object of a call; what a function raises becomes an error."""
        function = self._intents.get(call.intent)
        if function is None:
            return SkillError(f"This skill has no intent {call.intent}.", "unknown_intent").result()
        try:
            return _result(function(call, **call.arguments))
        except SkillError as error:
            return error.result()
        except OSError as error:
            return SkillError(f"The system refused: {error}.").result()
        except Exception as error:  # Whatever it is, it must end this call only.
            traceback.print_exc()
            return SkillError(f"The skill broke down: {error!r}.", "bug", "Please report it to its author.").result()

    def test(self, intent, storage, answers=None, places=None, settings=None, request=None, **arguments):
        """Carries out an intent without hob, for tests. `answers` are functions by name ("model.complete"), `places`
        the paths of what the manifest lists under [permissions]."""
        context = {"storage": str(storage), "request": request, "locale": "en", "settings": settings or {},
                   "places": {name: str(path) for name, path in (places or {}).items()}}
        return self.carry_out(Call(0, intent, arguments, context, _NoLink(answers or {})))


def _result(value):
    if value is None:
        return {"status": "success", "message": "Done."}
    if isinstance(value, str):
        return {"status": "success", "message": value}
    return {"status": "success", **value}


class _Link:
    """The lines between hob and this process."""

    def __init__(self):
        self._in = os.fdopen(os.dup(0), "rb", buffering=0)
        self._out = os.fdopen(os.dup(1), "wb", buffering=0)
        # Neither input() nor print() may meet the lines.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        self._unread, self._waiting, self._asked = b"", [], 0
        self.cancelled = set()

    def say(self, message):
        line = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        while line:
            line = line[self._out.write(line):]

    def next(self):
        """The next message; None at the end."""
        if self._waiting:
            return self._waiting.pop(0)
        return self._read()

    def _read(self):
        while b"\n" not in self._unread:
            if len(self._unread) > LONGEST_LINE:
                raise SystemExit("hob sent a line that is too long")
            more = self._in.read(65536)
            if not more:
                return None
            self._unread += more
        line, self._unread = self._unread.split(b"\n", 1)
        message = json.loads(line)
        if message.get("type") == "cancel":
            self.cancelled.add(message["call"])
        return message

    def look(self):
        """Reads what is there without waiting."""
        import select

        while b"\n" in self._unread or select.select([self._in], [], [], 0)[0]:
            message = self._read()
            if message is None:
                raise Cancelled()
            if message["type"] != "cancel":
                self._waiting.append(message)

    def ask(self, what, wanted):
        self._asked += 1
        self.say({"type": "ask", "ask": self._asked, "what": what, "with": wanted})
        while True:
            message = self._read()
            if message is None or message["type"] == "cancel":
                raise Cancelled()
            if message["type"] == "answer" and message["ask"] == self._asked:
                if "error" in message:
                    raise SkillError(message["error"]["message"], message["error"]["code"])
                return message["result"]
            if message["type"] == "call":
                self._waiting.append(message)


class _NoLink:
    """Stands in for hob in tests."""

    cancelled = ()

    def __init__(self, answers):
        self._answers = answers

    def say(self, message):
        print(message, file=sys.stderr)

    def look(self):
        pass

    def ask(self, what, wanted):
        if what not in self._answers:
            raise SkillError(f"Nobody answers {what} here.", "unavailable")
        return self._answers[what](wanted)


def _outside(request):
    number = os.environ.get("HOB_PROXY")
    if not number:
        raise SkillError("This skill may reach nothing outside of it.", "permission_denied",
                         "List the host or bus name under [permissions] in skill.toml.")
    proxy = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=os.dup(int(number)))
    try:
        proxy.send(request.encode())
        text, ancillary, _, _ = proxy.recvmsg(512, socket.CMSG_SPACE(4))
    finally:
        proxy.close()
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors = array.array("i")
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
            return socket.socket(fileno=descriptors[0])
    code, _, message = text.decode("utf-8", "replace").partition(" ")
    raise SkillError(message or "The way out is closed.", code or "unavailable")


def connect(host, port):
    """A connected socket to a host and port that network under [permissions] lists.

    For HTTPS: ssl.create_default_context().wrap_socket(connect(host, 443), server_hostname=host)
    """
    return _outside(f"network {host}:{port}")


def message_bus(bus="session"):
    """A connected socket to the session or system bus, where the names that dbus lists can be called."""
    return _outside(f"dbus {bus}")
