"""CORS: whose scripts in browsers may read answers (Fetch Standard §3.2). The origin of a request alone decides."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

_EXPOSED: Final = "ETag, Cache-Status, Server-Timing, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
_SENT: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Request-ID, traceparent, tracestate"
)
_PREFLIGHT_SECONDS: Final = 7200
"""How long a browser may go by one preflight; Chromium goes by none for longer."""
_PREFLIGHT_VARY: Final = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


class Cors:
    """What browsers are told about these ``origins``, each as browsers write it (RFC 6454 §6.2).

    Credentials, which a browser would send by itself, are never allowed: nothing here goes by cookies.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._of_others: Mapping[str, str] = {"Vary": "Origin"} if origins else {}
        self._of_origins: Mapping[str | None, Mapping[str, str]] = {
            origin: {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Expose-Headers": _EXPOSED,
                **self._of_others,
            }
            for origin in origins
        }

    @property
    def is_on(self) -> bool:
        """Whether there are any."""
        return bool(self._of_origins)

    def headers_for(self, origin: str | None) -> Mapping[str, str]:
        """The fields of an answer to a request from ``origin``, whatever its status; of a ``Vary`` one more member."""
        return self._of_origins.get(origin, self._of_others)

    def preflight(self, origin: str | None, method: str | None, allowed: Iterable[str]) -> Mapping[str, str]:
        """The fields of an answer to OPTIONS where ``allowed`` are the methods that work; none if it is no preflight.

        ``method`` is that of ``Access-Control-Request-Method``, which only browsers send. What they may send is the
        same for all, so that they need not be told what they have asked for.
        """
        if origin is None or method is None or not self._of_origins:
            return {}
        if origin not in self._of_origins:
            return {"Vary": _PREFLIGHT_VARY}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": ", ".join(sorted(allowed)),
            "Access-Control-Allow-Headers": _SENT,
            "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
            "Vary": _PREFLIGHT_VARY,
        }
