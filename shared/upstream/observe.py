"""Counts and times every call to a service, and logs those that gave nothing."""

import asyncio
import time
from typing import Any

from shared import metrics
from shared.errors import UpstreamError
from shared.logs import log
from shared.upstream.call import Call, Policy, Send


def observe(service_name: str) -> Policy:
    """Record outcome and duration of what is sent to ``service_name``."""
    duration = metrics.upstream_attempt_duration.labels(service_name)
    succeeded = metrics.upstream_attempts.labels(service_name, "success")
    ignored = metrics.upstream_attempts.labels(service_name, "ignored")
    errors = metrics.service_errors.labels(service_name)

    def policy(send: Send) -> Send:
        async def observed(call: Call[Any]) -> Any:
            started = time.monotonic()
            try:
                value = await send(call)
            except UpstreamError as error:
                metrics.upstream_attempts.labels(service_name, error.reason).inc()
                errors.inc()
                log(
                    "warning",
                    "upstream failed",
                    "upstream",
                    upstream=service_name,
                    reason=error.reason,
                    error=str(error),
                )
                raise
            except asyncio.CancelledError:
                ignored.inc()  # whoever asked has left; that says nothing about the service
                raise
            finally:
                duration.observe(time.monotonic() - started)
            succeeded.inc()
            return value

        return observed

    return policy
