"""The program's app: says which process answers, waits, hangs, fails, sends bytes, logs through the standard library.

``STOP_AT`` names a moment of its start at which it tells itself to stop.
"""

import asyncio
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.response import raw

from shared import codec
from shared.http import routing
from shared.serving.app import build_app
from shared.settings.declared import Settings
from tests.kit.operations import operation


def create_app(settings: Settings) -> Sanic[Any, Any]:
    """The app."""

    async def who(_request: Request) -> HTTPResponse:
        return routing.encoded_response(codec.document({"pid": os.getpid()}))

    async def wait(request: Request) -> HTTPResponse:
        logging.getLogger("demo").warning("waiting for %s", "a file")
        while not Path(request.args["file"][0]).exists():
            await asyncio.sleep(0.01)
        return routing.encoded_response(codec.document({"pid": os.getpid()}))

    async def hang(request: Request) -> HTTPResponse:
        while not Path(request.args["file"][0]).exists():
            time.sleep(0.01)  # noqa: ASYNC251 - its loop is to stand still
        return routing.encoded_response(codec.document({"pid": os.getpid()}))

    async def fail(request: Request) -> HTTPResponse:
        raise ValueError(request.args["text"][0])

    async def bytes_(request: Request) -> HTTPResponse:
        return raw(bytes(int(request.args["count"][0])))

    def routes(app: Sanic[Any, Any]) -> None:
        routing.get(app, "/who", who, "who", operation())
        routing.get(app, "/wait", wait, "wait", operation())
        routing.get(app, "/hang", hang, "hang", operation())
        routing.get(app, "/fail", fail, "fail", operation())
        routing.get(app, "/bytes", bytes_, "bytes", operation())

    app = build_app("demo", settings, routes=[routes])
    if moment := os.environ.get("STOP_AT"):
        app.register_listener(_stop, moment)
    return app


async def _stop(_app: Sanic[Any, Any]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.05)
