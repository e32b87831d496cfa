"""Server-Sent Events, read as strictly as §4.1 has them; browsers take much more."""

import re
from typing import Final

from tests.conformance.items import Event, Form, Heartbeat, Item, Malformed, data_of

_event = re.compile(rb"(?:retry: (0|[1-9][0-9]*)\n)?event: ([a-z_]+)\n(?:id: ([!-~]*)\n)?data: ([^\r\n]+)").fullmatch


def _read(block: bytes) -> Item:
    if block == b":":
        return Heartbeat()
    if event := _event(block):
        retry, name, of_state, data = event.groups()
        return Event(
            name.decode(),
            None if of_state is None else of_state.decode(),
            data_of(data),
            None if retry is None else int(retry),
        )
    raise Malformed(f"§4.1 knows no block {block!r}")


def _write(item: Item) -> bytes:
    if isinstance(item, Heartbeat):
        return b":\n\n"
    retry = b"" if item.retry is None else b"retry: %d\n" % item.retry
    of_state = b"" if item.id is None else b"id: %b\n" % item.id.encode()
    return b"%bevent: %b\n%bdata: %b\n\n" % (retry, item.name.encode(), of_state, item.data)


SSE: Final = Form("text/event-stream", b"\n\n", _read, _write)
