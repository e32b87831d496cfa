"""The declaration of an early route, and the two kinds of response that it gives."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.http.exchange import Exchange
from shared.http.response_head import JSON, Body, HeaderFields, closing, lines, opening
from shared.timestamps import http_date


class _Head(NamedTuple):
    """The head of an answer, without what is another one for each request: its ids, and the time it took."""

    to_request_id: str
    to_duration: str
    to_body: str


class ReadyResponse:
    """A complete, ready answer to GET; its header fields hold until ``headers_until``.

    ``headers_until`` is an instant of the maker's own clock; ``body`` is JSON.
    """

    __slots__ = ("_heads", "_of_answer", "_of_cache", "_second", "body", "etag", "headers_until")

    def __init__(self, etag: str, body: bytes) -> None:
        self.etag = etag
        self.body = body
        self.headers_until = float("-inf")
        self._of_answer: HeaderFields = ()
        self._of_cache: HeaderFields = ()
        self._second = 0
        self._heads: dict[int, _Head] = {}

    def set_headers(self, of_answer: HeaderFields, of_cache: HeaderFields, until: float) -> None:
        """Set the header fields that hold ``until`` then: of the answer itself, and of the cache that it comes from."""
        self._of_answer, self._of_cache, self.headers_until = of_answer, of_cache, until
        self._heads.clear()

    def head(self, status: int, now: float) -> _Head:
        """The head of an answer with ``status``; ``now`` is in seconds since the epoch."""
        second = int(now)
        if self._second != second:
            self._second = second
            self._heads.clear()
        head = self._heads.get(status)
        if head is None:
            head = self._heads[status] = self._composed(status, http_date(now))
        return head

    def _composed(self, status: int, date: str) -> _Head:
        return _Head(
            opening(status, self._of_answer, date),
            f"\r\n{lines([*self._of_cache, ('Server-Timing', 'total;dur=')])}",
            closing(None if status == 304 else Body(len(self.body), JSON), keep_alive=True),
        )


class Response(NamedTuple):
    """A response as data: status, header fields of its own, and the body, which is empty for 304."""

    status: int
    fields: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class EarlyRoute:
    """The declaration of a route that is answered early.

    Attributes:
        path: what stands before an id in the target; ends with a slash.
        label: the endpoint's label in metrics and logs.
        ready: the ready answer for an id; None when there is none, or more is to be done than send it.
        count_hits: called with the number of ready answers that were sent.
        facts: constant facts of their log lines.
        respond: the answer for an id and an ``If-None-Match``, whatever it takes; or it raises what is wrong.
        log_share: the share of ready answers that are logged, from 0 to 1.
        query: what stands behind an id, with the question mark; "" for nothing.
        is_id: whether a text is one of the ids; None where every identifier is.
    """

    path: str
    label: str
    ready: Callable[[str], ReadyResponse | None]
    count_hits: Callable[[int], None]
    facts: Mapping[str, object]
    respond: Callable[[str, str | None, Exchange], Coroutine[Any, Any, Response]]
    log_share: float = 1.0
    query: str = ""
    is_id: Callable[[str], bool] | None = None
