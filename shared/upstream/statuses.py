"""Maps the statuses of a service's failures to our errors."""

from typing import Final

from shared.errors import BadResponse, Overloaded, Unreachable
from shared.upstream.call import Reply

_WORTH_A_RETRY: Final = (502, 503, 504)


def raise_for_status(reply: Reply) -> Reply:
    """``reply``, if there may be something in it to read: a status of 2xx, or of 4xx but 429.

    Raises:
        UpstreamError: any other.
    """
    if reply.status >= 500:
        retryable = reply.status in _WORTH_A_RETRY
        raise Unreachable(
            f"status {reply.status}", retryable=retryable, retry_after=_retry_after(reply), status=reply.status
        )
    if reply.status == 429:
        raise Overloaded("status 429", status=429)
    if 300 <= reply.status < 400 or reply.status < 200:
        raise BadResponse(f"status {reply.status}", status=reply.status)
    return reply


def _retry_after(reply: Reply) -> float | None:
    """Seconds, where the service gave them (RFC 9110 §10.2.3); a date is taken for none."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
