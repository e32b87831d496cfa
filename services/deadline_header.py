"""The caller's deadline: ``X-Request-Timeout-Ms``, which the gateway sends with each call.

Nothing is worked on for longer than somebody waits for it.
"""

from contextvars import ContextVar
from typing import Any, Final

from sanic import Request, Sanic

from shared.deadline import Deadline

HEADER: Final = "x-request-timeout-ms"
_LONGEST_MS: Final = 600_000

_deadline: ContextVar[Deadline | None] = ContextVar("caller_deadline", default=None)


def read_deadline_header(app: Sanic[Any, Any]) -> None:
    """Take the header of every request; one that is no number of milliseconds is passed over."""
    app.on_request(_read)


def left(limit: float) -> float:
    """Seconds that the caller still waits, at most ``limit``; not positive when it has given up."""
    deadline = _deadline.get()
    return limit if deadline is None else min(limit, deadline.left())


async def _read(request: Request) -> None:
    text = request.headers.get(HEADER, "")
    given = text.isascii() and text.isdigit() and len(text) <= len(str(_LONGEST_MS))
    # Set in any case: requests on one connection share a context.
    _deadline.set(Deadline.after(min(int(text), _LONGEST_MS) / 1000) if given else None)
