"""The routes of aggregates: an id, and which representation of it is asked for (``?view=``)."""

from collections.abc import Sequence
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.response import raw

from bff.aggregates.kind import AggregateKind
from bff.endpoints.aggregate_operation import LIVE_IN_ONE, VIEW, VIEW_IN_ONE, operation_of, view_refusal
from bff.endpoints.aggregate_streams import AggregateStreams, wants_live
from bff.endpoints.aggregates import AggregateEndpoint
from shared.cache.cache import Cache
from shared.http import routing
from shared.http.streams.accept import takes_json, wanted_stream
from shared.http.streams.event import StreamFormat
from shared.http.streams.streams import Streams


class AggregateRoutes:
    """GET and HEAD of the path of a ``kind`` followed by an id; ``endpoints`` has one for each representation."""

    def __init__(
        self, kind: AggregateKind, endpoints: Sequence[AggregateEndpoint], cache: Cache, streams: Streams
    ) -> None:
        self._kind = kind
        self._endpoints = {endpoint.representation.view: endpoint for endpoint in endpoints}
        self._streams = AggregateStreams(self._endpoints[""], cache, streams)

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Register them."""
        path = f"{self._kind.path}/<{self._kind.parameter}:str>"
        operation = operation_of({one.representation: one.ttl for one in self._endpoints.values()})
        routing.get(app, path, self._answer, self._kind.name, operation)

    async def _answer(self, request: Request, **parameters: str) -> HTTPResponse:
        parameter = self._kind.parameter
        identifier = self._kind.id_type.checked(parameter, parameters[parameter])
        endpoint = self._chosen(request)
        form = self._form(request, endpoint)
        if form is not None:
            return await self._streams.answer(request, identifier, form)
        if wants_live(request):
            raise LIVE_IN_ONE
        given = await endpoint.answer(identifier, request.headers.get("if-none-match"), request.ctx.exchange)
        if given.status == 304:
            return HTTPResponse(status=304, headers=given.fields)
        return raw(given.body, headers=given.fields, content_type="application/json")

    def _form(self, request: Request, endpoint: AggregateEndpoint) -> StreamFormat | None:
        """The form of the stream that is asked for; None for a document."""
        accept = request.headers.getall("accept", ())
        form = wanted_stream(accept)
        if form is None or not endpoint.representation.view:
            return form
        if takes_json(accept):
            return None
        raise VIEW_IN_ONE

    def _chosen(self, request: Request) -> AggregateEndpoint:
        if not request.query_string:
            return self._endpoints[""]
        views = [value for name, value in request.get_query_args(keep_blank_values=True) if name == VIEW]
        if not views:
            return self._endpoints[""]
        if len(views) == 1 and views[0] and views[0] in self._endpoints:
            return self._endpoints[views[0]]
        raise view_refusal([name for name in self._endpoints if name])
