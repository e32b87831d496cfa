"""Entries: their times in memory, and their form in Redis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.cache.entry import LONGEST_LOAD_SECONDS, LONGEST_SECONDS, NO_STAMP, Entry, StoredEntry, UnreadableEntry
from shared.cache.stamps import NEVER

_eight = st.binary(min_size=8, max_size=8)
_now = st.floats(0, 1e6)


_stored = st.builds(
    StoredEntry,
    generation=_eight,
    stamps=st.lists(st.binary(min_size=16, max_size=16), max_size=5).map(b"".join),
    stored_ms=st.integers(0, 2**63),
    fresh_ms=st.integers(0, 10**8),
    kept_ms=st.integers(10**8, LONGEST_SECONDS * 1000),
    value=st.binary(),
    cost_ms=st.integers(0, LONGEST_LOAD_SECONDS * 1000),
    age_ms=st.integers(0, LONGEST_SECONDS * 1000),
    negative=st.booleans(),
    tags=st.lists(st.sampled_from(["product:p1", "user:*", "order:x.y"]), max_size=4).map(tuple),
)


KEY = "bff:a:1:{b}"


@given(_stored)
def test_a_stored_entry_survives_its_bytes(stored: StoredEntry) -> None:
    """Header and value come back as they were."""
    assert StoredEntry.from_bytes(stored.to_bytes(KEY), KEY) == stored


@given(st.binary(max_size=80))
def test_other_bytes_are_no_entry(data: bytes) -> None:
    """Bytes of any kind are an entry only when they begin with the header of this version."""
    try:
        stored = StoredEntry.from_bytes(data, KEY)
    except UnreadableEntry:
        return
    assert stored.to_bytes(KEY) == data


_GOOD = StoredEntry(NO_STAMP, NEVER, 0, 1_000, 30_000, b"value")


@pytest.mark.parametrize(
    "odd",
    [
        replace(_GOOD, fresh_ms=30_001),
        replace(_GOOD, kept_ms=LONGEST_SECONDS * 1000 + 1),
        replace(_GOOD, kept_ms=2**32 - 1),
        replace(_GOOD, cost_ms=LONGEST_LOAD_SECONDS * 1000 + 1),
        replace(_GOOD, cost_ms=2**32 - 1),
        replace(_GOOD, age_ms=LONGEST_SECONDS * 1000 + 1),
    ],
)
def test_a_header_that_says_what_no_setting_allows_is_unreadable(odd: StoredEntry) -> None:
    """A longer life, a load that takes for ever, an age beyond all."""
    with pytest.raises(UnreadableEntry):
        StoredEntry.from_bytes(odd.to_bytes(KEY), KEY)


@pytest.mark.parametrize("key", ["bff:a:1:{c}", "bff:b:1:{b}", "", "bff:a:1:{b} "])
def test_what_stands_under_another_key_is_unreadable(key: str) -> None:
    """However good it is there, it says nothing here, least of all that there is no such thing."""
    with pytest.raises(UnreadableEntry):
        StoredEntry.from_bytes(replace(_GOOD, negative=True, value=b"").to_bytes(key), KEY)


@pytest.mark.parametrize("odd", [2, 255])
def test_what_neither_is_nor_is_not_is_unreadable(odd: int) -> None:
    """The byte before the numbers of stamps and tags says whether the entry is negative, and nothing else."""
    good = _GOOD.to_bytes(KEY)
    at = len(good) - len(_GOOD.value) - len(_GOOD.stamps) - 5
    with pytest.raises(UnreadableEntry):
        StoredEntry.from_bytes(good[:at] + bytes([odd]) + good[at + 1 :], KEY)


REDIS_MS = 1_800_000_000_000


@given(st.integers(0, 29_999), st.integers(0, 60_000), st.floats(0.5, 40), st.floats(0, 100))
def test_lives_are_bounded_by_the_reader(over_ms: int, age_ms: int, fresh: float, kept: float) -> None:
    """However long a life was given elsewhere, it is counted from when the value was asked for, and cut here."""
    stored = StoredEntry(NO_STAMP, NEVER, REDIS_MS - over_ms, 25_000, 30_000, b"value", age_ms=age_ms)
    now = 1_000.0
    asked_at = now - (over_ms + age_ms) / 1000
    mine, theirs = stored.entry(REDIS_MS, now, fresh, kept), stored.entry(REDIS_MS, now)
    assert mine.asked_at == pytest.approx(asked_at)
    assert mine.fresh_until == pytest.approx(min(theirs.fresh_until, asked_at + fresh))
    assert mine.stale_until == pytest.approx(min(theirs.stale_until, asked_at + max(fresh, kept)))


def test_an_entry_that_is_fresh_for_longer_than_it_is_kept_is_unreadable() -> None:
    """Nobody of us has written that."""
    with pytest.raises(UnreadableEntry):
        StoredEntry.from_bytes(StoredEntry(NO_STAMP, NEVER, 0, 31_000, 30_000, b"").to_bytes(KEY), KEY)


@given(_now, st.floats(0.1, 1e5), st.floats(0, 1e5), st.floats(0, 100), st.integers(0, 10**8))
def test_an_entry_is_as_old_elsewhere_as_it_is_here(
    now: float, fresh: float, stale: float, age: float, over_ms: int
) -> None:
    """Written by one process and read by another, it has got older by what has passed on Redis's clock since."""
    entry = replace(Entry.made(b"value", now, fresh, stale), age=age)
    stored = StoredEntry.of(entry, now, REDIS_MS, NO_STAMP, NO_STAMP)
    elsewhere = 123.0
    read = stored.entry(REDIS_MS + over_ms, elsewhere)
    assert read.stored_at == pytest.approx(elsewhere - over_ms / 1000)
    assert read.asked_at == pytest.approx(elsewhere - over_ms / 1000 - age, abs=0.002)
    assert elsewhere - read.asked_at >= over_ms / 1000 + age - 1e-6
    assert read.fresh_until - elsewhere == pytest.approx(stored.fresh_ms / 1000 - over_ms / 1000)
    assert read.stale_until - elsewhere == pytest.approx(stored.kept_ms / 1000 - over_ms / 1000)
    assert stored.fresh_ms / 1000 <= fresh + 1e-6


