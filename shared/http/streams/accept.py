"""Whether a client asks for a stream, and in which form (RFC 9110 §12.5.1)."""

import re
from collections.abc import Sequence
from typing import Final

from shared.http.media_types import preferred
from shared.http.response_head import JSON
from shared.http.streams.event import FORMATS, StreamFormat

_names_json: Final = re.compile(rf"{JSON}(?![a-z])", re.IGNORECASE).search
_OFFERED: Final = {f"{one.media_type};charset=utf-8": one for one in FORMATS}
"""Whoever names the charset that they have means them too."""


def may_want_stream(accept: str) -> bool:
    """Whether this ``Accept`` names one of the types of streams; a range (``*/*``) names none."""
    return bool(_named(accept))


def wanted_stream(accept: Sequence[str]) -> StreamFormat | None:
    """The form of the stream that these lines of ``Accept`` ask for; None where they like JSON as much.

    Only what is named is given, and of equals that which is named.
    """
    streams = _named(",".join(accept))
    if not streams:
        return None
    offered = (JSON, *streams) if _names_json(",".join(accept)) else (*streams, JSON)
    return _OFFERED.get(preferred(accept, offered) or JSON)


def takes_json(accept: Sequence[str]) -> bool:
    """Whether a document will do as well."""
    return preferred(accept, (JSON,)) is not None


def _named(accept: str) -> Sequence[str]:
    accept = accept.lower()
    return [offer for offer, one in _OFFERED.items() if one.media_type in accept]
