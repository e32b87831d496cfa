"""The program's app: says which process answers, waits for a file, fails, logs through the standard library."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

from sanic import HTTPResponse, Request, Sanic

from shared import routing
from shared.app import build_app
from shared.settings import Settings


def create_app(settings: Settings) -> Sanic[Any, Any]:
    """The app."""

    async def who(_request: Request) -> HTTPResponse:
        return routing.json_response({"pid": os.getpid()})

    async def wait(request: Request) -> HTTPResponse:
        logging.getLogger("demo").warning("waiting for %s", "a file")
        while not Path(request.args["file"][0]).exists():
            await asyncio.sleep(0.01)
        return routing.json_response({"pid": os.getpid()})

    async def fail(request: Request) -> HTTPResponse:
        raise ValueError(request.args["text"][0])

    def routes(app: Sanic[Any, Any]) -> None:
        routing.get(app, "/who", who, "who")
        routing.get(app, "/wait", wait, "wait")
        routing.get(app, "/fail", fail, "fail")

    return build_app("demo", settings, routes=[routes])