@pytest.mark.parametrize("ahead_ms", [101, 1_000, 10**12])
def test_what_has_not_been_stored_yet_is_unreadable(ahead_ms: int) -> None:
    """A clock that was set back, or somebody's invention, would give it a longer life than it was given."""
    with pytest.raises(UnreadableEntry):
        StoredEntry(NO_STAMP, NEVER, REDIS_MS + ahead_ms, 1_000, 30_000, b"").entry(REDIS_MS, 0.0)


def test_what_was_stored_a_blink_later_is_new() -> None:
    """Clocks are known to a tenth of a second; nobody gets more than the life that was given."""
    entry = StoredEntry(NO_STAMP, NEVER, REDIS_MS + 100, 1_000, 30_000, b"").entry(REDIS_MS, 5.0)
    assert (entry.stored_at, entry.fresh_until) == (5.0, 6.0)


def test_the_times_of_an_entry() -> None:
    """Fresh, due in the last fifth of that, then stale, then gone; the end of each is not part of it."""
    entry = Entry.made(b"", 100.0, 30.0, 600.0)
    assert (entry.is_fresh(129.999), entry.is_fresh(130.0)) == (True, False)
    assert (entry.is_due(123.9), entry.is_due(124.0)) == (False, True)
    assert (entry.is_kept(699.999), entry.is_kept(700.0)) == (True, False)


def test_an_entry_is_kept_at_least_while_it_is_fresh() -> None:
    """A shorter time to stand in does not cut its life."""
    assert Entry.made(b"", 0.0, 30.0, 5.0).stale_until == 30.0


def test_what_takes_long_to_load_is_reloaded_earlier() -> None:
    """So that the new value is there before the old one is over; never before it was stored."""
    assert Entry.made(b"", 100.0, 10.0, cost=4.0).refresh_from == 104.0
    assert Entry.made(b"", 100.0, 10.0, cost=0.1).refresh_from == 108.0
    assert Entry.made(b"", 100.0, 10.0, cost=60.0).refresh_from == 100.0
