"""The service ``SERVICE``, which ends by SIGKILL where ``CRASH_AT`` says: ``python -m`` this."""

import importlib
import os
import signal
from typing import Any

from sanic import Sanic

from shared.serving.program import main

SERVICE = os.environ["SERVICE"]


def create_app(settings: Any) -> Sanic[Any, Any]:
    """The service, with a crash in the way of its first change."""
    app: Sanic[Any, Any] = importlib.import_module(f"services.{SERVICE}.app").create_app(settings, _crash)
    return app


def _crash(point: str) -> None:
    if point == os.environ["CRASH_AT"]:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    name = SERVICE.removesuffix("s")
    main(f"{name}-service", f"services.{SERVICE}.settings:{name.title()}Settings", "tests.services.crashing:create_app")
