"""Encodes a request to a service (RFC 9112 §2.1)."""

from typing import Any, Final

from shared.observing.tracing import current_trace
from shared.upstream.call import Call

CONSTANT_FIELDS: Final = "Accept: application/json\r\nAccept-Encoding: identity\r\nUser-Agent: profile-gateway\r\n"


def request(base_path: str, fields: str, call: Call[Any]) -> bytes:
    """``call`` below ``base_path``, with the header ``fields`` that are the same in each.

    To be made at the moment of writing: it says how long the service has from now. Paths come percent-encoded, and ids,
    keys and traces without line ends.
    """
    lines = [f"{call.method} {base_path}{call.path} HTTP/1.1\r\n{fields}"]
    if call.timeout < float("inf"):
        lines.append(f"X-Request-Timeout-Ms: {max(1, int(call.left() * 1000))}\r\n")
    trace = current_trace.get()
    if trace is not None:
        lines.append(f"X-Request-ID: {trace.request_id}\r\ntraceparent: {trace.traceparent}\r\n")
        if trace.state:
            lines.append(f"tracestate: {trace.state}\r\n")
    if call.body is None:
        lines.append("\r\n")
        return "".join(lines).encode("ascii")
    media_type = "application/json"
    if call.change is not None:
        media_type = call.change.media_type
        if call.change.key:
            lines.append(f"Idempotency-Key: {call.change.key}\r\n")
    lines.append(f"Content-Type: {media_type}\r\nContent-Length: {len(call.body)}\r\n\r\n")
    return "".join(lines).encode("ascii") + call.body
