"""The kinds of entries in the gateway's cache: aggregates and parts, with their decoders and lifetimes."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any, Final

from bff.answer import read_absence, read_answer
from bff.catalogue import Catalogue
from bff.parts.codec import PartCodec
from bff.parts.single import SinglePart
from bff.representation import representations
from bff.settings import GatewaySettings
from shared.cache.kind import Kind, Rules
from shared.http.early_routes import ReadyResponse

_READY_BYTES: Final = 2_700
"""What an answer takes that has been sent a few times, besides its body."""
_CODED: Final = 4
"""Most clients take the same coding, in which documents like ours are about a fourth."""


def cache_kinds(settings: GatewaySettings, declared: Catalogue) -> Iterator[Kind]:
    """Every kind of entries; nothing lives longer than the settings say, whoever stored it."""
    ttl, stale, negative_ttl = settings.cache_ttl, settings.cache_stale, settings.cache_negative_ttl
    for one in chain.from_iterable(map(representations, declared.kinds)):
        life = one.ttl(ttl)
        yield Kind(
            one.cache_kind,
            present=Rules(partial(read_answer, one), life, life, _sizeof_ready),
            absent=Rules(read_absence, negative_ttl, negative_ttl) if negative_ttl else None,
            tag=one.kind.tag,
            shape=one.schema,
        )
    for part in declared.parts.values():
        fresh = ttl if part.ttl is None else part.ttl
        kept = max(fresh, stale if part.stale is None else part.stale)
        if isinstance(part, SinglePart):
            yield Kind(
                part.name,
                Rules(_checked(part.codec), fresh, kept),
                tag=part.tag,
                varied=len(part.path.parameters) > 1,
                shape=part.codec.schema,
            )
        else:
            yield Kind(
                part.name,
                present=Rules(part.codec.read, fresh, kept, part.codec.sizeof),
                absent=Rules(_read_unknown, min(negative_ttl, fresh), kept),
                tag=part.tag,
                shape=part.codec.schema,
            )


def _sizeof_ready(ready: ReadyResponse) -> int:
    return _READY_BYTES + len(ready.body) // _CODED


def _checked(codec: PartCodec[Any]) -> Any:
    """Reads without keeping what is read: it is needed once or never, and takes several times as much."""

    def read(subject: str, data: bytes) -> None:
        codec.read(subject, data)

    return read


def _read_unknown(_subject: str, data: bytes) -> None:
    if data:
        raise ValueError
