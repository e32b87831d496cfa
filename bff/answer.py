"""An aggregate as response bodies, for a miss and for a hit, encoded once; and the reverse, for entries from Redis."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from bff.aggregates.kind import METADATA
from bff.parts.part import FRESH, Aggregate
from bff.representation import Representation, encode_parts, join_members
from shared import codec
from shared.http.early_routes import ReadyResponse
from shared.timestamps import rfc3339

_TIMESTAMP: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_MAX_SENTENCE: Final = 1_000
_TAG_DIGITS: Final = 24


class Answer(msgspec.Struct, frozen=True):
    """The two bodies, which differ in ``metadata.cached`` alone, and the entity tag of a complete answer."""

    body: bytes
    cached_body: bytes
    etag: str | None


class _Times(msgspec.Struct):
    """What ``metadata`` says that is not known beforehand."""

    aggregated_at: str
    aggregation_time_ms: float
    cache_ttl: int


def compose(
    aggregate: Aggregate,
    facts: Mapping[str, object],
    *,
    ttl: int,
    duration: float,
    now: float,
    write: Callable[[Aggregate], bytes] = encode_parts,
) -> Answer:
    """The answer to send: ``ttl`` and ``duration`` in seconds, ``now`` in seconds since the epoch.

    ``facts`` are what ``metadata`` says of the ``aggregate``, and ``write`` gives the members beside that.
    """
    data, partial = write(aggregate), aggregate.partial
    provenance = {name: part.provenance() for name, part in aggregate.parts.items()}
    times = _Times(rfc3339(now), round(duration * 1000, 1), ttl)
    metadata = _metadata(facts, times, provenance, partial=partial)
    return Answer(
        body=_document(data, metadata, b"false"),
        cached_body=_document(data, metadata, b"true"),
        etag=None if partial else _weak_tag(data),
    )


def read_answer(representation: Representation, identifier: str, body: bytes) -> ReadyResponse:
    """The answer out of the cache whose ``body`` this is: of the aggregate ``identifier``, complete, as composed here.

    Raises:
        ValueError: it is anything else, if by a single byte.
    """
    raw = {name: bytes(member) for name, member in _members(body).items()}
    if list(raw) != [*representation.members, METADATA]:
        raise ValueError
    told = raw.pop(METADATA)
    data = join_members(raw)
    facts = representation.read(identifier, raw, told)
    provenance = {part.name: FRESH for part in representation.parts}
    metadata = _metadata(facts, _read_times(told), provenance, partial=False)
    if _document(data, metadata, b"true") != body:
        raise ValueError
    return ReadyResponse(_weak_tag(data), body)


def read_absence(_identifier: str, sentence: bytes) -> str:
    """The sentence out of the cache that explains a 404.

    Raises:
        ValueError: it is none.
    """
    text = sentence.decode()
    if not text.isprintable() or not 0 < len(text) <= _MAX_SENTENCE:
        raise ValueError
    return text


_members = codec.decoder(dict[str, msgspec.Raw])
_decode_times = codec.decoder(_Times)


def _read_times(metadata: bytes) -> _Times:
    times = _decode_times(metadata)
    if not _TIMESTAMP.fullmatch(times.aggregated_at) or times.aggregation_time_ms < 0 or times.cache_ttl < 1:
        raise ValueError
    return times


def _metadata(
    facts: Mapping[str, object], times: _Times, parts: Mapping[str, object], *, partial: bool
) -> tuple[bytes, bytes]:
    """What it says before and after it says whether the answer was cached."""
    before = {
        **facts,
        "aggregated_at": times.aggregated_at,
        "aggregation_time_ms": times.aggregation_time_ms,
        "cache_ttl": times.cache_ttl,
    }
    return codec.document(before)[:-1], codec.document({"partial": partial, "parts": parts})[1:]


def _document(data: bytes, metadata: tuple[bytes, bytes], cached: bytes) -> bytes:
    before, after = metadata
    return b"".join((b"{", data, b',"metadata":', before, b',"cached":', cached, b",", after, b"}"))


def _weak_tag(data: bytes) -> str:
    """Weak (RFC 9110 §8.8.1): answers with the same parts are equivalent whenever they were put together."""
    return f'W/"{hashlib.sha256(data).hexdigest()[:_TAG_DIGITS]}"'
