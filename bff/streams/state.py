"""An aggregate as its streams tell it: what its document says, part by part, byte for byte."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from bff.aggregates.kind import METADATA
from bff.parts.part import Part
from shared import codec


class Told(NamedTuple):
    """A part as clients are told of it, in JSON: its entry in ``metadata.parts``, and its value."""

    provenance: bytes
    value: bytes

    @classmethod
    def of(cls, part: Part[object]) -> "Told":
        """That of a ``part``."""
        return cls(codec.document(part.provenance()), part.json)

    @property
    def digest(self) -> bytes:
        """Tells it from those that say anything else, but for how old that is."""
        return hashlib.blake2b(b"%b %b" % (_without_age(b"", self.provenance), self.value), digest_size=12).digest()


class State(NamedTuple):
    """All that is known at a moment.

    Attributes:
        parts: each by name.
        metadata: as in the document.
        etag: the entity tag of the document; None where it is not whole.
    """

    parts: Mapping[str, Told]
    metadata: bytes
    etag: str | None

    @classmethod
    def of(cls, body: bytes, etag: str | None) -> "State":
        """What a document says with this ``body``."""
        members = _members(body)
        metadata = bytes(members.pop(METADATA))
        provenance = _metadata(metadata).parts
        parts = {name: Told(bytes(provenance[name]), bytes(value)) for name, value in members.items()}
        return cls(parts, metadata, etag)

    @property
    def id(self) -> str:
        """The digest in the entity tag; "" where there is none."""
        return digest_of(self.etag)


class _Metadata(msgspec.Struct):
    parts: dict[str, msgspec.Raw]


_without_age: Final = re.compile(rb',"age":[0-9.]+').sub
_members: Final = codec.decoder(dict[str, msgspec.Raw])
_metadata: Final = codec.decoder(_Metadata)


def digest_of(etag: str | None) -> str:
    """What stands between the quotes of an entity tag (RFC 9110 §8.8.3); "" for none."""
    return "" if etag is None else etag.removeprefix("W/")[1:-1]
