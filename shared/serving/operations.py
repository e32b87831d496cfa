"""The second listener, for those who run the app: operations and nothing else, whatever the public port asks for.

It has an app of its own with no other routes, so that nothing else can be reached there, and connections of its own, so
that the public ones take up none of them. It goes on until the public port has served its last request.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from socket import socket
from typing import Any, Final

from sanic import Sanic
from sanic.models.server_types import Signal
from sanic.server import AsyncioServer

from shared.http import routing
from shared.http.protocol import OperationsProtocol
from shared.serving.bare_app import bare_app
from shared.serving.draining import SETTLE_SECONDS, stop_accepting
from shared.serving.listeners import BACKLOG

MAX_CONNECTIONS: Final = 64
"""Of each process; a scraper and some probes need a few."""
_POLL_SECONDS: Final = 0.01


def serve_operations(app: Sanic[Any, Any], listening: socket, *, stop_seconds: float, is_alone: bool) -> None:
    """Serve the operations of ``app`` on ``listening`` for as long as it serves.

    Requests in flight have ``stop_seconds`` from the stop signal on. ``is_alone``: no other process listens there.
    """
    served = _Operations(_operations_app(app), listening, stop_seconds, is_alone=is_alone)
    app.register_listener(served.start, "after_server_start")
    app.register_listener(served.stopping, "before_server_stop")
    app.register_listener(served.stop, "after_server_stop")


def _operations_app(app: Sanic[Any, Any]) -> Sanic[Any, Any]:
    made = bare_app(f"{app.name}-operations", app.config, app.ctx.spans, MAX_CONNECTIONS)
    made.ctx.edge = app.ctx.edge
    made.ctx.facts = {"listener": "operations"}
    made.state.primary = False  # Sanic has rewritten its methods for the app that it serves
    routing.share_operational(app, made)
    routing.add_options(made)
    return made


class _Operations:
    def __init__(self, app: Sanic[Any, Any], listening: socket, stop_seconds: float, *, is_alone: bool) -> None:
        self._app = app
        self._listening = listening
        self._stop_seconds = stop_seconds
        self._is_alone = is_alone
        self._connections: set[OperationsProtocol] = set()
        self._server: Any = None
        self._give_up = 0.0

    async def start(self, _app: Sanic[Any, Any]) -> None:
        loop = asyncio.get_running_loop()
        protocol: Callable[[], OperationsProtocol] = partial(
            OperationsProtocol, loop=loop, app=self._app, connections=self._connections, signal=Signal()
        )
        serving = loop.create_server(protocol, sock=self._listening, backlog=BACKLOG, start_serving=False)
        self._server = await AsyncioServer(self._app, loop, serving, self._connections)
        await self._server.startup()
        await self._server.start_serving()

    async def stopping(self, _app: Sanic[Any, Any]) -> None:
        self._give_up = asyncio.get_running_loop().time() + self._stop_seconds
        for one in self._connections:
            one.end_after_answer()

    async def stop(self, _app: Sanic[Any, Any]) -> None:
        if self._server is None:
            return
        if self._is_alone:
            stop_accepting(self._listening)
            await asyncio.sleep(SETTLE_SECONDS)  # those that wait to be accepted are
        self._server.close()
        for one in tuple(self._connections):
            one.close_if_idle()
        loop = asyncio.get_running_loop()
        while self._connections and loop.time() < self._give_up:  # noqa: ASYNC110 - Sanic tells nobody
            await asyncio.sleep(_POLL_SECONDS)
        for one in tuple(self._connections):
            one.abort()  # type: ignore[no-untyped-call]
