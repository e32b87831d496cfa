"""Parsers for the values of environment variables, one per kind of value."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """A kind of value: ``parse`` raises ValueError on text that is not ``expected``."""

    expected: str
    parse: Callable[[str], T_co]


_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def integer(low: int, high: int) -> Kind[int]:
    """A whole number within bounds, plain digits only."""

    def parse(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return Kind(f"a whole number from {low} to {high}", parse)


def seconds(low: float, high: float) -> Kind[float]:
    """A duration in seconds within bounds."""
    return _number("a number of seconds", low, high)


def _number(what: str, low: float, high: float) -> Kind[float]:
    """Digits as they are usually written: Python takes blanks, underscores and digits of other scripts as well."""

    def parse(text: str) -> float:
        if not _DECIMAL.fullmatch(text) or not low <= float(text) <= high:
            raise ValueError(text)
        return float(text)

    return Kind(f"{what} from {low:g} to {high:g}", parse)


def matching(expected: str, pattern: str) -> Kind[str]:
    """Text that ``pattern`` matches the whole of, as it stands; fit for secrets, which other processes are given."""
    return Kind(expected, partial(_matched, re.compile(pattern)))


def _matched(pattern: "re.Pattern[str]", text: str) -> str:
    if pattern.fullmatch(text) is None:
        raise ValueError(text)
    return text


def one_of(*choices: str) -> Kind[str]:
    """One word out of a list, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(text)
        return text.lower()

    return Kind("one of " + ", ".join(choices), parse)


_AUTHORITY = re.compile(
    r"(?:\[(?P<address>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<name>[\w.-]+))(?::(?P<port>[0-9]{0,5}))?", re.ASCII
)
_LABEL = r"[\w-]{1,63}"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_NUMBERS = re.compile(r"(?:(?:[0-9]+|0x[0-9a-f]*)(?:\.|$))+", re.IGNORECASE)
_PATH = r"(?:/(?:[A-Za-z0-9_.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*"
"""Segments of the characters that a path may hold as they are (RFC 3986 §3.3), and others percent-encoded."""


def _base_url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    found = _AUTHORITY.fullmatch(authority)
    if scheme.lower() not in ("http", "https") or found is None or not re.fullmatch(_PATH, slash + path):
        raise ValueError(text)
    if found["address"]:
        IPv6Address(found["address"])
    else:
        _check_name(found["name"])
    if found["port"] and not 0 < int(found["port"]) < 65536:
        raise ValueError(text)
    return text.rstrip("/")


def _check_name(name: str) -> None:
    """A name that can be looked up (RFC 1035 §2.3.4), underscores too, as Docker's have; or an address in four numbers.

    Systems read other numbers as addresses too (``127.1``); nothing here does.
    """
    if _NUMBERS.fullmatch(name):
        IPv4Address(name)
    elif not _NAME.fullmatch(name) or len(name.removesuffix(".")) > 253:
        raise ValueError(name)


def _host(text: str) -> str:
    if not text.isascii() or any(c.isspace() or c in "/@" for c in text):
        raise ValueError(text)
    return text


BASE_URL = Kind("an http:// or https:// address that can be looked up, without query or credentials", _base_url)
SHARE = _number("a number", 0, 1)
PATH = matching("a path that starts with /, percent-encoded", rf"(?=/){_PATH}")
TOKEN = matching("at least 8 visible ASCII characters", r"[!-~]{8,}")
HOST = Kind("a host name or an address", _host)
NAMESPACE = matching("1 to 32 characters of a-z, 0-9 and -", r"[a-z0-9-]{1,32}")
REDIS_KEY = matching("1 to 128 characters of A-Z, a-z, 0-9, :, ., _ and -", r"[A-Za-z0-9:._-]{1,128}")
TEXT: Kind[str] = Kind("text", str)


class Listed(tuple[str, ...]):
    """Words in their order, written with commas between them."""

    __slots__ = ()

    def __str__(self) -> str:
        """As they are written in the environment."""
        return ",".join(self)


def listed(words: Kind[str]) -> Kind[Listed]:
    """Such ``words`` with commas between them, each once in its one form."""

    def parse_all(text: str) -> Listed:
        found = Listed(words.parse(word.strip()) for word in text.split(","))
        if len(set(found)) < len(found):
            raise ValueError(text)
        return found

    return Kind(f"{words.expected}, each once, with commas between them", parse_all)
