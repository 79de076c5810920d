"""hob as a client of the bus sees it: long-lived connections, requests with their signals, and when each came.

Owns: D-Bus calls and the times of what comes back. Knows nothing of scenarios. Everything runs in one thread on GLib's
main loop, so that many requests at once cost the machine that is measured as little as possible.
"""

import itertools
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from session import NAME, PATH, Gio, GLib, connect  # noqa: E402  (the path must be known first)

TYPES = {"max_tokens": "u", "temperature": "d", "seed": "t"}
DONE, FAILED, CANCELLED = 0, 1, 2


class HobError(Exception):
    """hob refused or failed; the message is its own."""


def options(given):
    return {key: GLib.Variant(TYPES.get(key, "s"), value) for key, value in given.items() if value is not None}


def wait(condition, seconds, what):
    """Serve the main loop until `condition()`; raises HobError when that takes longer than `seconds`."""
    context = GLib.MainContext.default()
    limit = time.perf_counter() + seconds
    timer = GLib.timeout_add(100, lambda: GLib.SOURCE_CONTINUE)  # so that an iteration ends when nothing happens
    try:
        while not condition():
            if time.perf_counter() > limit:
                raise HobError(f"{what} took more than {seconds} s")
            context.iteration(True)
    finally:
        GLib.source_remove(timer)


# A peer's threads look for more work for a moment after its answer, and hold the processors while they do.
FREE = 0.4


def pause(seconds):
    """Serve the main loop for a while: what is measured needs the time to pass."""
    end = time.perf_counter() + seconds
    wait(lambda: time.perf_counter() >= end, seconds + 60, "a pause")


class Running:
    """A request under way, or ended. Times are `time.perf_counter` seconds."""

    def __init__(self, caller, prompt, given, on_end=None):
        self.caller, self.on_end = caller, on_end
        self.deltas, self.status, self.result, self.error = [], None, {}, ""
        self.began = time.perf_counter()
        self.ended = None
        self.cancelled_at = None
        token = f"bench{next(caller.tokens)}"
        self.path = f"{PATH}/request/{caller.name[1:].replace('.', '_')}/{token}"
        self.subscription = caller.connection.signal_subscribe(
            None, "org.hob.Request1", None, self.path, None, Gio.DBusSignalFlags.NONE, self.signal)
        arguments = GLib.Variant("(sa{sv})", (prompt, options(dict(given, handle_token=token))))
        caller.connection.call(NAME, PATH, "org.hob.Assistant1", "Ask", arguments, None, Gio.DBusCallFlags.NONE,
                               600_000, None, self.accepted)

    def accepted(self, connection, reply):
        try:
            connection.call_finish(reply)
        except GLib.Error as e:
            self.end(FAILED, {"message": e.message})

    def signal(self, _connection, _sender, _path, _interface, name, arguments):
        if name == "Delta":
            self.deltas.append((time.perf_counter(), arguments.get_child_value(1).get_string()))
        elif name == "Finished":
            self.end(*arguments.unpack())

    def end(self, status, result):
        if self.ended is not None:
            return
        self.ended = time.perf_counter()
        self.status, self.result, self.error = status, result, result.get("message", "")
        # What comes after a cancel is still of interest, so the subscription stays for those.
        if self.cancelled_at is None:
            self.forget()
        if self.on_end is not None:
            self.on_end(self)

    def forget(self):
        if self.subscription:
            self.caller.connection.signal_unsubscribe(self.subscription)
            self.subscription = 0

    def cancel(self):
        """Ask hob to end it; returns once hob has agreed. Notes the times of both."""
        asked = time.perf_counter()
        self.cancelled_at = asked
        try:
            self.caller.connection.call_sync(NAME, self.path, "org.hob.Request1", "Cancel", None, None,
                                             Gio.DBusCallFlags.NONE, 10_000, None)
        except GLib.Error as e:
            # It may have ended by itself just before; its last signal is then on the way.
            wait(lambda: self.ended is not None, 5, f"a cancel that hob refused ({e.message})")
        self.cancelled_at = time.perf_counter()
        return asked

    def wait(self, seconds=120):
        """Wait for the end; raises HobError unless it is done."""
        wait(lambda: self.ended is not None, seconds, "a request")
        if self.status != DONE:
            raise HobError(self.error or "cancelled")
        return self

    @property
    def usage(self):
        return self.result.get("usage", {})

    @property
    def text(self):
        return self.result.get("text") or "".join(text for _, text in self.deltas)

    @property
    def first_token(self):
        """Seconds from the call to the first text, as the caller sees it."""
        return self.deltas[0][0] - self.began if self.deltas else float("nan")

    @property
    def total(self):
        return self.ended - self.began

    @property
    def decode_rate(self):
        """Tokens per second after the first one, by hob's own figures."""
        u = self.usage
        seconds = (u["total_ms"] - u["first_token_ms"]) / 1000
        if u["completion_tokens"] < 8 or seconds <= 0:
            raise HobError(f"an answer of {u['completion_tokens']} tokens says nothing about speed")
        return (u["completion_tokens"] - 1) / seconds

    @property
    def evaluated(self):
        """Prompt tokens that had to be evaluated."""
        return self.usage["prompt_tokens"] - self.usage["cached_tokens"]

    @property
    def prefill_rate(self):
        """Prompt tokens per second; the time to the first token stands in where hob does not tell the prompt's own."""
        return self.evaluated / (self.usage.get("prompt_ms") or self.usage["first_token_ms"]) * 1000


class Caller:
    """One connection to the bus, and what can be called over it."""

    tokens = itertools.count(1)

    def __init__(self, address):
        self.connection = connect(address)
        self.connection.set_exit_on_close(False)
        self.name = self.connection.get_unique_name()

    def start(self, prompt, on_end=None, **given):
        """Begin a request without files and skills; `given` are the options of `Ask`."""
        given.setdefault("context", "none")
        given.setdefault("temperature", 0.0)
        return Running(self, prompt, given, on_end)

    def ask(self, prompt, seconds=120, **given):
        return self.start(prompt, **given).wait(seconds)

    def call(self, interface, method, signature, *arguments, seconds=120):
        try:
            reply = self.connection.call_sync(
                NAME, PATH, interface if "." in interface else f"org.hob.{interface}", method,
                GLib.Variant(signature, arguments), None, Gio.DBusCallFlags.NONE, seconds * 1000, None)
        except GLib.Error as e:
            raise HobError(e.message) from None
        return reply.unpack()

    def property(self, interface, name):
        return self.call("org.freedesktop.DBus.Properties", "Get", "(ss)", f"org.hob.{interface}", name)[0]

    def model(self, which):
        """What hob tells of the model with this id."""
        for model in self.call("Models1", "List", "()")[0]:
            if model["id"] == which:
                return model
        raise HobError(f"there is no model {which}")

    def leave(self):
        """Leave the bus."""
        self.connection.close_sync(None)


def all_of(requests, seconds=180):
    """Wait until all have ended well."""
    wait(lambda: all(request.ended is not None for request in requests), seconds, "a group of requests")
    return [request.wait() for request in requests]
