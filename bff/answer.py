"""An aggregate as bytes: both variants, as sent now and as sent from the cache, made once."""

import hashlib
from collections.abc import Mapping

import msgspec

from bff.parts.part import Aggregate
from shared import codec
from shared.cache.entry import Entry
from shared.moments import rfc3339


class Answer(msgspec.Struct, frozen=True):
    """The two bodies, which differ in ``metadata.cached`` alone, and the entity tag of a complete answer."""

    body: bytes
    cached_body: bytes
    etag: str | None


class StoredAnswer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the cache keeps: status 200 with body and tag, or status 404 with the sentence that explains it."""

    status: int
    etag: str
    body: bytes

    def to_bytes(self) -> bytes:
        """The form under a cache key."""
        return _encode_stored(self)

    @classmethod
    def of(cls, entry: Entry) -> "StoredAnswer | None":
        """What ``entry`` holds, read once; None for anything else."""
        if entry.form is None:
            try:
                entry.form = _decode_stored(entry.value)
            except msgspec.MsgspecError:
                return None
        return entry.form if isinstance(entry.form, cls) else None


_encode_stored = msgspec.msgpack.Encoder().encode
_decode_stored = msgspec.msgpack.Decoder(StoredAnswer).decode


def compose(aggregate: Aggregate, *, ttl: int, duration: float, now: float) -> Answer:
    """The answer to send: ``ttl`` and ``duration`` in seconds, ``now`` in seconds since the epoch."""
    data = b",".join(b'"%b":%b' % (name.encode(), part.json) for name, part in aggregate.parts.items())
    metadata: dict[str, object] = {
        **aggregate.facts,
        "aggregated_at": rfc3339(now),
        "aggregation_time_ms": round(duration * 1000, 1),
        "cache_ttl": ttl,
        "cached": False,
        "partial": aggregate.partial,
        "parts": {name: part.provenance() for name, part in aggregate.parts.items()},
    }
    return Answer(
        body=_join(data, metadata),
        cached_body=_join(data, metadata | {"cached": True}),
        etag=None if aggregate.partial else _weak_tag(data),
    )


def _join(data: bytes, metadata: Mapping[str, object]) -> bytes:
    return b'{%b,"metadata":%b}' % (data, codec.document(metadata))


def _weak_tag(data: bytes) -> str:
    """Weak (RFC 9110 §8.8.1): answers with the same parts are equivalent whenever they were put together."""
    return f'W/"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'
