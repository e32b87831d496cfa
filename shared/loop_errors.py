"""What the event loop has to complain of, as a line of our log."""

import asyncio
import socket
from typing import Any

from shared.logs import exception_facts, log


def report_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that nobody was there to catch.

    A failed look-up of a name that was given up on is none: whoever asked has had an answer long since.
    """
    error = context.get("exception")
    if isinstance(error, socket.gaierror):
        return
    facts = {} if error is None else exception_facts(error)
    log("error", "loop error", "asyncio", message=str(context.get("message", "")), **facts)
