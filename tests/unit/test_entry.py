"""Entries and their bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cache.entry import Entry, UnreadableEntry

_seconds = st.floats(0, 4e9, allow_nan=False)


@given(st.binary(), _seconds, st.floats(0, 1e6))
def test_an_entry_survives_its_bytes(value: bytes, now: float, ttl: float) -> None:
    """Header and value come back as they were."""
    entry = Entry.made(value, now, ttl)
    assert Entry.from_bytes(entry.to_bytes()) == entry


@given(st.binary(max_size=80))
def test_other_bytes_are_no_entry(data: bytes) -> None:
    """Bytes of any kind are an entry only when they begin with the header of this version."""
    try:
        entry = Entry.from_bytes(data)
    except UnreadableEntry:
        return
    assert entry.to_bytes() == data


def test_times_that_contradict_each_other_are_unreadable() -> None:
    """An entry that is fresh for longer than it is kept, or before it was stored, was not written by us."""
    with pytest.raises(UnreadableEntry):
        Entry.from_bytes(Entry(b"", 10.0, 5.0, 20.0).to_bytes())
    with pytest.raises(UnreadableEntry):
        Entry.from_bytes(Entry(b"", 10.0, 30.0, 20.0).to_bytes())


def test_an_entry_is_fresh_until_its_time() -> None:
    """The end of freshness is not part of it."""
    entry = Entry.made(b"", 100.0, 30.0)
    assert entry.is_fresh(129.999)
    assert not entry.is_fresh(130.0)
