"""How the value of a part is written down, and read back once from each entry in memory."""

from typing import Generic, TypeVar

from shared import codec
from shared.cache.entry import Entry

T = TypeVar("T")


class Form(Generic[T]):
    """The value of one part: ``kind`` names the part in metrics and its entries in the cache."""

    def __init__(self, kind: str, shape: type[T]) -> None:
        self.kind = kind
        self._decode = codec.decoder(shape)

    def encode(self, value: T) -> bytes:
        """The value as JSON."""
        return codec.encode(value)

    def value(self, entry: Entry) -> T | None:
        """The value in ``entry``; None when it is not of this shape (written by another version, perhaps)."""
        if entry.form is None:
            try:
                entry.form = self._decode(entry.value)
            except (codec.MalformedJSON, codec.WrongShape):
                return None
        value: T = entry.form  # type: ignore[assignment]
        return value
