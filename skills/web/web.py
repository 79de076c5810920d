#!/usr/bin/python3
"""The web skill: a server of the Model Context Protocol whose tools open links and searches in the user's browser.

It connects to nothing itself. The desktop's portal is asked to open the address; where there is none, the address is
given back in `uris` for whoever shows the answer to open.
"""

import json
import sys
import urllib.parse

import portal
from address import DEFAULT_ENGINE, NoAddress, address, search_address

PROTOCOL = "2025-06-18"
VERSION = "0.1.0"
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
# What hob adds to a call: what the user set for this skill in hob.toml.
SETTINGS = "org.hob/settings"


class RpcError(Exception):
    """A request that can't be answered, by JSON-RPC's numbers."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


def open_link(arguments, settings, opener):
    link = address(arguments["address"])
    return opened(link, urllib.parse.urlsplit(link).netloc, opener)


def search_web(arguments, settings, opener):
    engine = settings.get("engine", DEFAULT_ENGINE)
    if not isinstance(engine, str):
        raise NoAddress("The setting engine of org.hob.web is no text.")
    return opened(search_address(arguments["query"], engine), f"The search for {arguments['query'].strip()}", opener)


def opened(link, what, opener):
    """The result of opening a link, which is done where the desktop can, or left to whoever reads this."""
    try:
        opener(link)
    except portal.Unavailable as why:
        print(f"the link is handed over, since {why}", file=sys.stderr)
        return result(f"Nothing here opens links for hob, so open this one where you read it: {link}", link, False)
    except portal.Refused as why:
        return {**result(f"{what} was not opened: {why}. The address is {link}", link, False), "isError": True}
    return result(f"{what} is opening in the browser.", link, True)


def result(message, link, is_opened):
    content = [{"type": "text", "text": message}, {"type": "resource_link", "uri": link, "name": link}]
    return {"content": content, "structuredContent": {"opened": is_opened}}


def described(name, title, description, parameter, meaning):
    text = {"type": "string", "description": meaning}
    return {
        "name": name,
        "title": title,
        "description": description,
        "inputSchema": {"type": "object", "properties": {parameter: text}, "required": [parameter],
                        "additionalProperties": False},
        "outputSchema": {"type": "object", "properties": {"opened": {"type": "boolean"}}, "required": ["opened"]},
        "annotations": {"title": title, "readOnlyHint": False, "destructiveHint": False, "idempotentHint": True,
                        "openWorldHint": True},
    }


TOOLS = {
    "open_link": (open_link, described("open_link", "Open a web address", "Opens a web address in the browser.",
                                       "address", "A web address, e.g. example.org")),
    "search_web": (search_web, described("search_web", "Search the web", "Opens a web search in the browser.",
                                         "query", "What to search for")),
}


class Server:
    """One client's conversation; `opener` opens a link or raises what `portal` defines."""

    def __init__(self, opener=portal.open_link):
        self._opener, self._greeted = opener, False

    def answer(self, line):
        """The answer to one line, or None if it wants none."""
        try:
            message = json.loads(line)
        except ValueError:
            return failure(None, RpcError(PARSE_ERROR, "This is no JSON."))
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            return failure(None, RpcError(INVALID_REQUEST, "This is no message of JSON-RPC 2.0."))
        number, method = message.get("id"), message.get("method")
        if not isinstance(method, str):
            # An answer: nothing was asked, so there is nothing to do with it.
            known = "result" in message or "error" in message
            return None if known else failure(number, RpcError(INVALID_REQUEST, "The request names no method."))
        if "id" not in message:
            return None  # A notification; none changes what this server does.
        try:
            return {"jsonrpc": "2.0", "id": number, "result": self._carry_out(method, message.get("params") or {})}
        except RpcError as error:
            return failure(number, error)

    def _carry_out(self, method, params):
        if not isinstance(params, dict):
            raise RpcError(INVALID_PARAMS, "The parameters are no object.")
        if method == "ping":
            return {}
        if method == "initialize":
            self._greeted = True
            information = {"name": "hob-web", "title": "Web", "version": VERSION}
            return {"protocolVersion": PROTOCOL, "capabilities": {"tools": {}}, "serverInfo": information}
        if method not in ("tools/list", "tools/call"):
            raise RpcError(NO_METHOD, f"There is no method {method}.")
        if not self._greeted:
            raise RpcError(INVALID_REQUEST, "Say initialize first.")
        if method == "tools/list":
            return {"tools": [description for _, description in TOOLS.values()]}
        return self._call(params)

    def _call(self, params):
        name, arguments = params.get("name"), params.get("arguments") or {}
        if name not in TOOLS:
            raise RpcError(INVALID_PARAMS, f"There is no tool {name}.")
        function, description = TOOLS[name]
        needed = description["inputSchema"]["required"]
        if not isinstance(arguments, dict) or sorted(arguments) != needed:
            raise RpcError(INVALID_PARAMS, f"{name} takes {' and '.join(needed)}.")
        if not all(is_text(value) for value in arguments.values()):
            raise RpcError(INVALID_PARAMS, f"The {needed[0]} is no text.")
        settings = (params.get("_meta") or {}).get(SETTINGS) or {}
        try:
            return function(arguments, settings, self._opener)
        except NoAddress as why:
            return {"content": [{"type": "text", "text": str(why)}], "isError": True}


def is_text(value):
    """Whether a value is a text that can be written down: JSON may hold halves of characters."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value


def failure(number, error):
    return {"jsonrpc": "2.0", "id": number, "error": {"code": error.code, "message": error.message}}


def main():
    server = Server()
    for line in sys.stdin.buffer:
        if line.strip():
            answer = server.answer(line)
            if answer is not None:
                sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
