"""Lists in pages: ``limit`` rows with an id greater than ``after``, and a link to the next page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar
from urllib.parse import parse_qsl

from sanic import HTTPResponse, Request

from shared import ids
from shared.errors import InvalidInput
from shared.http.openapi.operation import Parameter
from shared.http.routing import struct_response

MAX_LIMIT: Final = 200
DEFAULT: Final = 50

PARAMETERS: Final = (
    Parameter(
        "limit",
        "query",
        "How many there are on a page, at most.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT},
    ),
    Parameter("after", "query", "The last id of the page before.", ids.TEXT.schema),
)
"""What :func:`read_page` reads."""
REFUSAL: Final = InvalidInput("The query may have limit and after, and nothing else.")
"""One of its complaints."""

_number = re.compile(r"[0-9]{1,3}").fullmatch


class Identified(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """The id by which a list is ordered."""
        ...


R = TypeVar("R", bound=Identified)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; ``after`` is '' at its beginning."""

    limit: int = DEFAULT
    after: str = ""


def read_page(request: Request) -> Page:
    """The page that the query of ``request`` asks for.

    Raises:
        InvalidInput: naming the parameter and the rule.
    """
    given: dict[str, str] = {}
    for name, text in parse_qsl(request.query_string, keep_blank_values=True):
        if name not in {"limit", "after"}:
            raise InvalidInput(REFUSAL.detail)
        if name in given:
            raise InvalidInput(f"{name} must be given once.")
        given[name] = text
    limit = given.get("limit", str(DEFAULT))
    if not _number(limit) or not 1 <= int(limit) <= MAX_LIMIT:
        raise InvalidInput(f"limit must be a whole number from 1 to {MAX_LIMIT}.")
    after = ids.checked("after", given["after"]) if "after" in given else ""
    return Page(int(limit), after)


def page_response(path: str, page: Page, found: Sequence[R]) -> HTTPResponse:
    """``found``, which holds one row more than the page when there is a next one, as a list.

    The next page is linked from the ``Link`` header (RFC 8288), by a reference relative to this server.
    """
    rows = found[: page.limit]
    headers = {}
    if len(found) > page.limit:
        headers["Link"] = f'<{path}?limit={page.limit}&after={rows[-1].id}>; rel="next"'
    return struct_response(rows, headers=headers)
