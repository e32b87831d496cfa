"""``POST /api/events``: services tell what has changed. Where nobody can be let in there is no such route."""

from collections import Counter
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from sanic import HTTPResponse, Request, Sanic

from bff.endpoints.admin import ADMIN, TELL
from bff.events.outdating import Outdating
from shared.edge.credentials import Credentials
from shared.errors import InvalidInput, ServiceUnavailable, UnsupportedMediaType
from shared.events.cloud_event import MAX_BATCH, CloudEvent, MalformedEvent
from shared.events.http_binding import ATTRIBUTES, BATCHED, STRUCTURED, UnknownFormat, events_in
from shared.http import routing
from shared.http.index_route import Link
from shared.http.openapi.operation import Answer, Body, Operation, Parameter, example_of
from shared.http.openapi.vocabulary import CACHE_CONTROL

_PATH: Final = "/api/events"
_AT_ONCE: Final = 20
"""Events of a batch that are taken in one turn of the loop."""


class EventsTaken(msgspec.Struct, frozen=True):
    """How many events were `taken`, and how many `ignored`: repeated, of no declared type, or malformed."""

    taken: int
    ignored: int


_EXAMPLE: Final = (
    b'{"specversion":"1.0","id":"5b0e6b0c","source":"/shop","type":"com.example.thing.changed.v1","subject":"1"}'
)
_Event = Annotated[
    CloudEvent,
    Meta(
        extra_json_schema={
            "not": {"required": ["data", "data_base64"], "properties": {"data_base64": {"type": "string"}}}
        }
    ),
]
_Batch = Annotated[
    list[Any],
    Meta(
        description=f"At most {MAX_BATCH} events; of what is none the others are taken.",
        extra_json_schema={"items": {}},
    ),
]
_BODY: Final = Body(_Event, _EXAMPLE, (STRUCTURED,), (Body(_Batch, b"[%b]" % _EXAMPLE, (BATCHED,)),))
_MALFORMED: Final = InvalidInput("The body, or the head, has no event as CloudEvents 1.0 has them.")
_SAYS_NOTHING: Final = InvalidInput("The event lacks what tells which things have changed.")
_OTHER_TYPE: Final = UnsupportedMediaType(
    f"Expected {STRUCTURED} or {BATCHED}, or the fields of an event in the head (ce-specversion and so on).",
    f"{STRUCTURED}, {BATCHED}",
)
_ELSEWHERE: Final = ServiceUnavailable(
    "Not every process could be told, because Redis is away; send it again.", retry_after=2
)


class EventRoutes:
    """The route."""

    links: Final = {"tell": Link("POST", _PATH)}
    """By name, for the index."""

    def __init__(self, outdating: Outdating, credentials: Credentials) -> None:
        """``credentials`` are those of who has neither the admin token nor an access token for this."""
        self._outdating = outdating
        self._operation = _operation(credentials)

    def routes(self, app: Sanic[Any, Any]) -> None:
        """POST of ``/api/events``."""
        routing.post(app, _PATH, self._take, "tell", self._operation)

    async def _take(self, request: Request) -> HTTPResponse:
        try:
            brought = events_in(lambda name: request.headers.getall(name, ()), request.body)
        except UnknownFormat:
            raise UnsupportedMediaType(_OTHER_TYPE.detail, _OTHER_TYPE.accepted) from None
        except MalformedEvent as error:
            await self._outdating.take([None])
            raise InvalidInput(f"No event as CloudEvents 1.0 has them: {error}.") from None
        is_one = isinstance(brought, CloudEvent)
        events = iter([brought] if isinstance(brought, CloudEvent) else brought)
        outcomes: Counter[str] = Counter()
        everywhere = True
        while some := list(islice(events, _AT_ONCE)):
            told = await self._outdating.take(some)
            outcomes.update(told.outcomes)
            everywhere = everywhere and told.everywhere
        if not everywhere:
            raise ServiceUnavailable(_ELSEWHERE.detail, _ELSEWHERE.retry_after)
        if is_one and outcomes["malformed"]:
            raise InvalidInput(_SAYS_NOTHING.detail)
        taken = outcomes["taken"]
        return routing.struct_response(EventsTaken(taken, outcomes.total() - taken), 202, {"Cache-Control": "no-store"})


def _operation(credentials: Credentials) -> Operation:
    return Operation(
        "Tell what has changed",
        ADMIN,
        (
            Answer(
                202,
                "Outdated, in every process.",
                EventsTaken,
                headers=(CACHE_CONTROL,),
                examples=example_of(EventsTaken(1, 0)),
            ),
        ),
        problems=(_MALFORMED, _OTHER_TYPE, _ELSEWHERE),
        parameters=tuple(map(_parameter, ATTRIBUTES)),
        body=_BODY,
        access=TELL,
        credentials=credentials,
    )


def _parameter(attribute: str) -> Parameter:
    text = f"The attribute `{attribute}` of an event whose data is the body, percent-encoded."
    return Parameter(f"ce-{attribute}", "header", text, {"type": "string"})
