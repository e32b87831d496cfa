"""A body with an entity tag, in all its codings, and the answers that are given with it."""

import hashlib

from sanic import HTTPResponse, Request
from sanic.response import raw

from shared.http.coded_body import CodedBody
from shared.http.conditional import matches
from shared.http.content_coding import coding_for, coding_headers


class TaggedBody:
    """A body that is the same for everybody.

    Attributes:
        digest: tells its content from others.
    """

    def __init__(self, body: CodedBody, content_type: str) -> None:
        self._body = body
        self._content_type = content_type
        self.digest = hashlib.sha256(body.plain).hexdigest()[:16]

    def response(self, request: Request, headers: dict[str, str], status: int = 200) -> HTTPResponse:
        """The answer with these ``headers`` and its own, or 304 for whoever has the body already."""
        etag = f'W/"{self.digest}"'  # weak: the same in all codings (RFC 9110 §8.8.1)
        headers = {"ETag": etag, **headers}
        if status == 200 and matches(request.headers.get("if-none-match"), etag):
            return HTTPResponse(status=304, headers=headers | coding_headers("identity"))
        body, coding = self._body.coded(coding_for(request))
        return raw(body, status=status, headers=headers | coding_headers(coding), content_type=self._content_type)
