"""The names of entries: a prefix of our own, the kind of thing, its identifier."""

from typing import Final

PREFIX: Final = "bff:v1:"


def key(kind: str, identifier: str) -> str:
    """The key of one thing; ``kind`` has no colon and ``identifier`` only characters of ``shared.ids``."""
    return f"{PREFIX}{kind}:{identifier}"
