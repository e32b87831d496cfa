"""An aggregate part by part, for clients that ask for a stream: each part leaves when it is known."""

import asyncio

from sanic import HTTPResponse, Request

from bff.endpoints.aggregate_operation import LAST_EVENT_ID
from bff.endpoints.aggregates import AggregateEndpoint, Document
from bff.streams import events
from bff.streams.state import State
from bff.streams.teller import Teller
from shared.cancellation import cancel_and_wait
from shared.http import problems
from shared.http.exchange import Exchange
from shared.http.routing import no_content
from shared.http.streams.event import StreamFormat
from shared.http.streams.response import StreamHead, StreamResponse, wire_of
from shared.http.streams.stream import Stream
from shared.observing.logs import log_error


class AggregateStreams:
    """Streams of what ``endpoint`` answers with."""

    def __init__(self, endpoint: AggregateEndpoint) -> None:
        self._endpoint = endpoint
        self._kind = kind = endpoint.representation.kind
        self._names = [part.name for part in kind.parts]
        optional = {part.name for part in kind.optional}
        self._required = frozenset(self._names) - optional

    async def answer(self, request: Request, identifier: str, form: StreamFormat) -> HTTPResponse:
        """The stream of an id; what has nothing to give is raised."""
        exchange: Exchange = request.ctx.exchange
        if request.method == "HEAD":
            await self._endpoint.document(identifier, exchange)
            return StreamHead(form)
        stream = Stream(wire_of(request, form), exchange)
        begun = asyncio.get_running_loop().create_future()

        def begin() -> None:
            stream.begin(request)
            begun.set_result(None)

        first = events.begin(self._kind, identifier, self._names, live=False)
        teller = Teller(first, self._required, stream.tell, begin)
        known = _last_event_id(request)
        # What the client has already is not told again; until all is known, nobody can say whether it has.
        listen = None if known else teller.hear
        loading = asyncio.ensure_future(self._endpoint.document(identifier, exchange, listen))
        try:
            await asyncio.wait({begun, loading}, return_when=asyncio.FIRST_COMPLETED)
            if begun.done():
                return StreamResponse(stream, lambda: _rest(request, stream, teller, loading))
            state = _state(await loading)
        except BaseException:
            await cancel_and_wait(loading)
            raise
        if known == state.id:
            return no_content({"Vary": "Accept"})
        teller.complete(state)
        stream.tell([events.end("done")])
        return StreamResponse(stream, _nothing)


async def _rest(request: Request, stream: Stream, teller: Teller, loading: "asyncio.Task[Document]") -> str:
    """Tell what there is besides, as it becomes known; returns why it ends then."""
    reason, problem = "done", None
    try:
        teller.complete(_state(await loading))
    except asyncio.CancelledError:
        await cancel_and_wait(loading)
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is can be told
        if problems.is_server_error(error):
            log_error("unexpected error", "app", error)
        reason, problem = "problem", problems.describe(error, request.path).body
    stream.tell([events.end(reason, problem)])
    return reason


async def _nothing() -> str:
    return "done"


def _state(document: Document) -> State:
    return State.of(document.body, document.etag)


def _last_event_id(request: Request) -> str:
    """The id of the state that the client has; "" for none. A browser that comes back by itself sends the field."""
    return str(request.headers.get("last-event-id") or request.args.get(LAST_EVENT_ID) or "")
