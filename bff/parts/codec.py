"""The codec of a part: encodes its value, decodes and validates it, and knows whom the value is about."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec
from msgspec.structs import astuple

from shared import codec
from shared.cache.entry import Entry
from shared.errors import DeclarationError
from shared.upstream.records import Normalize

T = TypeVar("T")

_RAW_BYTES: Final = 64

ABSENT: Final = b"null"
"""What a part without a value is in a document."""


class PartReader(Protocol):
    """How something is written in a document."""

    @property
    def schema(self) -> bytes:
        """Tells this way of writing from every other."""

    def read(self, subject: str, data: bytes) -> Any:
        """The value in ``data``, which must be about ``subject`` and written exactly as we write it.

        Raises:
            ValueError: it is anything else.
        """


class OrAbsent:
    """How something is written that there may be none of: as null then."""

    def __init__(self, reader: PartReader) -> None:
        self._reader = reader
        self.schema = b"%b|null" % reader.schema

    def read(self, subject: str, data: bytes) -> Any:
        """The value in ``data``, or None.

        Raises:
            ValueError: it is anything else.
        """
        return None if data == ABSENT else self._reader.read(subject, data)


def _named(shape: type) -> dict[str, object]:
    return {"title": f"{shape.__module__}.{shape.__qualname__}"}


class PartCodec(Generic[T]):
    """Reads and writes the values of one part, or of one of the things that a part is made of."""

    def __init__(
        self, shape: type[T], *, about: Callable[[T], Sequence[str]] | None = None, normalize: Normalize | None = None
    ) -> None:
        """``about`` tells the subjects that each piece of a value says it is about; without it nobody is asked for.

        They are those that were asked for if they are equal, after ``normalize`` where that is given: ``str.casefold``
        for a service that does not tell cases apart.
        """
        self.normalize = normalize
        self._about = about
        self._decode = codec.decoder(shape)
        self.schema = codec.encode(msgspec.json.schema(shape, schema_hook=_named))

    def subjects(self, value: T) -> Sequence[str]:
        """The subject that each piece of ``value`` says it is about; none where nobody is asked for."""
        return () if self._about is None else self._about(value)

    def is_about(self, subject: str, value: T) -> bool:
        """Whether every piece of ``value`` says that it is about ``subject``."""
        if self._about is None:
            return True
        subjects = self._about(value)
        if self.normalize is not None:
            subject, subjects = self.normalize(subject), [self.normalize(one) for one in subjects]
        return subjects.count(subject) == len(subjects)

    def encode(self, value: T) -> bytes:
        """The value as JSON."""
        # A copy takes what it is long; what msgspec returns takes all of the buffer that it was written to.
        return b"".join((codec.encode(value), b""))

    def read(self, subject: str, data: bytes) -> T:
        """The value in ``data``, about ``subject`` and byte for byte as :meth:`encode` writes it: nothing besides.

        Raises:
            ValueError: it is anything else.
        """
        value = self._decode(data)
        if self.encode(value) != data or not self.is_about(subject, value):
            raise ValueError
        return value

    @staticmethod
    def sizeof(value: T) -> int:
        """Bytes that a value takes in memory."""
        fields = astuple(value) if isinstance(value, msgspec.Struct) else ()
        # sys.getsizeof adds up what msgspec has never set of its raw text, which is a piece of what is kept anyway.
        sized = [field for field in fields if type(field) is not msgspec.Raw]
        return sys.getsizeof(value) + sum(map(sys.getsizeof, sized)) + _RAW_BYTES * (len(fields) - len(sized))

    def example(self, document: object) -> T:
        """The value that a service sends as ``document``, which is plain data.

        Raises:
            DeclarationError: it is not of this shape, or does not say whom it is about.
        """
        try:
            value = self._decode(codec.document(document))
        except codec.WrongShape as error:
            raise DeclarationError(f"its example is not of its shape: {error}") from error
        try:
            self.subjects(value)
        except Exception as error:
            raise DeclarationError(f"its example does not say whom it is about: {error}") from error
        return value

    def decode_owned(self, data: bytes) -> T:
        """The value that was written as ``data``, holding on to nothing else: raw text in it is a piece of ``data``."""
        return self._decode(data)

    def decode_entry(self, entry: Entry) -> T | None:
        """The value in ``entry``; None when it is not of this shape."""
        if entry.decoded is not None:
            value: T = entry.decoded  # type: ignore[assignment]
            return value
        try:
            return self._decode(entry.value)
        except (codec.MalformedJSON, codec.WrongShape):
            return None
