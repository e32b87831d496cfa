"""Masks secrets, and passwords inside addresses, in what is printed."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

MASK = "***"

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LOGIN = re.compile(r"(?:([\w.~-]*)(?::|%(?:25)*3a))?.*(?:@|%(?:25)*40)", re.IGNORECASE | re.DOTALL | re.ASCII)
_HOST = re.compile(r"(?:\[[0-9a-f:.]*\]|[^:\[\]]*)(?::(?:[0-9]{0,5}|port))?|[0-9a-f:.]+", re.IGNORECASE)
_SECRET_NAME = re.compile(r"pass|pw|secret|token|auth|key|cred|sig", re.IGNORECASE)
_OF_A_FILE = re.compile(r"(?:sqlite|file)\b", re.IGNORECASE)
_NEXT = re.compile(r",(?=(?:(?:dns|srv)\+)?https?://)", re.IGNORECASE)
_BEHIND = re.compile(r"([#;\s]).*", re.DOTALL)


def without_secrets(text: str) -> str:
    """What of an address may be printed, however malformed: those that cannot be taken apart end up in a report.

    What a password holds is anybody's guess, so all counts as one up to the last @, percent-encoded or not; and what
    stands where only a port may, in a query under a name that sounds like it, or behind white space.
    """
    # A list of addresses; with credentials or a query, what looks like the next one may be of a password.
    if not _LOGIN.match(text) and "?" not in text and len(each := _NEXT.split(text)) > 1:
        return ",".join(map(without_secrets, each))
    found = _SCHEME.match(text)
    scheme = found[0] if found else ""
    rest, login = text[len(scheme) :], ""
    if credentials := _LOGIN.match(rest):
        user = credentials[1]
        login, rest = f"{user}:{MASK}@" if user is not None else f"{MASK}@", rest[credentials.end() :]
    rest, mark, query = _BEHIND.sub(rf"\g<1>{MASK}", rest).partition("?")
    hosts, slash, path = rest.partition("/")
    if not _OF_A_FILE.match(scheme):
        path = re.sub(r":[^/]+", f":{MASK}", path)
    return scheme + login + ",".join(map(_host, hosts.split(","))) + slash + path + mark + "&".join(_mask_facts(query))


def _host(text: str) -> str:
    return _mask_fact(text) if _HOST.fullmatch(text) else f"{text.partition(':')[0]}:{MASK}"


def _mask_facts(query: str) -> Iterator[str]:
    for fact in query.split("&") if query else []:
        yield _mask_fact(fact) if "=" in fact else MASK


def _mask_fact(text: str) -> str:
    name, sign, value = text.partition("=")
    while (plain := unquote(name)) != name:
        name = plain
    return f"{name}={MASK}" if sign and _SECRET_NAME.search(name) else f"{name}{sign}{value}"
