"""How the value of a part is written down, whom it is about, and how it is read back once from each entry in memory."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from shared import codec
from shared.cache.entry import Entry
from shared.upstream.records import Same

T = TypeVar("T")


class Form(Generic[T]):
    """The value of one part: ``kind`` names the part in metrics and its entries in the cache."""

    def __init__(
        self, kind: str, shape: type[T], *, about: Callable[[T], Iterable[str]], same: Same | None = None
    ) -> None:
        """``about`` tells the subjects that each piece of a value says it is about.

        They are those that were asked for if they are equal, or if ``same`` makes the same of both: ``str.casefold``
        for a service that does not tell cases apart.
        """
        self.kind = kind
        self.same = same
        self._about = about
        self._decode = codec.decoder(shape)

    def is_about(self, subject: str, value: T) -> bool:
        """Whether every piece of ``value`` says that it is about ``subject``."""
        same = self.same
        if same is None:
            return set(self._about(value)) <= {subject}
        return {same(one) for one in self._about(value)} <= {same(subject)}

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
