"""Maps errors to problem details for HTTP APIs (RFC 9457), in one table.

The ``type`` is a URN under ``urn:problem:``; ``docs/problems.md`` describes each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses
from typing import Annotated, Final, NamedTuple

import msgspec
from sanic import HTTPResponse, Request
from sanic.exceptions import MethodNotAllowed, SanicException
from sanic.response import raw

from shared import codec
from shared.errors import (
    AccessRefused,
    Conflict,
    Forbidden,
    InvalidAuthorization,
    InvalidInput,
    NotAcceptable,
    NotFound,
    OutcomeUnknown,
    RequestError,
    ServiceUnavailable,
    Shed,
    TooManyRequests,
    Unauthorized,
    Unprocessable,
    UnsupportedMediaType,
)
from shared.http.routing import allowed_methods
from shared.observing.tracing import current_trace

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of problem: the last word of its URN, its status, its title, and fields that go with it in the head."""

    slug: str
    status: int
    title: str
    headers: tuple[str, ...] = ()

    def details(self, detail: str, path: str, request_id: str | None) -> "ProblemDetails":
        """What a client sees that has asked for ``path``."""
        return ProblemDetails(f"urn:problem:{self.slug}", self.title, self.status, detail, path, request_id)


class ProblemDetails(msgspec.Struct, frozen=True):
    """A problem as a client sees it (RFC 9457); `type` tells of which kind it is, `detail` what it is."""

    type: Annotated[str, msgspec.Meta(pattern="^urn:problem:[a-z0-9-]+$")]
    title: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: str
    instance: str
    request_id: str | None


_REQUEST_ERRORS: dict[type[RequestError], Problem] = {
    InvalidInput: Problem("invalid-input", 400, "Invalid input"),
    InvalidAuthorization: Problem("invalid-authorization", 400, "Invalid authorization", ("WWW-Authenticate",)),
    Unauthorized: Problem("unauthorized", 401, "Unauthorized", ("WWW-Authenticate",)),
    Forbidden: Problem("forbidden", 403, "Forbidden", ("WWW-Authenticate",)),
    NotFound: Problem("not-found", 404, "Not found"),
    NotAcceptable: Problem("not-acceptable", 406, "Not acceptable"),
    Conflict: Problem("conflict", 409, "Conflict"),
    UnsupportedMediaType: Problem("unsupported-media-type", 415, "Unsupported media type", ("Accept",)),
    Unprocessable: Problem("unprocessable", 422, "Unprocessable content"),
    TooManyRequests: Problem(
        "too-many-requests", 429, "Too many requests", ("Retry-After", "RateLimit", "RateLimit-Policy")
    ),
    ServiceUnavailable: Problem("service-unavailable", 503, "Service unavailable", ("Retry-After",)),
    Shed: Problem("overloaded", 503, "Overloaded", ("Retry-After",)),
    OutcomeUnknown: Problem("outcome-unknown", 504, "Outcome unknown"),
}

# What the server itself refuses, before or around our own code.
_SERVER: dict[int, tuple[Problem, str]] = {
    400: (Problem("bad-request", 400, "Bad request"), "The request is not valid HTTP/1.1."),
    404: (Problem("unknown-route", 404, "Unknown route"), "There is nothing at this path."),
    405: (Problem("method-not-allowed", 405, "Method not allowed"), "See the Allow header for what works here."),
    408: (Problem("request-timeout", 408, "Request timeout"), "The request did not arrive in time."),
    413: (Problem("too-large", 413, "Content too large"), "The header or the body exceeds the limit."),
    417: (Problem("expectation-failed", 417, "Expectation failed"), "Only 100-continue can be expected."),
    431: (Problem("fields-too-large", 431, "Request header fields too large"), "The header exceeds the limit."),
    503: (Problem("response-timeout", 503, "Service unavailable"), "The answer took too long to make."),
}
_INTERNAL = Problem("internal-error", 500, "Internal error")
_INTERNAL_DETAIL = "Something went wrong on our side. The request id finds it in the logs."

ALL: tuple[Problem, ...] = (*_REQUEST_ERRORS.values(), *(problem for problem, _ in _SERVER.values()), _INTERNAL)
"""Every kind of problem that has a name of its own."""


ON_EVERY_ROUTE: Final[Mapping[Problem, str]] = {
    **{problem: detail for status, (problem, detail) in _SERVER.items() if status not in {404, 405}},
    _INTERNAL: _INTERNAL_DETAIL,
}
"""What any request may meet that has found its route, with the sentences that explain it."""


def of(error: RequestError) -> Problem:
    """The kind of problem that ``error`` is."""
    return _REQUEST_ERRORS[type(error)]


class ProblemResponse(NamedTuple):
    """A problem as an answer; its content type is :data:`CONTENT_TYPE`."""

    status: int
    headers: dict[str, str]
    body: bytes


def response_to(request: Request, error: BaseException) -> HTTPResponse:
    """The problem document for ``error``, with the headers that go with its status."""
    described = describe(error, request.path)
    if isinstance(error, MethodNotAllowed):
        described.headers["Allow"] = allowed_methods(request)
    return raw(described.body, status=described.status, headers=described.headers, content_type=CONTENT_TYPE)


def describe(error: BaseException, path: str) -> ProblemResponse:
    """The problem document for ``error``, met by a request for ``path``, with the headers that go with its status."""
    if isinstance(error, RequestError):
        problem, detail = of(error), error.detail
    elif isinstance(error, SanicException):
        problem, detail = _of_server(error.status_code)
    else:
        problem, detail = _INTERNAL, _INTERNAL_DETAIL
    trace = current_trace.get()
    details = problem.details(detail, path, trace.request_id if trace else None)
    return ProblemResponse(problem.status, headers_of(error), codec.encode(details))


def headers_of(error: BaseException) -> dict[str, str]:
    """The fields that go with ``error`` in the head."""
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, ServiceUnavailable | TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, TooManyRequests):
        headers |= error.fields
    if isinstance(error, UnsupportedMediaType):
        headers["Accept"] = error.accepted
    if isinstance(error, AccessRefused):
        headers["WWW-Authenticate"] = error.challenge
    return headers


def is_server_error(error: BaseException) -> bool:
    """Whether ``error`` is a fault of this process, to be logged with its frames."""
    return not isinstance(error, RequestError | SanicException) or (
        isinstance(error, SanicException) and error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _of_server(status: int) -> tuple[Problem, str]:
    known = _SERVER.get(status)
    if known is not None:
        return known
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _INTERNAL, _INTERNAL_DETAIL
    title = responses.get(status, "Request refused")
    return Problem(f"http-{status}", status, title), "The request cannot be answered."
