"""Asks the edge whether a request that is on its way is admitted, and waits where that has to be found out first."""

import time

from sanic import Request

from shared.edge.access import Access
from shared.edge.caller import Peer
from shared.edge.edge import Edge
from shared.errors import TooManyRequests
from shared.http.exchange import Exchange, edge_of, exchange_of, peer_of
from shared.http.request_head import Fields
from shared.http.routing import operation_of


async def admit(
    exchange: Exchange, edge: Edge, asking: tuple[Fields, Peer], access: Access | None, identifier: str = ""
) -> None:
    """Decide who is ``asking``, and let in whoever may have what needs ``access``; once for each exchange.

    ``identifier`` tells whose it is that is asked for.

    Raises:
        RequestError: why it is refused.
    """
    caller, refusal = await edge.decide(*asking, access, identifier)
    exchange.admit(caller, caller.form, time.time())
    if refusal is not None:
        raise refusal.with_traceback(None)


async def admit_request(request: Request) -> None:
    """Admit a request that has come by way of Sanic to its route, or to none; unless that has been decided before.

    Raises:
        RequestError: why it is refused.
    """
    edge, exchange = edge_of(request), exchange_of(request)
    if edge is None or exchange is None or exchange.is_judged:
        return
    exchange.is_judged = True  # if it cannot be, that is the answer
    operation = operation_of(request)
    asking = Fields.of(b"", request.headers.get), peer_of(request)
    if operation is None:
        await admit(exchange, edge, asking, None)
        return
    access, shown = operation.access, operation.credentials
    if shown is not None and shown.allow(lambda name: request.headers.getall(name, ()), request.body):
        access = None
    try:
        await admit(exchange, edge, asking, access, operation.owner(request.match_info))
    except TooManyRequests:
        if not operation.probe:
            raise
