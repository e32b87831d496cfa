"""Request ids and W3C trace context: taken from a request or made, and passed on.

Trace context: https://www.w3.org/TR/trace-context/ (version 00, and the rule for unknown later versions).
"""

import random
import re
from contextvars import ContextVar

import msgspec

_TRACEPARENT = re.compile(r"^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\Z")
_REQUEST_ID = re.compile(r"^[\x21-\x7e]{1,128}\Z")
_TRACESTATE = re.compile(r"^[\x20-\x7e]{1,512}\Z")
_SAMPLED = 0x01


class Trace(msgspec.Struct, frozen=True, gc=False):
    """One request's identity; ``span_id`` is this process's own span."""

    request_id: str
    trace_id: str
    span_id: str
    flags: str
    state: str

    @property
    def sampled(self) -> bool:
        """Whether whoever records spans is to record this one."""
        return self.flags == "01"

    def unsampled(self) -> "Trace":
        """The same, not to be recorded."""
        return msgspec.structs.replace(self, flags="00")

    def within(self) -> "Trace":
        """The identity of a new span inside this one."""
        return msgspec.structs.replace(self, span_id=f"{random.getrandbits(64) or 1:016x}")

    @property
    def traceparent(self) -> str:
        """The header for calls made on behalf of this request."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


current_trace: ContextVar[Trace | None] = ContextVar("current_trace", default=None)


def begin_trace(request_id: str | None, traceparent: str | None, tracestate: str | None) -> Trace:
    """The identity of a request with these headers.

    A request id of 1 to 128 visible ASCII characters is kept, any other replaced. An unusable
    ``traceparent`` starts a new trace and drops ``tracestate`` with it.
    """
    fresh = random.randbytes(40).hex()  # noqa: S311 - names, no secrets
    if request_id is None or _REQUEST_ID.match(request_id) is None:
        request_id = fresh[:32]
    match = _TRACEPARENT.match(traceparent) if traceparent else None
    if match is not None:
        version, trace_id, parent, flags, more = match.groups()
        known = version != "ff" and (version != "00" or more is None)
        if known and trace_id.strip("0") and parent.strip("0"):
            state = tracestate if tracestate and _TRACESTATE.match(tracestate) else ""
            sampled = "01" if int(flags, 16) & _SAMPLED else "00"
            return Trace(request_id, trace_id, fresh[32:48], sampled, state)
    return Trace(request_id, fresh[48:], fresh[32:48], "01", "")
