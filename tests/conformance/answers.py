"""An answer as its bytes come, over HTTP/1.1 and HTTP/1.0 (RFC 9112), read strictly."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from tests.conformance.items import Form, Item

PATIENCE_SECONDS: Final = 60
"""Who gives nothing for so long hangs."""


class Head(NamedTuple):
    """Names of fields are in lower case; values of those that came several times are joined."""

    status: int
    fields: Mapping[str, str]

    @property
    def media_type(self) -> str:
        """Without parameters."""
        return self.fields.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def varies_by(self) -> set[str]:
        """The fields of requests that it depends on, in lower case."""
        return {name.strip().lower() for name in self.fields.get("vary", "").split(",")}


class Answer:
    """One answer, whose body may be open."""

    def __init__(self, reader: asyncio.StreamReader, head: Head, *, has_body: bool) -> None:
        self._reader = reader
        self.head = head
        self._has_body = has_body and head.status != 204

    @classmethod
    async def read(cls, reader: asyncio.StreamReader, method: str) -> "Answer":
        """Its head; of the body as much as is asked for afterwards."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        fields: dict[str, str] = {}
        for name, _, value in (one.partition(":") for one in lines):
            fields[name.lower()] = ", ".join(filter(None, (fields.get(name.lower()), value.strip())))
        return cls(reader, Head(int(line.split(" ")[1]), fields), has_body=method != "HEAD")

    async def body(self) -> bytes:
        """All of it.

        Raises:
            asyncio.IncompleteReadError: it was cut off (§3.4).
        """
        return b"".join([piece async for piece in self._pieces()])

    async def document(self) -> Any:
        """The JSON that it is."""
        return orjson.loads(await self.body())

    async def items(self, form: Form) -> AsyncGenerator[Item]:
        """The items of a stream as they come; it ends when the body does, and properly."""
        unread = b""
        async for piece in self._pieces():
            *whole, unread = (unread + piece).split(form.end)
            for one in whole:
                yield form.read(one)
        assert not unread, f"§4: it breaks off in {unread!r}"

    async def _pieces(self) -> AsyncIterator[bytes]:
        if not self._has_body:
            return
        length = self.head.fields.get("content-length")
        if length is not None:
            yield await self._exactly(int(length))
        elif self.head.fields.get("transfer-encoding") == "chunked":
            while size := int((await self._line()).rstrip(b"\r\n"), 16):
                yield await self._exactly(size)
                assert await self._line() == b"\r\n"
            assert await self._line() == b"\r\n"
        else:
            while piece := await self._some():
                yield piece

    async def _line(self) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._reader.readuntil(b"\n")

    async def _exactly(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._reader.readexactly(size)

    async def _some(self) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._reader.read(65_536)
