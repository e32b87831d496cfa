"""Sanic's HTTP parser behind the strict one: it gets one request at a time, with a normalized head."""

from typing import Any, Final

from sanic.exceptions import BadRequest, PayloadTooLarge, SanicException
from sanic.http import Http


class FieldsTooLarge(SanicException):
    """431 (RFC 6585 §5)."""

    status_code = 431
    quiet = True


_ERRORS: Final[dict[int, type[SanicException]]] = {413: PayloadTooLarge, 431: FieldsTooLarge}


class StrictHttp(Http):
    """Answers the requests of one connection, a :class:`shared.http.pipelining.PipelinedProtocol`."""

    __slots__ = ()

    async def http1(self) -> None:
        """Answer requests until the connection ends; nothing of them stays, however it ends."""
        try:
            await super().http1()  # type: ignore[no-untyped-call]
        finally:
            for part in (getattr(self, "request", None), getattr(self, "response", None)):
                if part is not None:
                    part.stream = None

    def init_for_request(self) -> None:
        """Tell the connection that the next request may come."""
        super().init_for_request()  # type: ignore[no-untyped-call]
        client: Any = self.protocol
        client.on_idle()

    async def http1_request_header(self) -> None:
        """Wait for a head, and read it.

        Raises:
            SanicException: it was refused.
        """
        client: Any = self.protocol
        while not self.recv_buffer:
            if client.refused is not None:
                self.url = client.refused.target.decode("latin-1")
                raise _ERRORS.get(client.refused.status, BadRequest)("refused")
            await self._receive_more()
        await super().http1_request_header()  # type: ignore[no-untyped-call]
        self.head_only = self.request.method == "HEAD"  # methods are told apart by case (RFC 9110 §9.1)
        if (self.request_bytes or 0) > self.request_max_size:
            self.expecting_continue = False  # it is going to be refused
