"""What memory has of a table's entries once Redis has answered to a write."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.cache.cache import Cache
from shared.cache.entry import NO_STAMP, Entry, StoredEntry
from shared.cache.keys import Keys
from shared.cache.memory import MemoryStore
from shared.cache.named import NAMED
from shared.cache.near import NearTier, Trust
from shared.cache.redis_client import TierDown
from shared.cache.replies import MOVING, Command
from shared.cache.table import Change, Table
from shared.cache.token import Token
from tests.fixtures.gateway import Clock


class _Redis:
    """One that answers to writes as a test says, and tells of no change."""

    def __init__(self, *replies: Any) -> None:
        self.up = True
        self.there: Entry | None = None
        self._replies = replies

    async def read_raw(self, key: str) -> tuple[bytes | None, Entry | None]:
        """What stands there."""
        return (None if self.there is None else _stored(self.there).to_bytes(key)), self.there

    async def run_script(self, _script: str, _key: str, *_arguments: bytes) -> Any:
        """A script."""
        return self._replies[0]

    async def execute_many(self, _commands: Sequence[tuple[str, Command]]) -> Sequence[Any]:
        """Writes."""
        if not self._replies:
            raise TierDown
        return self._replies

    def stored(self, entry: Entry, _token: Token) -> StoredEntry:
        """As it would stand there."""
        return _stored(entry)


def _stored(entry: Entry) -> StoredEntry:
    return StoredEntry.of(entry, 1000.0, 0, NO_STAMP, NO_STAMP)


def _table(redis: _Redis) -> tuple[Table, NearTier]:
    keys, clock = Keys("test", [NAMED]), Clock()
    near = NearTier(MemoryStore(10), keys, clock)
    near.set_trust(Trust.COHERENT)
    return Table(Cache(near, redis, keys, longest_life=600, clock=clock)), near  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [Change(b"new"), Change(b"new", 5.0), Change(None)])
async def test_memory_does_not_keep_what_was_there_before_a_change(change: Change) -> None:
    """Not even for the moment before the news of it: whoever has changed it looks at it next."""
    redis = _Redis(1)
    table, near = _table(redis)
    key = table.key("name")
    redis.there = Entry.made(b"old", 1000.0, 30.0)
    assert near.put(key, redis.there, near.issue_token())
    assert await table.compare_and_set("name", lambda _there: change) == change
    assert near.kept(key) is None


@pytest.mark.parametrize(
    ("replies", "result", "kept"),
    [
        ((b"OK", b"OK"), True, True),
        ((b"OK", MOVING), False, False),
        ((MOVING, MOVING), False, False),
        ((), True, True),
    ],
    ids=["all", "some", "none", "away"],
)
async def test_memory_keeps_what_all_find_or_what_is_all_that_there_is(
    replies: Sequence[Any], result: bool, kept: bool
) -> None:
    """Where a key is being moved to another node nobody is to find here what others do not find there."""
    table, near = _table(_Redis(*replies))
    assert await table.put([("a", b"1"), ("b", b"2")], 30.0) is result
    assert [near.kept(table.key(name)) is not None for name in "ab"] == [kept, kept]


@pytest.mark.parametrize(("reply", "kept"), [(b"OK", True), (None, False)])
async def test_memory_keeps_what_was_added(reply: Any, kept: bool) -> None:
    """And nothing of what another process was quicker to add."""
    redis = _Redis(reply)
    table, near = _table(redis)
    if kept:
        assert await table.add("name", b"value", 30.0)
    else:
        redis.there = Entry.made(b"theirs", 1000.0, 30.0)
        assert not await table.add("name", b"value", 30.0)
    assert (near.kept(table.key("name")) is not None) is kept
