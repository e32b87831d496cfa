"""CloudEvents in HTTP requests: structured, batched and binary mode. Pure.

https://github.com/cloudevents/spec: ``bindings/http-protocol-binding.md``.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from shared.events.cloud_event import MAX_BYTES, CloudEvent, MalformedEvent, data_of, read_batch, read_event

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
ATTRIBUTES: Final = ("specversion", "id", "source", "type", "subject", "time")
"""Those that stand in fields ``ce-…`` of the head in binary mode."""
_ANY: Final = "application/cloudevents"
_MARK: Final = "ce-specversion"

_quoted = re.compile(r'"((?:[^"\\]|\\.)*)"').fullmatch
_escaped: Final = re.compile(r"\\(.)")
_encoded = re.compile(r"(?:[\x20-\x24\x26-\x7e]|%[0-9A-Fa-f]{2})*").fullmatch

Values = Callable[[str], Sequence[str]]
"""Gives the values of each field of the head that has this name."""


class UnknownFormat(ValueError):
    """A request whose content is in no format of events that is read here."""


def events_in(values: Values, body: bytes) -> CloudEvent | Iterator[CloudEvent | None]:
    """The event that a request brings, or the batch of them; None for each of a batch that is none.

    Raises:
        UnknownFormat: it brings something else.
        MalformedEvent: it brings none.
    """
    content_type = ", ".join(values("content-type"))
    media_type = content_type.partition(";")[0].strip().lower()
    if values("content-encoding"):  # nothing compressed is taken (RFC 9110 §8.4)
        raise UnknownFormat(media_type)
    if media_type == BATCHED:
        return map(_event_or_none, read_batch(body))
    if media_type == STRUCTURED:
        return read_event(body)
    if media_type.startswith(_ANY) or not values(_MARK):
        raise UnknownFormat(media_type)
    return _binary(values, content_type, body)


def _event_or_none(written: bytes) -> CloudEvent | None:
    try:
        return read_event(written)
    except MalformedEvent:
        return None


def _binary(values: Values, content_type: str, body: bytes) -> CloudEvent:
    """An event whose attributes stand in the head, and whose data is the body (§3.1)."""
    if values("ce-datacontenttype"):
        raise MalformedEvent("ce-datacontenttype stands beside Content-Type")
    if len(body) > MAX_BYTES:
        raise MalformedEvent("too large")
    written: dict[str, Any] = {}
    for name in ATTRIBUTES:
        found = values(f"ce-{name}")
        if len(found) > 1:
            raise MalformedEvent(f"more than one ce-{name}")
        if found:
            written[name] = _decoded(found[0])
    try:
        if body:
            written["data"] = data_of(content_type, body)
        return msgspec.convert(written, CloudEvent)
    except ValueError as error:
        raise MalformedEvent(str(error)) from None


def _decoded(value: str) -> str:
    """An attribute as it was before it was written into the head (§3.1.3.2)."""
    quoted = _quoted(value)
    if quoted:
        value = _escaped.sub(r"\1", quoted[1])
    if _encoded(value):
        with suppress(UnicodeDecodeError):
            return unquote_to_bytes(value).decode()
    raise MalformedEvent("a field that is not percent-encoded UTF-8")
