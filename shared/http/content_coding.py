"""Content codings (RFC 9110 §8.4, §12.5.3): gzip, for clients that accept it."""

import gzip
import re
from collections.abc import Iterable
from typing import Final

from shared.grammar import WEIGHT

_LEVEL: Final = 1  # text like ours is a tenth of its size then; more would cost twice the time for a hundredth
_weight = re.compile(rf"q=({WEIGHT})", re.IGNORECASE).fullmatch


def takes_gzip(fields: Iterable[str]) -> bool:
    """Whether these lines of ``Accept-Encoding`` allow gzip, and do not prefer the plain form to it.

    A member whose weight cannot be read is passed over.
    """
    weights: dict[str, float] = {}
    for member in ",".join(fields).split(","):
        name, _, parameter = (part.strip() for part in member.partition(";"))
        weight = _weight(parameter or "q=1")
        if weight is not None:
            weights.setdefault("gzip" if name.lower() == "x-gzip" else name.lower(), float(weight[1]))
    wanted = weights.get("gzip", weights.get("*", 0.0))
    return wanted > 0 and wanted >= weights.get("identity", 0.0)


def coded(body: bytes, *, gzipped: bool) -> bytes:
    """``body`` in this coding."""
    return gzip.compress(body, _LEVEL, mtime=0) if gzipped else body


def coding_headers(vary: str, *, gzipped: bool) -> dict[str, str]:
    """The fields of an answer in this coding; ``vary`` names what it was chosen by."""
    return {"Vary": vary, "Content-Encoding": "gzip"} if gzipped else {"Vary": vary}
