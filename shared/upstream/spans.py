"""A client span round each attempt at a service; its id travels on to the service."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from shared.errors import UpstreamError
from shared.observing.telemetry.spans import Span, Spans, Value, spanning
from shared.upstream.call import Call, Policy, Reply, Send
from shared.upstream.lookup.location import Location


def span_attempts(spans: Spans, service_name: str, base_url: str) -> Policy:
    """Make each attempt at the service at ``base_url`` a span; paths hold identifiers and are left out."""
    server = _server(base_url)

    def policy(send: Send) -> Send:
        async def spanned(call: Call[Any]) -> Any:
            attributes = {
                "peer.service": service_name,
                **(server if call.instance is None else _instance(call.instance.location)),
                "http.request.method": call.method,
                "upstream.attempt": call.attempt + 1,
            }
            if call.attempt:
                attributes["http.request.resend_count"] = call.attempt
            with spanning(spans, f"{call.method} {service_name}", "client", attributes) as span:
                try:
                    return await send(msgspec.structs.replace(call, read=_recording_status(span, call.read)))
                except UpstreamError as error:
                    if error.status is not None:
                        span.set_attribute("http.response.status_code", error.status)
                    raise

        return spanned

    return policy


def _server(base_url: str) -> dict[str, Value]:
    address = urlsplit(base_url)
    port = address.port or (443 if address.scheme == "https" else 80)
    return {"server.address": address.hostname or "", "server.port": port}


def _instance(location: Location) -> dict[str, Value]:
    peer: dict[str, Value] = {"network.peer.address": location.hosts[0], "network.peer.port": location.port}
    return _server(location.base_url) | peer


def _recording_status(span: Span, read: Callable[[Reply], Any]) -> Callable[[Reply], Any]:
    def reading(reply: Reply) -> Any:
        span.set_attribute("http.response.status_code", reply.status)
        return read(reply)

    return reading
