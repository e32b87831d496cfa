"""Things by id as one JSON object, with a member for each."""

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

import msgspec

from bff.parts.codec import PartCodec
from shared import codec

T = TypeVar("T")

_members = codec.decoder(dict[str, msgspec.Raw])


def by_id_json(things: Iterable[tuple[str, bytes]]) -> bytes:
    """Ids with the JSON of each thing, in this order, as one object."""
    return b"{%b}" % b",".join([b"%b:%b" % (codec.encode(one), data) for one, data in things])


class ById(Generic[T]):
    """Many things, each of which is written in the same way and is about its id."""

    def __init__(self, part_codec: PartCodec[T]) -> None:
        self._codec = part_codec
        self.schema = b"{%b}" % part_codec.schema

    def read(self, _subject: str, data: bytes) -> Mapping[str, T]:
        """The things in ``data``, whoever wants them.

        Raises:
            ValueError: it is not what :func:`by_id_json` writes.
        """
        members = [(one, bytes(raw)) for one, raw in _members(data).items()]
        if by_id_json(members) != data:
            raise ValueError
        return {one: self._codec.read(one, raw) for one, raw in members}
