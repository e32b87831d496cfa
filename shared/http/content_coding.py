"""Content codings (RFC 9110 §8.4, §12.5.3): which of zstd (RFC 8878), gzip and none a client likes best."""

import re
from functools import lru_cache
from typing import Final

from sanic import Request

from shared.edge.form import Coding
from shared.grammar import WEIGHT

_OFFERED: Final[tuple[Coding, ...]] = ("zstd", "gzip", "identity")
"""The first of those that a client likes equally is taken."""
_MAX_TEXTS: Final = 1000
_MAX_LENGTH: Final = 256

_members = re.compile(
    rf"(?<![^,])[ \t]*(zstd|x-gzip|gzip|identity|\*)[ \t]*(?:;[ \t]*q=({WEIGHT})[ \t]*)?(?![^,])", re.IGNORECASE
).findall


def negotiate(accept_encoding: str | None) -> Coding:
    """The coding for an answer to this ``Accept-Encoding``, its lines joined by commas.

    A member that cannot be read is passed over, and so is a text that is longer than any client's. A client that takes
    nothing of what there is gets the plain form (RFC 9110 §12.4.1 leaves that open): it helps more than a 406, which
    would be as plain.
    """
    if not accept_encoding or len(accept_encoding) > _MAX_LENGTH:
        return "identity"
    return _choose(accept_encoding)


def coding_for(request: Request) -> Coding:
    """The coding for an answer to ``request``."""
    return negotiate(",".join(request.headers.getall("accept-encoding", ())))


def coding_headers(coding: Coding, vary: str = "Accept-Encoding") -> dict[str, str]:
    """The fields of an answer in this ``coding``; ``vary`` names what it was chosen by."""
    return {"Vary": vary} if coding == "identity" else {"Vary": vary, "Content-Encoding": coding}


@lru_cache(_MAX_TEXTS)  # most clients say one of a few texts
def _choose(accept_encoding: str) -> Coding:
    weights: dict[str, float] = {}
    for name, weight in _members(accept_encoding):
        weights.setdefault(name.lower().removeprefix("x-"), float(weight or 1))
    others = weights.get("*", 0.0)
    best = max(_OFFERED, key=lambda coding: weights.get(coding, others))
    return best if weights.get(best, others) > 0 else "identity"
