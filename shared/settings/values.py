"""Parsers for the values of environment variables, one per kind of value."""

import re
from collections.abc import Callable
from dataclasses import dataclass
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

    def parse(text: str) -> float:
        value = _number(text)
        if not low <= value <= high:  # also refuses nan
            raise ValueError(text)
        return value

    return Kind(f"a number of seconds from {low:g} to {high:g}", parse)


def _number(text: str) -> float:
    """Digits as they are usually written: Python takes blanks, underscores and digits of other scripts as well."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    return float(text)


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:  # also refuses nan
        raise ValueError(text)
    return value


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
_PATH = re.compile(r"(?:/(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*", re.ASCII)
"""Segments of the characters that a path may hold as they are (RFC 3986 §3.3), and others percent-encoded."""


def _base_url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    found = _AUTHORITY.fullmatch(authority)
    if scheme.lower() not in ("http", "https") or found is None or not _PATH.fullmatch(slash + path):
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


def _path(text: str) -> str:
    if not text or not _PATH.fullmatch(text):
        raise ValueError(text)
    return text


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,32}", text):
        raise ValueError(text)
    return text


def _redis_key(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9:._-]{1,128}", text):
        raise ValueError(text)
    return text


def _token(text: str) -> str:
    if len(text) < 8 or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(text)
    return text


BASE_URL = Kind("an http:// or https:// address that can be looked up, without query or credentials", _base_url)
SHARE = Kind("a number from 0 to 1", _share)
PATH = Kind("a path that starts with /, percent-encoded", _path)
TOKEN = Kind("at least 8 visible ASCII characters", _token)
HOST = Kind("a host name or an address", _host)
NAMESPACE = Kind("1 to 32 characters of a-z, 0-9 and -", _namespace)
REDIS_KEY = Kind("1 to 128 characters of A-Z, a-z, 0-9, :, ., _ and -", _redis_key)
TEXT: Kind[str] = Kind("text", str)


class Listed(tuple[str, ...]):
    """Words in their order, written with commas between them."""

    __slots__ = ()

    def __str__(self) -> str:
        """As they are written in the environment."""
        return ",".join(self)


def listed(expected: str, parse: Callable[[str], str]) -> Kind[Listed]:
    """Words with commas between them, each once; ``parse`` gives a word its one form, or raises ValueError."""

    def parse_all(text: str) -> Listed:
        words = Listed(parse(word.strip()) for word in text.split(","))
        if len(set(words)) < len(words):
            raise ValueError(text)
        return words

    return Kind(f"{expected}, each once, with commas between them", parse_all)
