"""Logs what the event loop reports to its exception handler."""

import asyncio
import socket
from typing import Any

from shared.observing.logs import log, log_error


def report_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that nobody was there to catch.

    A failed look-up of a name that was given up on is none: whoever asked has had an answer long since.
    """
    error = context.get("exception")
    if isinstance(error, socket.gaierror):
        return
    message = str(context.get("message", ""))
    if error is None:
        log("error", "loop error", "asyncio", message=message)
    else:
        log_error("loop error", "asyncio", error, message=message)
