"""CloudEvents 1.0.2 in their JSON format, one by one and in batches. Pure.

https://github.com/cloudevents/spec: ``spec.md``, ``formats/json-format.md``.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta

from shared import codec
from shared.timestamps import Timestamp

MAX_BYTES: Final = 64 * 1024
"""An event that is no larger reaches everybody (spec.md, "Size Limits")."""
MAX_BATCH: Final = 1_000

_Text = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,1024}$(?!\n)")]
"""Of the characters that a string may have (spec.md, "Type System"), but for what Unicode calls no characters."""
_Base64 = Annotated[
    bytes,
    Meta(extra_json_schema={"pattern": r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"}),
]
_JSON: Final = "json"


class MalformedEvent(ValueError):
    """What is no CloudEvent; the text says where, and never repeats the input."""


class CloudEvent(msgspec.Struct, frozen=True):
    """Something that has happened: `type` tells what, `subject` to whom or what.

    `source` and `id` together tell it from all others. Attributes that are not named here are ignored.
    """

    specversion: Annotated[str, Meta(pattern=r"^1\.0$(?!\n)")]
    id: _Text
    source: _Text
    type: _Text
    subject: _Text | None = None
    time: Timestamp | None = None
    datacontenttype: str | None = None
    data: Any = UNSET
    data_base64: _Base64 | None = None

    def __post_init__(self) -> None:
        """Take the data from where it stands (json-format.md §3.1); None where there is none, and "" for no subject."""
        if self.data_base64 is not None:
            if self.data is not UNSET:
                raise ValueError("data stands beside data_base64")
            self._set("data", data_of(self.datacontenttype, self.data_base64))
            self._set("data_base64", None)
        elif self.data is UNSET:
            self._set("data", None)
        if self.subject is None:
            self._set("subject", "")

    def _set(self, name: str, value: object) -> None:
        msgspec.structs.force_setattr(self, name, value)


_read = codec.decoder(CloudEvent)
_read_batch = codec.decoder(list[msgspec.Raw])
_read_json = codec.decoder(object)


def read_event(written: bytes) -> CloudEvent:
    """The event that stands there as JSON.

    Raises:
        MalformedEvent: none does.
    """
    if len(written) > MAX_BYTES:
        raise MalformedEvent("too large")
    try:
        return _read(written)
    except ValueError as error:
        raise MalformedEvent(str(error)) from None


def read_batch(written: bytes) -> Iterator[bytes]:
    """The events of a batch, each as JSON still (json-format.md §4).

    Raises:
        MalformedEvent: it is no batch, or too many are in it.
    """
    try:
        batch = _read_batch(written)
    except ValueError:
        raise MalformedEvent("expected a JSON array of events") from None
    if len(batch) > MAX_BATCH:
        raise MalformedEvent(f"more than {MAX_BATCH} events")
    return map(bytes, batch)


def data_of(content_type: str | None, written: bytes) -> object:
    """What ``written`` says as content of this type: JSON where it is that, else bytes.

    Raises:
        ValueError: it is no JSON, and should be.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    subtype = media_type.partition("/")[2]
    return _read_json(written) if subtype == _JSON or subtype.endswith(f"+{_JSON}") else written
