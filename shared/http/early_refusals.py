"""Refusals of the edge as answers, put together from what is the same in many: one costs less than a hit."""

from typing import Final, NamedTuple

from shared import codec
from shared.edge.caller import Caller
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
    """What answers of one kind have in common: head and body, with gaps for ids, the path and what is left.

    ``length`` is the body's in bytes, without what comes into the gaps.
    """

    status: int
    tells_limit: bool
    length: int
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
        self, refusal: RequestError, caller: Caller, trace: Trace, path: str, now: float, *, with_body: bool
    ) -> tuple[int, bytes]:
        """Status and answer; ``path`` has nothing in it that JSON would escape, ``now`` is since the epoch."""
        form = caller.form
        if self._second != int(now) or len(self._templates) > _MAX_TEMPLATES:
            self._second = int(now)
            self._templates.clear()
        template = self._templates.get((refusal, form))
        if template is None:
            template = self._templates[refusal, form] = _template(refusal, form, http_date(now))
        status, tells_limit, length, to_request_id, to_length, to_path, to_body_id, to_end = template
        request_id = trace.request_id
        quoted = request_id if request_id.isalnum() else codec.encode(request_id).decode()[1:-1]
        limit = "" if tells_limit or not (told := caller.rate_limit(now)) else f"\r\nRateLimit: {told}"
        answer = (
            f"{to_request_id}{request_id}\r\ntraceparent: 00-{trace.trace_id}-{trace.span_id}-{trace.flags}{limit}"
            f"{to_length}{length + len(path) + len(quoted)}{_CLOSING}"
        )
        if with_body:
            answer = f"{answer}{to_path}{path}{to_body_id}{quoted}{to_end}"
        return status, answer.encode()


def _template(refusal: RequestError, form: Form, date: str) -> _Template:
    problem, own = problems.of(refusal), problems.headers_of(refusal)
    beside = form.complete(own)
    written = codec.encode(problem.details(refusal.detail, _PATH, _REQUEST_ID))
    to_path, _, rest = written.decode().partition(_PATH)
    to_body_id, _, to_end = rest.partition(_REQUEST_ID)
    more = f"\r\n{lines(beside.items())}" if beside else ""
    return _Template(
        problem.status,
        "RateLimit" in own,
        len(written) - len(_PATH) - len(_REQUEST_ID),
        opening(problem.status, own.items(), date),
        f"{more}\r\ncontent-length: ",
        to_path,
        to_body_id,
        to_end,
    )
