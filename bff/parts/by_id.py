"""Items by id as one JSON object, with a member for each."""

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

import msgspec

from bff.parts.codec import PartCodec
from shared import codec

T = TypeVar("T")

_members = codec.decoder(dict[str, msgspec.Raw])


def by_id_json(items: Iterable[tuple[str, bytes]]) -> bytes:
    """Ids with the JSON of each item, in this order, as one object."""
    return b"{%b}" % b",".join([b"%b:%b" % (codec.encode(item_id), data) for item_id, data in items])


class ById(Generic[T]):
    """Many items, each of which is written in the same way and is about its id."""

    def __init__(self, part_codec: PartCodec[T]) -> None:
        self._codec = part_codec
        self.schema = b"{%b}" % part_codec.schema

    def read(self, _subject: str, data: bytes) -> Mapping[str, T]:
        """The items in ``data``, whoever wants them.

        Raises:
            ValueError: it is not what :func:`by_id_json` writes.
        """
        members = [(item_id, bytes(raw)) for item_id, raw in _members(data).items()]
        if by_id_json(members) != data:
            raise ValueError
        return {item_id: self._codec.read(item_id, raw) for item_id, raw in members}
