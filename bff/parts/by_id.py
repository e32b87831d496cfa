"""Items by id as one JSON object, with a member for each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from bff.parts.codec import PartCodec
from shared import codec

T = TypeVar("T")

_members = codec.decoder(dict[str, msgspec.Raw])


def label(name: str) -> bytes:
    """What stands before the value of a member of this ``name``, in a JSON object that has others before it."""
    return b",%b:" % codec.encode(name)


def join_labelled(pieces: Sequence[bytes]) -> bytes:
    """Labels, each followed by its value, as the members of one object, without its braces."""
    return b"".join(pieces)[1:]


def by_id_json(items: Iterable[tuple[str, bytes]]) -> bytes:
    """Ids with the JSON of each item, in this order, as one object."""
    return b"{%b}" % join_labelled([piece for item_id, data in items for piece in (label(item_id), data)])


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
