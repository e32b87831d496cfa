"""The declaration of an early route, and the two kinds of response that it gives."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from shared.edge.access import Access
from shared.edge.form import Coding, Form
from shared.http.coded_body import CodedBody
from shared.http.content_coding import coding_headers
from shared.http.exchange import Exchange
from shared.http.response_head import JSON, Body, HeaderFields, closing, lines, opening
from shared.timestamps import http_date

VARY: Final = {"Vary": "Accept, Accept-Encoding"}
"""What every answer says that there is in several codings, and as a stream."""


_MAX_HEADS: Final = 4
"""That an answer has ready, and as many of its 304: its clients are of few kinds, and what it takes is counted."""
_MAX_FORMS: Final = 256
_DURATION: Final = ("Server-Timing", "total;dur=")


class _Head(NamedTuple):
    """The head of an answer, without what is another one for each request: its ids, the time it took, what is left.

    ``to_duration`` is empty where nobody is told that.
    """

    to_request_id: str
    to_duration: str
    to_body: str
    body: bytes


_NEVER: Final = float("-inf")
_NO_FIELDS: Final[Mapping[bool, HeaderFields]] = {}
_NO_HEADS: Final[Mapping[Form, _Head]] = {}
"""Of most of what there is in memory: a dictionary of its own would be a tenth of what it takes."""


class ReadyResponse:
    """A complete, ready answer to GET; its header fields hold until ``headers_until``.

    ``headers_until`` is an instant of the maker's own clock; ``body`` is JSON.
    """

    __slots__ = ("_of_answer", "_of_cache", "_second", "_unchanged", "_whole", "coded_body", "etag", "headers_until")

    def __init__(self, etag: str, body: bytes) -> None:
        self.etag = etag
        self.headers_until = _NEVER
        self.coded_body = CodedBody(body)
        self._of_answer: Mapping[bool, HeaderFields] = _NO_FIELDS
        self._of_cache: HeaderFields = ()
        self._second = 0
        self._whole = self._unchanged = _NO_HEADS

    @property
    def body(self) -> bytes:
        """As it is, without a coding."""
        return self.coded_body.plain

    def set_headers(self, of_answer: Mapping[bool, HeaderFields], of_cache: HeaderFields, until: float) -> None:
        """Set the header fields that hold ``until`` then.

        ``of_answer`` are those of the answer itself, by whether diagnostics are shown; ``of_cache`` are diagnostics.
        """
        self._of_answer, self._of_cache, self.headers_until = of_answer, of_cache, until
        self._forget_heads()

    def head(self, status: int, form: Form, now: float) -> _Head:
        """The head of an answer with ``status`` in this ``form``; ``now`` is in seconds since the epoch."""
        second = int(now)
        if self._second != second:
            self._second = second
            self._forget_heads()
        heads = self._whole if status == 200 else self._unchanged
        head = heads.get(form)
        if head is None:
            head = self._composed(status, form, http_date(now))
            heads = {**(heads if len(heads) < _MAX_HEADS else _NO_HEADS), form: head}
            if status == 200:
                self._whole = heads
            else:
                self._unchanged = heads
        return head

    def _forget_heads(self) -> None:
        self._whole = self._unchanged = _NO_HEADS

    def _composed(self, status: int, form: Form, date: str) -> _Head:
        body, coding = (b"", None) if status == 304 else self.coded_body.coded(form.coding)
        of_form, beside = _fields_of(form, coding)
        return _Head(
            opening(status, (*self._of_answer[form.shows_diagnostics], *of_form), date),
            f"\r\n{lines((*self._of_cache, _DURATION))}" if form.shows_diagnostics else "",
            beside + closing(None if coding is None else Body(len(body), JSON), keep_alive=True),
            body,
        )


@lru_cache(_MAX_FORMS)
def _fields_of(form: Form, coding: Coding | None) -> tuple[HeaderFields, str]:
    """What answers of a form have among their own fields, and the lines that go beside them; no coding: no body."""
    own = coding_headers("identity" if coding is None else coding, VARY["Vary"])
    beside = form.complete(own)
    return tuple(own.items()), f"\r\n{lines(beside.items())}" if beside else ""


def coded_as(body: CodedBody, form: Form) -> tuple[dict[str, str], bytes]:
    """``body`` in the coding of ``form`` if that is worth it, and the fields that say so."""
    data, coding = body.coded(form.coding)
    return coding_headers(coding, VARY["Vary"]), data


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
        access: what is needed to be answered; None where it is open to everybody.
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
    access: Access | None = None
