"""``python -m benchmarks.speed.floors.bare``: Sanic that sends bytes made beforehand, and does nothing else."""

import os
from types import SimpleNamespace

from sanic import HTTPResponse, Request, Sanic
from sanic.config import Config

from benchmarks.common import people
from benchmarks.common.ports import LOCAL

app: "Sanic[Config, SimpleNamespace]" = Sanic("bare", configure_logging=False)


def serve() -> None:
    """Answer on ``PORT`` until SIGTERM."""
    body = people.profile("user1")

    @app.get("/api/profile/<user_id:str>")
    async def answer(_request: Request, user_id: str) -> HTTPResponse:  # noqa: ARG001 - the same for everybody
        return HTTPResponse(body, content_type="application/json")

    app.run(LOCAL, int(os.environ["PORT"]), single_process=True, access_log=False, motd=False)


if __name__ == "__main__":
    serve()
