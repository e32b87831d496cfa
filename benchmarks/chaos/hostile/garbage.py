"""Header fields that the edge reads, as those write them who want to be taken for others; and plain ones."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

ORIGIN: Final = "https://app.invalid"
"""Whose scripts may read answers."""

_FIELDS: Final[Mapping[str, Sequence[str]]] = {
    "Origin": (
        ORIGIN, ORIGIN, "null", "https://evil.invalid", f"{ORIGIN}.evil.invalid", f"{ORIGIN}/", ORIGIN.upper(),
        f"{ORIGIN}:443", f"{ORIGIN}, https://evil.invalid", "*", "x" * 300,
    ),
    "Accept-Encoding": (
        "zstd", "gzip", "gzip, deflate, br, zstd", "zstd;q=0, gzip;q=0", "identity;q=0", "*;q=0", "*", "gzip;q=0.001",
        "zstd;q=1.0000, gzip", "zstd;q=2", ";;q=,", "gzip;;q=1", "x" * 300, "gzip" + ", gzip" * 100, "ZSTD", "x-gzip",
    ),
    "X-Forwarded-For": (
        "203.0.113.7", "unknown", "127.0.0.1", "::1", "[::1]:99999", "203.0.113.7, 127.0.0.1", "127.0.0.1, garbage",
        ",,,,", "1.2.3.4:port", "999.1.1.1", "2001:db8::1%eth0", "10.0.0.1" + ", 10.0.0.1" * 60, "x" * 300, "0", "-1",
    ),
    "Forwarded": ("for=127.0.0.1", 'for="[::1]"', "for=;for=", 'for="127.0.0.1, for=x"', "for=_hidden", "=;="),
    "X-Forwarded-Proto": ("https", "https, http", "x" * 300),
    "If-None-Match": ("*", 'W/"x"', '"', ",,,"),
    "Accept": ("text/html", "*/*;q=0", "x" * 300),
    "traceparent": ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "odd", "x" * 300),
}  # fmt: skip
_SHARE: Final = 0.3


def fields(dice: Random) -> dict[str, str]:
    """Some, each once."""
    return {name: dice.choice(values) for name, values in _FIELDS.items() if dice.random() < _SHARE}
