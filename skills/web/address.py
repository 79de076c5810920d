"""Web addresses: what people say as one that can be opened, and what they look for as one of a search engine.

Owns: which addresses are sound. Must not know: who opens them.
"""

import re
import urllib.parse

LONGEST = 2_000
SCHEMES = ("http", "https")
# Where engines take what is looked for.
ENGINES = {
    "duckduckgo": "https://duckduckgo.com/?q={query}",
    "startpage": "https://www.startpage.com/sp/search?query={query}",
    "ecosia": "https://www.ecosia.org/search?q={query}",
    "qwant": "https://www.qwant.com/?q={query}",
    "brave": "https://search.brave.com/search?q={query}",
    "google": "https://www.google.com/search?q={query}",
    "bing": "https://www.bing.com/search?q={query}",
    "baidu": "https://www.baidu.com/s?wd={query}",
}
DEFAULT_ENGINE = "duckduckgo"

SPOKEN_DOT = re.compile(r"\s+(?:dot|ponto|punto|punkt|point)\s+|\s*点\s*(?=[A-Za-z])", re.IGNORECASE)
AROUND = " \t\n\"'“”„«»<>「」《》"
# A sentence's end is no part of the address before it.
AFTER = ".,;!?。，！？"
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Machines without a name of their own have no certificate for one.
NEARBY = re.compile(r"(?:localhost|[0-9.]+)(?:[:/]|$)", re.IGNORECASE)
NUMBERS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
SAFE = "/%:@!$&'()*+,;=~-._?"


class NoAddress(Exception):
    """Why something is no address to open, in sentences."""


def address(said):
    """The address that was said, whole: with its scheme, its host in ASCII and nothing that would be misread."""
    text = SPOKEN_DOT.sub(".", said.strip(AROUND)).strip(AROUND).rstrip(AFTER)
    if not text:
        raise NoAddress("There is no address. Say one like example.org.")
    if len(text) > LONGEST:
        raise NoAddress(f"The address is longer than {LONGEST} signs.")
    if re.search(r"[\s\x00-\x1f\x7f\\]", text):
        raise NoAddress(f"{text!r} is no web address: it holds blanks. Say one like example.org, or search for it.")
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(?![0-9])", text):
        text = ("http://" if NEARBY.match(text) else "https://") + text
    try:
        parts = urllib.parse.urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise NoAddress(f"{said.strip()} is no web address: its host or its port is none.") from error
    if parts.scheme.lower() not in SCHEMES or not parts.netloc:
        raise NoAddress(f"Links that begin with {parts.scheme}: are not opened from here, only web addresses are.")
    if "@" in parts.netloc:
        raise NoAddress("The address has a user name before its host, which hides where it leads. Leave that away.")
    path = urllib.parse.quote(parts.path, safe=SAFE)
    query, fragment = (urllib.parse.quote(part, safe=SAFE) for part in (parts.query, parts.fragment))
    return urllib.parse.urlunsplit((parts.scheme.lower(), host(parts.hostname or "") + port, path, query, fragment))


def host(name):
    """A host's name in ASCII; an IPv6 address in its brackets."""
    if ":" in name:
        return f"[{name}]"
    try:
        plain = name.rstrip(".").encode("idna").decode().lower()
    except UnicodeError as error:
        raise NoAddress(f"{name or 'Nothing'} is no name of a host.") from error
    labels = plain.split(".")
    if not all(LABEL.fullmatch(label) for label in labels):
        raise NoAddress(f"{name or 'Nothing'} is no name of a host. Say an address like example.org.")
    if len(labels) == 1 and plain != "localhost":
        raise NoAddress(f"{name} is no whole web address. Say it with its ending, e.g. {plain}.org, or search for it.")
    if labels[-1].isdigit() and not (NUMBERS.fullmatch(plain) and all(int(label) < 256 for label in labels)):
        raise NoAddress(f"{name} is no web address.")
    return plain


def search_address(query, engine):
    """The address of a search. `engine` is a name, or an address of one's own with {query} in it."""
    words = " ".join(query.split())
    if not words:
        raise NoAddress("There is nothing to search for. Say what.")
    if len(words) > LONGEST:
        raise NoAddress(f"What is searched for is longer than {LONGEST} signs.")
    form = ENGINES.get(engine.strip().lower(), engine)
    if not re.match(r"https?://[^/{}]+/.*\{query\}", form):
        known = ", ".join(ENGINES)
        raise NoAddress(f"The search engine {engine} is unknown. In hob.toml, engine of org.hob.web is one of {known}, "
                        "or an address with {query} in it.")
    return form.replace("{query}", urllib.parse.quote_plus(words))
