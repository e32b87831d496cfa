"""Reads a list of records, each about one of several things asked for; an invalid record costs only itself."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

import msgspec

from shared import codec
from shared.errors import BadResponse, WrongSubject
from shared.upstream.call import Reply
from shared.upstream.reading import body_of

T = TypeVar("T")

_UNREADABLE: Final = (codec.WrongShape, codec.MalformedJSON)
"""Either may come after the other: a body of the wrong shape has not been read to its end."""

_MAX_RATIO: Final = 2
"""With more records than so many times those that were asked for, it is not worth looking which of them are wrong."""

Normalize = Callable[[str], str]
"""Maps all names of one thing to one name, such as ``str.casefold``."""


class Records(Generic[T]):
    """Reads a 200 with a JSON list of ``kind``, whose field ``key`` tells which of the things a record is about.

    Things are asked for by text; numbers and UUIDs are that of their usual text.
    """

    def __init__(self, kind: type[T], key: str, normalize: Normalize | None = None) -> None:
        """Without ``normalize``, names are the same if they are equal."""
        field = next(field for field in msgspec.structs.fields(kind) if field.name == key)  # type: ignore[arg-type]
        is_text = isinstance(msgspec.inspect.type_info(field.type), msgspec.inspect.StrType)
        get: Callable[[T], Any] = attrgetter(key)
        self._key: Callable[[T], str] = get if is_text else lambda record: str(get(record))
        self._normalize = normalize
        self._all: Callable[[bytes], list[T]] = codec.decoder(list[kind])  # type: ignore[valid-type]
        self._split = codec.decoder(list[msgspec.Raw])
        self._one = codec.decoder(kind)
        self._label: Callable[[bytes], Any] = codec.decoder(
            msgspec.defstruct("Label", [("name", str if is_text else field.type)], rename={"name": field.encode_name})
        )

    def about(self, asked: Sequence[str]) -> Callable[[Reply], Mapping[str, T]]:
        """Reads the records of ``asked`` by these names; what has none, the service does not know.

        The error that is raised when only a part is wrong has the others in ``rest``, and None for those that the
        service does not know.
        """
        return partial(self._read, asked)

    def _read(self, asked: Sequence[str], reply: Reply) -> Mapping[str, T]:
        body = body_of(reply)
        try:
            listed = self._all(body)
        except codec.MalformedJSON as error:
            raise BadResponse(str(error)) from error
        except codec.WrongShape as error:
            raise self._partial_error(asked, body, str(error)) from error
        records = {self._key(record): record for record in listed}
        if self._normalize is None and records.keys() <= set(asked):
            return records
        subjects = self._subjects(asked)
        records = dict(zip(self._subjects(list(records)), records.values(), strict=True))
        found = {name: records[one] for name, one in zip(asked, subjects, strict=True) if one in records}
        if not records.keys() <= set(subjects):
            raise _wrong_subject(found)
        return found

    def _partial_error(self, asked: Sequence[str], body: bytes, complaint: str) -> BadResponse:
        """The error to raise of a body in which something is not as it should be."""
        try:
            split = self._split(body)
        except _UNREADABLE:
            return BadResponse(complaint)
        if len(split) > _MAX_RATIO * len(asked):
            return BadResponse(complaint)
        records: dict[str, T] = {}
        invalid: set[str | None] = set()
        for data in map(bytes, split):
            try:
                record = self._one(data)
                records[self._subjects([self._key(record)])[0]] = record
            except _UNREADABLE:
                invalid.update(self._subjects(self._labels(data)) or [None])
        subjects = self._subjects(asked)
        mentioned = records.keys() | invalid
        rest: dict[str, T | None] = {
            name: records.get(one)
            for name, one in zip(asked, subjects, strict=True)
            if one not in invalid and (one in records or mentioned <= set(subjects))
        }
        if mentioned - {None} - set(subjects):
            return _wrong_subject(rest)
        return BadResponse(complaint, is_failure=not rest and len(set(subjects)) > 1, rest=rest or None)

    def _labels(self, data: bytes) -> list[str]:
        """Which thing a record says that it is about, if that can be read."""
        try:
            return [str(self._label(data).name)]
        except _UNREADABLE:
            return []

    def _subjects(self, names: Sequence[str]) -> Sequence[str]:
        return names if self._normalize is None else [self._normalize(name) for name in names]


def _wrong_subject(rest: Mapping[str, object]) -> WrongSubject:
    """Whatever was asked for and has no record may be what another record should have been about."""
    return WrongSubject("a record about something else than was asked for", is_failure=not rest, rest=rest or None)
