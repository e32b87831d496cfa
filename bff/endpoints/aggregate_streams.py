"""An aggregate part by part, for clients that ask for a stream: each part leaves when it is known.

One that is to stay goes on with what the hub tells it.
"""

import asyncio
import time

from sanic import HTTPResponse, Request

from bff.endpoints.aggregate_operation import LAST_EVENT_ID, LIVE
from bff.endpoints.aggregates import AggregateEndpoint, Document
from bff.streams import events
from bff.streams.hub import Hub
from bff.streams.reading import Kept, Known, Reading
from bff.streams.state import State
from bff.streams.teller import Teller
from shared.cache.cache import Cache
from shared.cache.progress import Listen
from shared.cancellation import cancel_and_wait
from shared.errors import InvalidInput
from shared.http import problems
from shared.http.early_routes import ReadyResponse
from shared.http.exchange import Exchange
from shared.http.routing import no_content
from shared.http.streams.event import StreamFormat, Wire
from shared.http.streams.live import LiveStream
from shared.http.streams.response import StreamHead, StreamResponse, wire_of
from shared.http.streams.stream import Stream
from shared.http.streams.streams import Streams
from shared.observing.logs import log_error
from shared.observing.tracing import begin_trace, current_trace


class AggregateStreams:
    """Streams of what ``endpoint`` answers with."""

    def __init__(self, endpoint: AggregateEndpoint, cache: Cache, streams: Streams) -> None:
        self._endpoint = endpoint
        self._streams = streams
        self._kind = kind = endpoint.representation.kind
        self._names = [part.name for part in kind.parts]
        optional = {part.name for part in kind.optional}
        self._required = frozenset(self._names) - optional
        path = f"{kind.path}/".__add__
        self.hub = Hub(cache, Reading(path, endpoint.key, cache.clock, self._peek, self._look, self._load))

    async def answer(self, request: Request, identifier: str, form: StreamFormat) -> HTTPResponse:
        """The stream of an id; what has nothing to give is raised."""
        exchange: Exchange = request.ctx.exchange
        wire = wire_of(request, form)
        if request.method == "HEAD":
            return await self._head(request, identifier, wire)
        stream = self._streams.admit(wire, exchange) if wants_live(request) else Stream(wire, exchange)
        try:
            answer = await self._begin(request, identifier, stream)
        except BaseException:
            stream.end("left")  # a client may leave when there is something to tell, and before it is sent
            raise
        if not stream.has_begun:
            stream.end("done")
        return answer

    async def _head(self, request: Request, identifier: str, wire: Wire) -> HTTPResponse:
        """The head that a stream would have; nothing stays open."""
        stays = wants_live(request)
        known = _known(await self._endpoint.document(identifier, request.ctx.exchange))
        last = _last_event_id(request)
        return no_content({"Vary": "Accept"}) if last and last == known.state.id and not stays else StreamHead(wire)

    async def _begin(self, request: Request, identifier: str, stream: Stream) -> HTTPResponse:
        begun = asyncio.get_running_loop().create_future()

        def begin() -> None:
            stream.begin(request)
            begun.set_result(None)

        first = events.begin(self._kind, identifier, self._names, live=stream.stays)
        last = _last_event_id(request)
        teller = Teller(first, self._required, stream.tell, begin, has_id=bool(last))
        # What the client has already is not told again; until all is known, nobody can say whether it has.
        listen = None if last else teller.hear
        loading = asyncio.ensure_future(self._endpoint.document(identifier, stream.exchange, listen))
        try:
            await asyncio.wait({begun, loading}, return_when=asyncio.FIRST_COMPLETED)
            if begun.done():
                stream.making = loading
                loading.add_done_callback(_retrieve)  # its client may be gone before anybody asks for it
                return StreamResponse(stream, lambda: self._rest(request, identifier, stream, teller, loading))
            known = _known(await loading)
        except BaseException:
            await cancel_and_wait(loading)
            raise
        if last and last == known.state.id:
            if not stream.stays:
                return no_content({"Vary": "Accept"})
            teller.confirm(known.state)
        else:
            teller.complete(known.state)
        self._go_on(identifier, stream, known)
        return StreamResponse(stream, _nothing)

    async def _rest(
        self, request: Request, identifier: str, stream: Stream, teller: Teller, loading: "asyncio.Task[Document]"
    ) -> None:
        """Tell what there is besides, as it becomes known."""
        try:
            known = _known(await loading)
        except asyncio.CancelledError:
            await cancel_and_wait(loading)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is can be told
            if problems.is_server_error(error):
                log_error("unexpected error", "app", error)
            stream.close("problem", events.end_with(problems.describe(error, request.path).body))
        else:
            teller.complete(known.state)
            self._go_on(identifier, stream, known)

    def _go_on(self, identifier: str, stream: Stream, known: Known) -> None:
        """All there is has been told."""
        if not isinstance(stream, LiveStream):
            stream.close("done")
            return
        self._streams.settle(stream)
        if not stream.ended:
            self.hub.join(identifier, stream, known)

    def _peek(self, identifier: str) -> Kept | None:
        entry = self._endpoint.kept(identifier)
        ready = None if entry is None else entry.decoded
        return Kept(ready.etag, entry.fresh_until) if entry is not None and isinstance(ready, ReadyResponse) else None

    async def _look(self, identifier: str) -> Known | None:
        document = await self._endpoint.look(identifier)
        return None if document is None else _known(document)

    async def _load(self, identifier: str, listen: Listen) -> Known:
        exchange = Exchange(begin_trace(None, None, None), time.monotonic())
        current_trace.set(exchange.trace)
        return _known(await self._endpoint.document(identifier, exchange, listen))


async def _nothing() -> None:
    pass


def wants_live(request: Request) -> bool:
    """Whether the stream is to stay open.

    Raises:
        InvalidInput: it cannot be told.
    """
    if not request.query_string:
        return False
    said = [value for name, value in request.get_query_args(keep_blank_values=True) if name == LIVE]
    if said in ([], ["false"]):
        return False
    if said != ["true"]:
        raise InvalidInput(f"{LIVE} must be true or false, once, or be left out.")
    return True


def _retrieve(loading: "asyncio.Future[Document]") -> None:
    if not loading.cancelled():
        loading.exception()


def _known(document: Document) -> Known:
    return Known(State.of(document.body, document.etag), document.tags)


def _last_event_id(request: Request) -> str:
    """The id of the state that the client has; "" for none. A browser that comes back by itself sends the field."""
    return str(request.headers.get("last-event-id") or request.args.get(LAST_EVENT_ID) or "")
