"""What a service tells of its changes: CloudEvents 1.0.2, in the JSON event format.

Events say what has changed and not what it is now: whoever wants to know asks, and no personal data travels.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from services.uuid7 import uuid7
from shared import codec
from shared.timestamps import TimestampText, rfc3339

MEDIA_TYPE = "application/cloudevents+json"
"""Of one event (structured mode)."""


class CloudEvent(msgspec.Struct, frozen=True):
    """One event; ``source`` and ``id`` together name it, and ``time`` is when the change was made."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: TimestampText
    datacontenttype: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of events, and the service that they come from."""

    source: str
    name: str

    def event(self, subject: str, data: Mapping[str, object]) -> str:
        """A new event about ``subject`` that happens now, as JSON."""
        return codec.encode(
            CloudEvent(
                "1.0",
                str(uuid7()),
                self.source,
                self.name,
                subject,
                rfc3339(time.time()),
                "application/json",
                data,
            )
        ).decode()
