"""What ``X_SERVICE_URL`` may say: one place where a service is, or several with commas between them.

``http://users:8001`` means the instance at that address, or all that the name has; ``dns+http://users:8001`` means the
same and says that many are meant. ``srv+http://_http._tcp.users`` means those of the name's SRV records (RFC 2782),
which have the ports as well.
"""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from shared.settings import values

_COMMA: Final = re.compile(r"\s*,\s*(?=[^,/]*://)")
"""One that an address follows: paths may have commas too."""
_PORTS: Final = {"http": 80, "https": 443}
_WORD: Final = re.compile(r"(?:(?P<prefix>dns|srv)\+)?(?P<url>https?://.*)", re.IGNORECASE)
_SRV_NAME: Final = re.compile(r"_[\w-]+\._tcp\.(?P<name>.+)", re.ASCII)


class By(enum.Enum):
    """How a target is found."""

    ADDRESS = enum.auto()
    """It is known."""
    NAME = enum.auto()
    SRV = enum.auto()


@dataclass(frozen=True, slots=True)
class Target:
    """One place where a service is said to be.

    Attributes:
        by: how its instances are found.
        host: the address (IPv6 without brackets), or the name that is looked up; in lower case.
        port: where they listen; 0 where SRV records say so.
        url: ``scheme://host[:port][/path]``; with SRV records the host is the service's name, without the labels of
            service and protocol.
    """

    by: By
    host: str
    port: int
    url: str

    def base_url(self, port: int) -> str:
        """What is before every path of the instance that listens on ``port``.

        Its host is the name that was asked for and never one that SRV records name: who can change these must not be
        able to say whose certificate is good (RFC 6125 §6.2.1), nor what ``Host`` is.
        """
        if self.by is not By.SRV:
            return self.url
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}:{port}{parts.path}"


def targets(text: str) -> tuple[Target, ...]:
    """The places that a value of :data:`SERVICE_ADDRESS` names, in its order.

    Raises:
        ValueError: it is no such value.
    """
    found = tuple(_target(prefix, url) for prefix, url in _words(text))
    if len({_identity(target) for target in found}) < len(found):
        raise ValueError(text)
    return found


def _parse(text: str) -> str:
    targets(text)
    return ",".join(f"{prefix}+{url}" if prefix else url for prefix, url in _words(text))


SERVICE_ADDRESS: Final = values.Kind(
    "an http:// or https:// address that can be looked up (dns+http://name and srv+http://_http._tcp.name too), "
    "without query or credentials, or several, each once, with commas between them",
    _parse,
)


def _words(text: str) -> Iterator[tuple[str, str]]:
    """What says how it is looked up, if anything does, and the address without it."""
    for word in _COMMA.split(text):
        found = _WORD.fullmatch(word)
        if found is None:
            raise ValueError(text)
        yield (found["prefix"] or "").lower(), values.BASE_URL.parse(found["url"])


def _target(prefix: str, url: str) -> Target:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if prefix == "srv":
        named = _SRV_NAME.fullmatch(host)
        if named is None or ":" in parts.netloc or _is_address(named["name"]):
            raise ValueError(url)
        return Target(By.SRV, host, 0, values.BASE_URL.parse(f"{parts.scheme}://{named['name']}{parts.path}"))
    if prefix and _is_address(host):
        raise ValueError(url)
    return Target(By.ADDRESS if _is_address(host) else By.NAME, host, parts.port or _PORTS[parts.scheme], url)


def _identity(target: Target) -> tuple[object, ...]:
    parts = urlsplit(target.url)
    return target.by, target.host, target.port, parts.scheme, parts.path


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
