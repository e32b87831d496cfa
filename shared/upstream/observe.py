"""Counts, times and logs calls to a service: whole calls as their callers see them, and each attempt."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from shared.errors import OUTCOMES, UpstreamError, WrongSubject
from shared.observing import metrics
from shared.observing.log_deduplication import LogDeduplication
from shared.observing.logs import log
from shared.upstream.call import Call, Policy, Send

_UNLOGGED: Final = ("circuit_open", "overloaded")
"""Reasons that hold for a while: one line a call would tell nothing new."""


def observe_calls(service_name: str) -> Policy:
    """Record outcome and duration of calls to ``service_name``, and log those that gave nothing."""
    errors = metrics.service_errors.labels(service_name)
    deduplication = LogDeduplication()

    def failed(error: UpstreamError, call: Call[Any]) -> None:
        errors.inc()
        path = call.template or call.path
        facts = {"upstream": service_name, "path": path}
        if isinstance(error, WrongSubject):
            suppressed = deduplication.suppressed(path)
            if suppressed is not None:
                log("error", "upstream answer about wrong subject", "upstream", **facts, suppressed=suppressed)
        elif error.reason not in _UNLOGGED:
            log("warning", "upstream failed", "upstream", **facts, reason=error.reason, error=str(error))

    return _observe(metrics.calls, service_name, failed)


def observe_attempts(service_name: str) -> Policy:
    """Record outcome and duration of each attempt at ``service_name``."""
    return _observe(metrics.attempts, service_name, lambda _error, _call: None, further=["lost"])


def _observe(
    recorded: metrics.Observed,
    service_name: str,
    failed: Callable[[UpstreamError, Call[Any]], None],
    further: Sequence[str] = (),
) -> Policy:
    names = ("success", "ignored", *further, *OUTCOMES)
    outcomes = {name: recorded.outcomes.labels(service_name, name) for name in names}
    duration = recorded.duration.labels(service_name)

    def policy(send: Send) -> Send:
        async def observed(call: Call[Any]) -> Any:
            started = time.monotonic()
            try:
                value = await send(call)
            except UpstreamError as error:
                outcomes[error.outcome].inc()
                failed(error, call)
                raise
            except asyncio.CancelledError:
                # Another instance was sooner, or whoever asked has left; that says nothing about the service.
                outcomes["ignored" if call.race is None or not call.race.over else "lost"].inc()
                raise
            finally:
                duration.observe(time.monotonic() - started)
            outcomes["success"].inc()
            return value

        return observed

    return policy
