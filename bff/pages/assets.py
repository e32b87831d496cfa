"""Files that pages are made with: under names that tell their content, so that browsers may keep them for a year."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple

from sanic import HTTPResponse, Request, Sanic

from shared.errors import NotFound
from shared.http import routing
from shared.http.coded_body import CodedBody
from shared.http.openapi.operation import Answer, Operation, Parameter, Tag
from shared.http.openapi.vocabulary import CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY
from shared.http.tagged_body import TaggedBody
from shared.memoized import Memoized

PAGES: Final = Tag("pages", "What people look at in a browser, and what that is made with.")
PATH: Final = "/assets/"
ICON: Final = "icon.svg"
STATIC: Final = Path(__file__).with_name("static")
_CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_A_YEAR: Final = "public, max-age=31536000, immutable"
_FOR_A_DAY: Final = "public, max-age=86400"
_NOT_FOUND: Final = NotFound("There is no such file, or no longer.")


class Asset(NamedTuple):
    """A file as it is ``served_as``: under its name, with a hash of its content."""

    served_as: str
    body: TaggedBody


class Assets:
    """Files by their plain names; each is read and compressed when it is first asked for, in a thread, and kept."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = {
            name: Memoized(partial(asyncio.to_thread, _read, path, name), math.inf) for name, path in files.items()
        }

    @classmethod
    def with_own(cls, more: Mapping[str, Path]) -> "Assets":
        """The gateway's own, and ``more``."""
        return cls({path.name: path for path in STATIC.iterdir()} | {**more})

    def routes(self, app: Sanic[Any, Any]) -> None:
        """GET and HEAD of each, and of the icon where browsers look for one that no page names."""
        routing.get(app, f"{PATH}<name:str>", self._answer, "asset", _ASSET)
        routing.get(app, "/favicon.ico", self._answer_icon, "icon", _ICON)

    async def path_of(self, name: str) -> str:
        """Where the file of this plain name is served."""
        return PATH + (await self._files[name]()).served_as

    async def _answer(self, request: Request, name: str) -> HTTPResponse:
        stem, _, rest = name.partition(".")
        file = self._files.get(f"{stem}{PurePath(rest).suffix}")
        asset = None if file is None else await file()
        if asset is None or asset.served_as != name:
            raise NotFound(_NOT_FOUND.detail)
        return asset.body.response(request, {"Cache-Control": _FOR_A_YEAR})

    async def _answer_icon(self, request: Request) -> HTTPResponse:
        return (await self._files[ICON]()).body.response(request, {"Cache-Control": _FOR_A_DAY})


def _read(path: Path, name: str) -> Asset:
    plain = PurePath(name)
    body = TaggedBody(CodedBody.thorough(path.read_bytes()), _CONTENT_TYPES[plain.suffix])
    return Asset(f"{plain.stem}.{body.digest}{plain.suffix}", body)


def _answers(what: str, *suffixes: str) -> Sequence[Answer]:
    headers = (CACHE_CONTROL, ETAG, VARY)
    types = [_CONTENT_TYPES[suffix].partition(";")[0] for suffix in suffixes]
    return Answer(200, f"{what}.", str, types, headers), Answer(304, f"{what} at hand is this one.", headers=headers)


_ASSET: Final = Operation(
    "A file that a page is made with",
    PAGES,
    _answers("The file", *_CONTENT_TYPES),
    problems=(_NOT_FOUND,),
    parameters=(
        Parameter("name", "path", "As a page has it.", {"type": "string"}, _read(STATIC / ICON, ICON).served_as),
        IF_NONE_MATCH,
    ),
)
_ICON: Final = Operation("The icon", PAGES, _answers("The icon", ".svg"), parameters=(IF_NONE_MATCH,))
