"""JSON lines, read as strictly as §4.2 has them."""

import re
from typing import Final

from tests.conformance.items import Event, Form, Heartbeat, Item, Malformed, data_of

_event = re.compile(rb'\{"event":"([a-z_]+)",(?:"id":"([!#-\[\]-~]+)",)?"data":(\{.*\})\}').fullmatch


def _read(line: bytes) -> Item:
    if not line:
        return Heartbeat()
    event = _event(line)
    if event is None or b"\r" in line:
        raise Malformed(f"§4.2 knows no line {line!r}")
    name, of_state, data = event.groups()
    return Event(name.decode(), None if of_state is None else of_state.decode(), data_of(data))


def _write(item: Item) -> bytes:
    """An id that is empty is none here."""
    if isinstance(item, Heartbeat):
        return b"\n"
    of_state = b'"id":"%b",' % item.id.encode() if item.id else b""
    return b'{"event":"%b",%b"data":%b}\n' % (item.name.encode(), of_state, item.data)


JSON_LINES: Final = Form("application/jsonl", b"\n", _read, _write)
