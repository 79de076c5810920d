"""The web skill: addresses, the protocol, the portal. Run with: python3 -m unittest discover skills/web/tests"""

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent.parent.parent / "sdk/python"
sys.path[:0] = [str(HERE.parent), str(LIBRARY)]

import portal  # noqa: E402
from address import ENGINES, NoAddress, address, search_address  # noqa: E402
from web import PROTOCOL, TOOLS, Server  # noqa: E402


class Addresses(unittest.TestCase):
    def test_what_people_say_becomes_whole(self):
        for said, whole in (
            ("example.org", "https://example.org"),
            (" “www.example.org/a b”. ", None),
            ("www.example.org/news?q=1#top", "https://www.example.org/news?q=1#top"),
            ("HTTP://Example.ORG/Path", "http://example.org/Path"),
            ("example dot org", "https://example.org"),
            ("exemplo ponto pt", "https://exemplo.pt"),
            ("example.org.", "https://example.org"),
            ("'example.org'", "https://example.org"),
            ("localhost:8080/x", "http://localhost:8080/x"),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
            ("192.168.1.1", "http://192.168.1.1"),
            ("bücher.example/größe", "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe"),
            ("例子.测试", "https://xn--fsqu00a.xn--0zwm56d"),
        ):
            if whole is None:
                self.assertRaises(NoAddress, address, said)
            else:
                self.assertEqual(address(said), whole, said)

    def test_what_is_no_address_is_refused_with_a_reason(self):
        for said, why in (
            ("", "no address"),
            ("wikipedia", "no whole web address"),
            ("the front door", "blanks"),
            ("file:///etc/passwd", "file:"),
            ("javascript:alert(1)", "javascript:"),
            ("data:text/html,x", "data:"),
            ("mailto:ana@example.org", "mailto:"),
            ("https:example.org", "https:"),
            ("https://bank.example@evil.example/", "user name"),
            ("https://exa mple.org", "blanks"),
            ("https://example.org:99999", "port"),
            ("https://-bad-.org", "no name of a host"),
            ("https://a..org", "no name of a host"),
            ("300.1.1.1", "no web address"),
            ("example.org\\@evil.example", "blanks"),
            ("a" * 3000 + ".org", "longer"),
        ):
            with self.assertRaises(NoAddress, msg=said) as refused:
                address(said)
            self.assertIn(why, str(refused.exception), said)

    def test_searches_go_to_the_engine_that_is_set(self):
        found = search_address("  how to  fix a&b? ", "duckduckgo")
        self.assertEqual(found, "https://duckduckgo.com/?q=how+to+fix+a%26b%3F")
        self.assertEqual(search_address("x", "Ecosia"), "https://www.ecosia.org/search?q=x")
        self.assertEqual(search_address("水獭", "https://s.example/find?w={query}"),
                         "https://s.example/find?w=%E6%B0%B4%E7%8D%AD")
        for engine in ENGINES:
            self.assertEqual(address(search_address("a b", engine)), search_address("a b", engine))
        for query, engine in (("  ", "bing"), ("x", "nonsense"), ("x", "https://s.example/no-place"),
                              ("x", "file:///{query}"), ("x", "https://{query}.example/"), ("x" * 3000, "bing")):
            self.assertRaises(NoAddress, search_address, query, engine)


