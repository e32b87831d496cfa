"""A tiny implementation of the specification, which breaks one rule of it when it is told to."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from shared.http.media_types import preferred
from tests.conformance.items import Event, Form, Item
from tests.conformance.json_lines import JSON_LINES
from tests.conformance.sse import SSE

PATH: Final = "/things/one"
STATE: Final = "0123456789abcdef"
PARTS: Final = {"user": b'{"id":"one"}', "orders": b"[1.50,2]"}
METADATA: Final = b'{"partial":false,"parts":{"user":{"status":"fresh"},"orders":{"status":"fresh"}}}'
JSON: Final = "application/json"
FORMS: Final = {form.media_type: form for form in (SSE, JSON_LINES)}
STREAM_HEAD: Final = {"Cache-Control": "no-store", "Vary": "Accept", "X-Accel-Buffering": "no"}
_names_json = re.compile(rf"{JSON}\b").search
_identifier = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch


class Scripted:
    """Answers one request a connection, but for the ``flaw`` as it should."""

    def __init__(self, flaw: str = "") -> None:
        self._flaw = flaw
        self._streams = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer, and close."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, version = head[0].split(" ")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            status, own, body = self._answer(target, fields)
            own |= {"Connection": "close"}
            chunked = version == "HTTP/1.1" and "Content-Length" not in own and status == 200
            if chunked:
                own["Transfer-Encoding"] = "chunked"
            writer.write("\r\n".join([f"{version} {status} -", *map(": ".join, own.items()), "", ""]).encode())
            if method == "GET" or self._has("a body after HEAD"):
                for piece in body:
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if chunked and not self._has("no last chunk"):
                    writer.write(b"0\r\n\r\n")
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def _has(self, flaw: str) -> bool:
        return self._flaw == flaw

    def _answer(self, target: str, fields: Mapping[str, str]) -> tuple[int, dict[str, str], list[bytes]]:
        url = urlsplit(target)
        query = parse_qsl(url.query, keep_blank_values=True)
        form = self._form(fields.get("accept", "*/*").lower())
        live = [value for name, value in query if name == "live"]
        is_view = any(name == "view" for name, _ in query) and not self._has("views are streamed")
        stays = form is None and live == ["true"] and not self._has("documents stay open")
        is_odd = live not in ([], ["true"], ["false"]) and not self._has("live is anything")
        if stays or is_odd:
            return self._problem(400 if is_odd else 406)
        if form is None or (is_view and _names_json(fields["accept"])):
            varies = {} if self._has("JSON does not vary") else {"Vary": "Accept"}
            document = b"{%b}" % b",".join([*map(b'"%b":%b'.__mod__, self._members()), b'"metadata":' + METADATA])
            return 200, {"ETag": f'W/"{STATE}"', **_sized(document, JSON), **varies}, [document]
        if (refusal := self._refusal(url.path, is_view=is_view)) is not None:
            return self._problem(refusal)
        asked = [fields.get("last-event-id", ""), dict(query).get("last_event_id", "")]
        if self._has("the parameter counts first"):
            asked.reverse()
        named = next(filter(None, asked), "")
        if self._has("If-None-Match counts") and fields.get("if-none-match") == f'W/"{STATE}"':
            named = STATE
        if self._has("odd ids are refused") and named not in {"", STATE, "x"}:
            return self._problem(400)
        own = {"Content-Type": form.media_type, **STREAM_HEAD}
        own |= {"Cache-Control": "no-cache"} if self._has("may be kept") else {}
        own |= {"ETag": f'W/"{STATE}"'} if self._has("an entity tag") else {}
        if live != ["true"] and named == STATE and not self._has("the state is told again"):
            return 204, own, []
        items = [*self._items(form, named, live=live == ["true"])]
        return 200, own, [form.write(item) for item in items]

    def _form(self, accept: str) -> Form | None:
        streams = [one for one in FORMS if one in accept or self._has("ranges are names")]
        if self._has("lines are liked better"):
            streams.reverse()
        if self._has("weights are ignored"):
            accept = accept.replace(";q=0.5", "")
        offered = [JSON, *streams] if _names_json(accept) else [*streams, JSON]
        return FORMS.get(preferred([accept], offered) or JSON)

    def _refusal(self, path: str, *, is_view: bool) -> int | None:
        if is_view:
            return 406
        if path == PATH or self._has("streams of nothing"):
            return None
        return 404 if _identifier(path.rpartition("/")[2]) else 400

    def _members(self) -> Iterator[tuple[bytes, bytes]]:
        return ((name.encode(), value) for name, value in PARTS.items())

    def _problem(self, status: int) -> tuple[int, dict[str, str], list[bytes]]:
        body = orjson.dumps({"status": status})
        kind = "text/plain" if self._has("no problem documents") else "application/problem+json"
        return status, _sized(body, kind), [body]

    def _items(self, form: Form, named: str, *, live: bool) -> Iterator[Item]:
        self._streams += 1
        yield Event("begin", None, orjson.dumps({"thing": "one", "parts": [*PARTS], "live": live}))
        if named == STATE and not self._has("the state is told again"):
            yield Event("complete", STATE, self._complete(b',"unchanged":true'))
        else:
            of_state = "" if named and form is SSE and not self._has("ids are remembered") else None
            for name, value in self._members():
                told = value.replace(b"1.50", b"1.5") if self._has("other bytes") else value
                data = b'{"name":"%b","provenance":{"status":"fresh"},"value":%b}' % (name, told)
                yield Event("part", of_state, data)
            state = f"{STATE}{self._streams}" if self._has("ids differ") else STATE
            yield Event("complete", state, self._complete(b"", state))
        if not live:
            more = b',"form":"%b"' % form.media_type.encode() if self._has("forms differ") else b""
            yield Event("end", None, b'{"reason":"done"%b}' % more)

    def _complete(self, more: bytes, state: str = STATE) -> bytes:
        return b'{"metadata":%b,"etag":"W/\\"%b\\""%b}' % (METADATA, state.encode(), more)


def _sized(body: bytes, content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "Content-Length": str(len(body))}
