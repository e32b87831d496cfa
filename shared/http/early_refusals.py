"""Refusals of the edge as answers, put together from what is the same in many: one costs less than a hit."""

from typing import Final, NamedTuple

from shared import codec
from shared.edge.form import Form
from shared.errors import RequestError
from shared.http import problems
from shared.http.response_head import lines, opening
from shared.observing.tracing import Trace
from shared.timestamps import http_date

_CLOSING: Final = f"\r\nconnection: keep-alive\r\ncontent-type: {problems.CONTENT_TYPE}\r\n\r\n"
_PATH: Final = "<path>"
_REQUEST_ID: Final = "<request id>"
_MAX_TEMPLATES: Final = 1_000


class _Template(NamedTuple):
    """What answers of one kind have in common: head and body, with gaps for ids, the path and what is left."""

    status: int
    tells_limit: bool
    to_request_id: str
    to_length: str
    to_path: str
    to_body_id: str
    to_end: str


class Refusals:
    """The answers to those who are not let in, byte for byte as they would be by way of Sanic."""

    def __init__(self) -> None:
        self._second = 0
        self._templates: dict[tuple[RequestError, Form], _Template] = {}

    def answer(
        self, refusal: RequestError, form: Form, trace: Trace, *, path: str, rate_limit: str, now: float
    ) -> tuple[int, bytes, bytes]:
        """Status, head and body.

        ``path`` has nothing in it that JSON would escape; ``rate_limit`` is the value of that field, or "".
        """
        if self._second != int(now) or len(self._templates) > _MAX_TEMPLATES:
            self._second = int(now)
            self._templates.clear()
        template = self._templates.get((refusal, form))
        if template is None:
            template = self._templates[refusal, form] = _template(refusal, form, http_date(now))
        status, tells_limit, to_request_id, to_length, to_path, to_body_id, to_end = template
        request_id = trace.request_id
        quoted = request_id if request_id.isalnum() else codec.encode(request_id).decode()[1:-1]
        body = f"{to_path}{path}{to_body_id}{quoted}{to_end}".encode()
        limit = f"\r\nRateLimit: {rate_limit}" if rate_limit and not tells_limit else ""
        head = (
            f"{to_request_id}{request_id}\r\ntraceparent: 00-{trace.trace_id}-{trace.span_id}-{trace.flags}{limit}"
            f"{to_length}{len(body)}{_CLOSING}"
        )
        return status, head.encode("ascii"), body


def _template(refusal: RequestError, form: Form, date: str) -> _Template:
    problem, own = problems.of(refusal), problems.headers_of(refusal)
    beside = form.complete(own)
    written = codec.encode(problem.details(refusal.detail, _PATH, _REQUEST_ID)).decode()
    to_path, _, rest = written.partition(_PATH)
    to_body_id, _, to_end = rest.partition(_REQUEST_ID)
    more = f"\r\n{lines(beside.items())}" if beside else ""
    return _Template(
        problem.status,
        "RateLimit" in own,
        opening(problem.status, own.items(), date),
        f"{more}\r\ncontent-length: ",
        to_path,
        to_body_id,
        to_end,
    )