class Protocol(unittest.TestCase):
    def setUp(self):
        self.opened, self.why = [], None
        self.server = Server(self.opener)

    def opener(self, link):
        if self.why:
            raise self.why
        self.opened.append(link)

    def ask(self, method, params=None, **more):
        message = {"jsonrpc": "2.0", "id": 7, "method": method, **more}
        if params is not None:
            message["params"] = params
        answer = self.server.answer(json.dumps(message))
        self.assertEqual((answer["jsonrpc"], answer["id"]), ("2.0", 7))
        return answer

    def call(self, name, settings=None, **arguments):
        self.ask("initialize", {"protocolVersion": PROTOCOL, "capabilities": {}})
        meta = {"org.hob/settings": settings} if settings else {}
        return self.ask("tools/call", {"name": name, "arguments": arguments, "_meta": meta})

    def test_it_introduces_itself_and_lists_its_tools(self):
        self.assertEqual(self.ask("tools/list")["error"]["code"], -32600, "not before it was greeted")
        self.assertEqual(self.ask("ping")["result"], {})
        hello = self.ask("initialize", {"protocolVersion": "1999-01-01", "capabilities": {}})["result"]
        self.assertEqual((hello["protocolVersion"], hello["capabilities"]), (PROTOCOL, {"tools": {}}))
        self.assertIsNone(self.server.answer('{"jsonrpc":"2.0","method":"notifications/initialized"}'))
        tools = self.ask("tools/list", {})["result"]["tools"]
        self.assertEqual([tool["name"] for tool in tools], ["open_link", "search_web"])
        for tool in tools:
            self.assertFalse(tool["annotations"]["readOnlyHint"])
            self.assertEqual(tool["inputSchema"]["type"], "object")

    def test_links_and_searches_are_opened(self):
        opened = self.call("open_link", address="example.org")["result"]
        self.assertEqual(opened["structuredContent"], {"opened": True})
        self.assertEqual(opened["content"][0]["text"], "example.org is opening in the browser.")
        self.assertEqual(opened["content"][1]["uri"], "https://example.org")
        self.call("search_web", query="otters")
        self.call("search_web", settings={"engine": "bing"}, query="otters")
        self.assertEqual(self.opened[1:], ["https://duckduckgo.com/?q=otters", "https://www.bing.com/search?q=otters"])

    def test_without_a_portal_the_link_is_handed_over(self):
        self.why = portal.Unavailable("nobody is there")
        handed = self.call("open_link", address="example.org")["result"]
        self.assertEqual(handed["structuredContent"], {"opened": False})
        self.assertNotIn("isError", handed)
        self.assertIn("https://example.org", handed["content"][0]["text"])
        self.why = portal.Refused("no browser was chosen")
        refused = self.call("search_web", query="otters")["result"]
        self.assertTrue(refused["isError"])
        self.assertIn("no browser was chosen", refused["content"][0]["text"])

    def test_what_can_not_be_done_is_said(self):
        for name, settings, arguments, why in (
            ("open_link", None, {"address": "wikipedia"}, "no whole web address"),
            ("search_web", {"engine": "nonsense"}, {"query": "x"}, "hob.toml"),
            ("search_web", {"engine": 3}, {"query": "x"}, "no text"),
            ("search_web", None, {"query": " "}, "nothing to search for"),
        ):
            refused = self.call(name, settings, **arguments)["result"]
            self.assertTrue(refused["isError"])
            self.assertIn(why, refused["content"][0]["text"])
        self.assertEqual(self.opened, [])

    def test_errors_have_their_numbers(self):
        for name, arguments in (("wipe", {}), ("open_link", {}), ("open_link", {"address": 3}),
                                ("open_link", {"address": "a.org", "more": "x"}), ("search_web", {"query": "\ud800"})):
            self.assertEqual(self.call(name, **arguments)["error"]["code"], -32602, name)
        self.assertEqual(self.ask("resources/list")["error"]["code"], -32601)
        self.assertEqual(self.ask("tools/call", [1])["error"]["code"], -32602)
        for line, code in (("garbage", -32700), ("[]", -32600), ('{"id":1,"method":"ping"}', -32600),
                           ('{"jsonrpc":"2.0","id":1}', -32600), (b"\xff\xfe", -32700)):
            self.assertEqual(self.server.answer(line)["error"]["code"], code, line)
        for line in ('{"jsonrpc":"2.0","id":1,"result":{}}', '{"jsonrpc":"2.0","method":"tools/call"}'):
            self.assertIsNone(self.server.answer(line))

    def test_the_program_answers_line_by_line(self):
        lines = ['{"jsonrpc":"2.0","id":1,"method":"initialize"}', "", '{"jsonrpc":"2.0","id":2,"method":"tools/call",'
                 '"params":{"name":"open_link","arguments":{"address":"example.org"}}}']
        program = [sys.executable, str(HERE.parent / "web.py")]
        environment = {"PYTHONPATH": str(LIBRARY), "PATH": "/usr/bin", "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(program, input="\n".join(lines).encode() + b"\n", capture_output=True, env=environment)
        first, second = (json.loads(line) for line in ran.stdout.splitlines())
        self.assertEqual((ran.returncode, first["id"], second["id"]), (0, 1, 2))
        self.assertEqual(second["result"]["structuredContent"]["opened"], False, "no bus was granted")


def reply(kind, to, signature, body, path=None, member=None):
    """A message of the bus's, in the other byte order than this skill writes."""
    fields = b""
    for code, of, value in ((1, "o", path), (3, "s", member), (8, "g", signature)):
        if value is not None:
            length = bytes([len(value)]) if of == "g" else struct.pack(">I", len(value))
            fields = portal.padded(fields, 8) + bytes((code, 1, ord(of), 0)) + length + value.encode() + b"\0"
    if to:
        fields = portal.padded(fields, 8) + b"\x05\x01u\0" + struct.pack(">I", to)
    head = struct.pack(">cBBBIII", b"B", kind, 0, 1, len(body), 9, len(fields))
    return portal.padded(head + fields, 8) + body


def said(text):
    return struct.pack(">I", len(text)) + text.encode() + b"\0"


class Portal(unittest.TestCase):
    def opened(self, *replies, lines=b"DATA\r\nOK 1234\r\n"):
        """What comes of opening a link when the bus says this; what it was sent is kept."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)

        def serve():
            theirs.sendall(lines + b"".join(replies))
            theirs.shutdown(socket.SHUT_WR)
            self.sent = b""
            with contextlib.suppress(ConnectionError):
                while more := theirs.recv(65536):
                    self.sent += more

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            return portal.open_link("https://example.org", lambda bus: ours)
        finally:
            serving.join()

    def test_the_portal_is_asked_and_its_answer_waited_for(self):
        handle = "/org/freedesktop/portal/desktop/request/1_2/t"
        done = reply(4, None, "ua{sv}", struct.pack(">II", 0, 0), handle, "Response")
        other = reply(4, None, "ua{sv}", struct.pack(">II", 2, 0), "/another", "Response")
        self.assertIsNone(self.opened(reply(2, 1, "s", said(":1.2")), other, reply(2, 3, "o", said(handle)), done))
        self.assertTrue(self.sent.startswith(b"\0AUTH EXTERNAL\r\n"))
        self.assertIn(b"https://example.org\0", self.sent)
        for answer, why in ((1, "no browser"), (2, "could not")):
            ended = reply(4, None, "ua{sv}", struct.pack(">II", answer, 0), handle, "Response")
            with self.assertRaises(portal.Refused) as refused:
                self.opened(reply(2, 3, "o", said(handle)), ended)
            self.assertIn(why, str(refused.exception))

    def test_a_bus_without_a_portal_is_told_from_a_refusal(self):
        nobody = reply(3, 3, "s", said("The name is not activatable"))
        with self.assertRaises(portal.Unavailable) as refused:
            self.opened(nobody)
        self.assertIn("not activatable", str(refused.exception))
        for replies, lines in (((), b"REJECTED EXTERNAL\r\n"), ((), b"DATA\r\nOK 1\r\n"),
                               ((b"garbage" * 9,), b"DATA\r\nOK\r\n")):
            self.assertRaises(portal.Unavailable, self.opened, *replies, lines=lines)
        self.assertRaises(portal.Unavailable, portal.open_link, "https://example.org")


if __name__ == "__main__":
    unittest.main()
