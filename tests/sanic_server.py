"""Serves an app for pytest-sanic's fixtures through Sanic's public API.

pytest-sanic 1.9 was written for an older Sanic: its server sets attributes that no longer exist and runs no
listeners. These two coroutines take the place of its ``start_server`` and ``close``.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from sanic import Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.http.constants import HTTP
from sanic.touchup import TouchUp

from shared.cancellation import cancel_and_wait
from shared.http.protocol import Protocol

BACKLOG = 1_024
"""Connections that may wait to be accepted. Who finds no room tries again after a second, and then after two more."""


async def start_server(server: Any) -> None:
    """Listen on a free port, run the listeners, serve."""
    app: Sanic[Any, Any] = server.app
    listening = socket.create_server((server.host, 0), backlog=BACKLOG)
    server.socket, server.port = listening, listening.getsockname()[1]
    made = await app.create_server(
        sock=listening,
        ssl=server.ssl,
        protocol=Protocol,
        backlog=BACKLOG,
        return_asyncio_server=True,
        asyncio_server_kwargs={"start_serving": False},
    )
    if made is None:
        raise RuntimeError("the app made no server")
    server.server = made
    app.state.server_info.append(ApplicationServerInfo({"version": HTTP.VERSION_1}))  # as in a worker: no Alt-Svc
    await made.startup()
    app.state.server_info.clear()  # apps that are known to serve share their signals
    await made.before_start()
    await made.start_serving()
    await made.after_start()
    app.set_serving(True)
    server.is_running = True


def touching_up() -> Callable[[Sanic[Any, Any]], None]:
    """Sanic's own rewriting of its methods for an app, which depends on nothing but the app's signals.

    It takes a tenth of a second, so it is not done again for an app that has the same as the one before.
    """
    last: frozenset[str] | None = None
    run = TouchUp.run

    def touch_up(app: Sanic[Any, Any]) -> None:
        nonlocal last
        signals = frozenset(signal.name for signal in app.signal_router.routes)
        if signals != last:
            run(app)  # type: ignore[no-untyped-call]
            last = signals

    return touch_up


async def close(server: Any) -> None:
    """Stop as a worker would: listeners, connections, tasks; nothing of the app is left running."""
    if not server.is_running:
        return
    server.is_running = False
    app, made = server.app, server.server
    await made.before_stop()
    await made.close()
    connections = set(made.connections)
    for connection in connections:
        connection.close_if_idle()
    for connection in made.connections.copy():
        connection.abort()
    await cancel_and_wait(*app.tasks)
    handlers = [connection._task for connection in connections if getattr(connection, "_task", None)]
    await asyncio.gather(*handlers, return_exceptions=True)
    while made.connections:
        await asyncio.sleep(0)
    app.set_serving(False)
    await made.after_stop()
    server.closed = True
