"""Streams as they should be, to be broken."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from tests.conformance.items import Event, Heartbeat, Item

PARTS: Final = ("user", "orders")
FRESH: Final = {"status": "fresh"}
MISSING: Final = {"status": "missing", "reason": "timeout"}
PROBLEM: Final = {"type": "urn:problem:not-found", "title": "Not found", "status": 404, "detail": "There is none."}
HEARTBEAT: Final = Heartbeat()


def begin(*, live: bool = False, **changed: object) -> Event:
    """What each stream begins with; whatever is ``changed`` is what is wrong with it."""
    return _event("begin", {"user_id": "user1", "parts": PARTS, "live": live, **changed})


def part(name: str = "user", provenance: Mapping[str, str] = FRESH, **changed: object) -> Event:
    """A part; a missing one is null."""
    value = None if provenance is MISSING else {"id": name}
    return _event("part", {"name": name, "provenance": provenance, "value": value, **changed})


def anew(name: str = "user", provenance: Mapping[str, str] = FRESH) -> Event:
    """A part that is of no state any more that the client has an id of."""
    return part(name, provenance)._replace(id="")


def complete(state: str | None = "a1", *, of_state: str | None = None, **changed: object) -> Event:
    """The whole in a state; in None the orders are missing. ``of_state`` is the id, where it is another."""
    parts = {"user": FRESH, "orders": MISSING if state is None else FRESH}
    metadata = {"partial": state is None, "parts": parts}
    data = {"metadata": metadata, "etag": None if state is None else f'W/"{state}"', **changed}
    return _event("complete", data, of_state or state)


def end(reason: str = "done", retry: int | None = None, **changed: object) -> Event:
    """The end of a stream."""
    data = {"reason": reason, **({} if retry is None else {"retry": retry}), **changed}
    return _event("end", data)._replace(retry=retry)


def _event(name: str, data: Mapping[str, Any], of_state: str | None = None) -> Event:
    return Event(name, of_state, orjson.dumps(data))


ONE_SHOT: Final[tuple[Item, ...]] = (begin(), part(), part("orders"), complete(), end())
LIVE: Final[tuple[Item, ...]] = (
    begin(live=True), part("orders"), part(), complete("a1"), HEARTBEAT,
    anew("orders", MISSING), complete(None), part("orders"), complete("b2"),
    complete("b2", unchanged=True), HEARTBEAT, anew(), complete("c3"), end("limit"),
)  # fmt: skip
RESUMED: Final[tuple[Item, ...]] = (
    begin(live=True), complete("a1", unchanged=True), anew(), complete("b2"),
    end("drain", retry=1234),
)  # fmt: skip
