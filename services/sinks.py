"""Where events go: a Redis stream, an address, or nowhere."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from services.events import MEDIA_TYPE
from services.settings import ServiceSettings
from shared.cache.redis_client import RedisClient, TierDown
from shared.cache.redis_errors import error_text
from shared.cache.replies import Command
from shared.deadline import Deadline
from shared.errors import BadResponse, UpstreamError
from shared.serving.app import Resource
from shared.settings.secret import Secret
from shared.upstream.call import Call, Change, Reply, stack
from shared.upstream.timeout import attempt_timeout
from shared.upstream.transport.session import Session

_LONGEST_STREAM: Final = 100_000
"""Events that the stream keeps, or a few more."""
_FIELD: Final = "event"


class Taken(NamedTuple):
    """How many events, from the first on, have been taken, and why not all; "" if all have."""

    events: int
    failure: str = ""


class Sink(Protocol):
    """Takes events, in their order."""

    @property
    def outcome(self) -> str:
        """What has become of those that are taken, as the metric has it."""
        ...

    @property
    def resources(self) -> Sequence[Resource]:
        """What has to be open while it is used."""
        ...

    async def tell(self, events: Sequence[str]) -> Taken:
        """Tell of ``events``, each a JSON text; those that are not taken may have arrived nevertheless."""
        ...


class Nowhere:
    """There is nobody to be told."""

    outcome = "dropped"
    resources = ()

    async def tell(self, events: Sequence[str]) -> Taken:
        """Nothing happens to them."""
        return Taken(len(events))


class RedisStream:
    """A stream in Redis that whoever wants to know reads; its oldest events go when it is long."""

    outcome = "published"
    resources = ()

    def __init__(self, redis: RedisClient, key: str) -> None:
        self._redis = redis
        self._key = key

    async def tell(self, events: Sequence[str]) -> Taken:
        """Append them, all in one round trip."""
        try:
            replies = await self._redis.attempt(self._key, *map(self._command, events))
        except TierDown:
            return Taken(0, "Redis is away")
        for number, reply in enumerate(replies):
            if not isinstance(reply, bytes):
                return Taken(number, f"Redis: {error_text(reply) if isinstance(reply, Exception) else 'key is moving'}")
        return Taken(len(events))

    def _command(self, event: str) -> Command:
        return ("XADD", self._key, "MAXLEN", "~", _LONGEST_STREAM, "*", _FIELD, event)


class Address:
    """An address that takes one event with each POST, at the next of them when it has answered with 2xx."""

    outcome = "published"

    def __init__(self, url: str, token: str, seconds: float) -> None:
        """``token`` is shown there, if there is one; for longer than ``seconds`` nobody is to wait for :meth:`tell`."""
        session = Session()
        self.resources = (session,)
        self._seconds = seconds / 2
        self._path = "" if urlsplit(url).path else "/"
        self._send = stack(session.transport(url, token=Secret(token)), attempt_timeout(self._seconds))

    async def tell(self, events: Sequence[str]) -> Taken:
        """Send them one after the other; those for which there is no time are left for the next time."""
        begun = Deadline.after(self._seconds)
        for number, event in enumerate(events):
            if begun.left() <= 0:
                return Taken(number)
            change = Change("POST", MEDIA_TYPE, "", repeatable=True)
            deadline = Deadline.after(self._seconds)
            try:
                await self._send(Call(self._path, _accepted, deadline, event.encode(), change=change))
            except UpstreamError as error:
                return Taken(number, str(error))
        return Taken(len(events))


def _accepted(reply: Reply) -> None:
    if reply.status >= HTTPStatus.BAD_REQUEST:
        raise BadResponse(f"status {reply.status}", status=reply.status)


def sink_for(settings: ServiceSettings, redis: RedisClient | None) -> Sink:
    """Where events go by these ``settings``; ``redis`` is the one that they name."""
    if settings.events_url:
        return Address(settings.events_url, settings.events_token, settings.database_timeout)
    return Nowhere() if redis is None else RedisStream(redis, settings.events_stream)
