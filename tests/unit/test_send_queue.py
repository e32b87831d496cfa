"""Answers that are ready are counted before they are sent."""

import asyncio
from collections.abc import Iterable
from typing import cast

from shared.http.early_tallies import Tally
from shared.http.send_queue import SendQueue


class Wire:
    """A transport that remembers what it is given; it may have been closed."""

    def __init__(self, *, closing: bool = False) -> None:
        self.given: list[tuple[bytes, ...]] = []
        self._closing = closing

    def is_closing(self) -> bool:
        """Whether it has been closed."""
        return self._closing

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Take them."""
        self.given.append(tuple(pieces))


class Count:
    """Notes what had been sent on ``wire`` when it was asked to count."""

    def __init__(self, wire: Wire, *, fails: bool = False) -> None:
        self.sent_before: list[int] = []
        self._wire = wire
        self._fails = fails

    def flush(self) -> None:
        """Note it, or fail."""
        self.sent_before.append(len(self._wire.given))
        if self._fails:
            raise ValueError


def _send(queue: SendQueue, wire: Wire, *pieces: bytes) -> None:
    queue.send(cast("asyncio.Transport", wire), pieces)


def _expect(queue: SendQueue, count: Count) -> None:
    queue.uncounted.append(cast("Tally", count))


async def test_answers_are_sent_in_the_same_turn_once_they_are_counted() -> None:
    """In their order, as the pieces that they are made of; not on a connection that has ended."""
    queue, wire, ended = SendQueue(), Wire(), Wire(closing=True)
    _expect(queue, count := Count(wire))
    _send(queue, wire, b"head", b"body")
    _send(queue, ended, b"head")
    _send(queue, wire, b"other")
    assert wire.given == []
    await asyncio.sleep(0)
    assert (wire.given, ended.given) == ([(b"head", b"body"), (b"other",)], [])
    assert count.sent_before == [0]


async def test_counts_that_fail_keep_nothing_back() -> None:
    """Whoever waits for an answer has nothing to do with them, nor have other counts."""
    queue, wire = SendQueue(), Wire()
    _expect(queue, Count(wire, fails=True))
    _expect(queue, count := Count(wire))
    _send(queue, wire, b"head")
    await asyncio.sleep(0)
    assert count.sent_before == [0]
    assert wire.given == [(b"head",)]
    _send(queue, wire, b"other")
    await asyncio.sleep(0)
    assert (count.sent_before, len(wire.given)) == ([0], 2)
