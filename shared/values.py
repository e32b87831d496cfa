"""What the text of an environment variable may be: one small parser a kind of value."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import SplitResult, urlsplit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of value: ``parse`` raises ValueError on text that is not ``expected``."""

    expected: str
    parse: Callable[[str], T]


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
        value = float(text)
        if not low <= value <= high:  # also refuses nan
            raise ValueError(text)
        return value

    return Kind(f"a number of seconds from {low:g} to {high:g}", parse)


def _share(text: str) -> float:
    value = float(text)
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


def _split(text: str, schemes: tuple[str, ...]) -> SplitResult:
    url = urlsplit(text)
    # Reading the port checks it: urlsplit itself accepts anything there.
    if url.scheme not in schemes or not url.hostname or url.port == 0 or any(c.isspace() for c in text):
        raise ValueError(text)
    return url


def _base_url(text: str) -> str:
    url = _split(text, ("http", "https"))
    if url.query or url.fragment or url.username is not None:
        raise ValueError(text)
    return text.rstrip("/")


def _host(text: str) -> str:
    if not text.isascii() or any(c.isspace() or c in "/@" for c in text):
        raise ValueError(text)
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or any(c.isspace() or c in "?#" for c in text):
        raise ValueError(text)
    return text


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,32}", text):
        raise ValueError(text)
    return text


def _token(text: str) -> str:
    if len(text) < 8 or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(text)
    return text


BASE_URL = Kind("an http:// or https:// address without query or credentials", _base_url)
SHARE = Kind("a number from 0 to 1", _share)
PATH = Kind("a path that starts with /", _path)
TOKEN = Kind("at least 8 visible ASCII characters", _token)
HOST = Kind("a host name or an address", _host)
NAMESPACE = Kind("1 to 32 characters of a-z, 0-9 and -", _namespace)
TEXT: Kind[str] = Kind("text", str)
