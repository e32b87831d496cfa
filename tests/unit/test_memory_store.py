"""The memory tier: bounded, least recently used first."""

import gc
import tracemalloc
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.cache.entry import Entry
from shared.cache.memory import MemoryStore


def _entry(value: bytes) -> Entry:
    return Entry.made(value, 0.0, 30.0)


def _absent() -> Entry:
    entry = _entry(b"")
    entry.negative = True
    return entry


def test_the_least_recently_used_entry_goes_first() -> None:
    """Looking at an entry keeps it."""
    store = MemoryStore(2)
    store.put("a", _entry(b"1"))
    store.put("b", _entry(b"2"))
    store.peek("a")
    store.put("c", _entry(b"3"))
    assert (store.peek("a") is None, store.peek("b") is None, store.peek("c") is None) == (False, True, False)


def test_several_entries_are_looked_at_together() -> None:
    """Which keeps them; where one is not there, or negative, there are none."""
    store = MemoryStore(3)
    kept = [_entry(name.encode()) for name in "abc"]
    for name, entry in zip("abc", kept, strict=True):
        store.put(name, entry)
    store.put("x", _absent())
    assert store.peek_all("ab") == kept[:2]
    assert (store.peek_all("ad"), store.peek_all("ax"), store.peek_all("")) == (None, None, [])
    store.put("d", _entry(b"d"))
    assert (store.peek("c"), store.peek("a")) == (None, kept[0])


_steps = st.lists(
    st.tuples(st.sampled_from(["place", "peek", "drop"]), st.sampled_from("abcdefg"), st.binary(max_size=8)),
    max_size=60,
)


@given(_steps, st.integers(1, 5))
def test_it_behaves_like_a_plain_ordered_model(steps: list[tuple[str, str, bytes]], capacity: int) -> None:
    """Whatever is done, content, bound and bytes are those of a simple model."""
    store, model = MemoryStore(capacity), OrderedDict[str, bytes]()
    for action, name, value in steps:
        if action == "place":
            store.put(name, _entry(value))
            model.pop(name, None)
            model[name] = value
            if len(model) > capacity:
                model.popitem(last=False)
        elif action == "peek":
            found = store.peek(name)
            assert (None if found is None else found.value) == model.get(name)
            if name in model:
                model.move_to_end(name)
        else:
            assert store.drop(name) == (model.pop(name, None) is not None)
        assert len(store) == len(model) <= capacity
        assert store.bytes == sum(_entry(value).size(key) for key, value in model.items())


def test_what_is_not_there_takes_no_place_of_what_is() -> None:
    """A flood of negative entries leaves the others alone, and of itself a tenth, or sixteen."""
    for capacity, room in ((20, 16), (1_000, 100)):
        store = MemoryStore(capacity)
        for number in range(capacity):
            store.put(f"there{number}", _entry(b"value"))
        for number in range(3 * capacity):
            store.put(f"absent{number}", _absent())
        assert len(store) == capacity + room
        assert all(store.peek(f"there{number}") is not None for number in range(capacity))
        assert store.peek(f"absent{3 * capacity - 1}") is not None
        assert store.peek("absent0") is None


def test_what_comes_to_be_is_no_longer_absent() -> None:
    """A key stands in one room: whatever is placed last is what there is, and dropping it leaves nothing."""
    store = MemoryStore(10)
    for placed in (_absent(), _entry(b"1"), _absent(), _entry(b"2")):
        store.put("a", placed)
        assert (store.peek("a"), len(store), store.bytes) == (placed, 1, placed.size("a"))
    assert store.drop("a")
    assert (store.peek("a"), len(store), store.bytes) == (None, 0, 0)


_sizes = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4_000), st.booleans()), max_size=80)


@given(_sizes, st.integers(2_000, 20_000))
def test_bytes_are_a_bound(steps: list[tuple[int, int, bool]], most: int) -> None:
    """Whatever is placed, all of it together fits; the newest stays, unless it alone would not fit."""
    store = MemoryStore(1_000, most)
    for number, size, negative in steps:
        entry = Entry.made(bytes(size), 0.0, 30.0)
        entry.negative = negative
        store.put(str(number), entry)
        assert store.bytes <= most
        room = most // 10 if negative else most - most // 10
        assert (store.peek(str(number)) is entry) == (entry.size(str(number)) <= room)
    kept = [(key, one) for key in map(str, range(31)) if (one := store.peek(key)) is not None]
    assert store.bytes == sum(one.size(key) for key, one in kept)
    assert len(store) == len(kept)


_keys = st.sampled_from(["k:{a}", "k:{b}", *(f"k:{{{subject}}}:{variant}" for subject in "ab" for variant in "xyz")])


@given(st.lists(st.tuples(st.sampled_from(["present", "absent", "drop"]), _keys), max_size=60), st.integers(1, 5))
def test_variants_are_found_by_how_they_begin(steps: list[tuple[str, str]], capacity: int) -> None:
    """Those that are there and no others, without looking at every entry; what finds them counts among the bytes."""
    store = MemoryStore(capacity)
    for action, key in steps:
        if action == "drop":
            store.drop(key)
        else:
            store.put(key, _entry(b"1") if action == "present" else _absent())
        for beginning in ("k:{a}", "k:{b}"):
            there = {one for one in store if one.startswith(beginning) and one != beginning}
            assert {*store.variants(beginning)} == there
        assert (store.bytes > sum(_entry(b"1").size(one) for one in store)) == any(one[-1] != "}" for one in store)
    store.clear()
    assert not store.variants("k:{a}")
    assert store.bytes == 0


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.floats(0, 100)), max_size=30), st.integers(0, 9))
def test_the_hottest_are_those_that_were_looked_at_last(looks: list[tuple[str, float]], most: int) -> None:
    """Of these the fresh ones; what is negative is none of them."""
    store = MemoryStore(10)
    store.put("nobody", _absent())
    fresh_until = dict(looks)
    for name, until in fresh_until.items():
        store.put(name, Entry.made(b"", 0.0, until))
    for name, _ in looks:
        store.peek(name)
    latest = list(dict.fromkeys(name for name, _ in reversed(looks)))
    assert store.hottest(most, 50.0) == [name for name in latest[:most] if fresh_until[name] > 50.0]


@given(st.integers(1, 40), st.integers(1_000, 20_000), st.integers(1, 60))
def test_what_there_is_room_for_costs_nothing_that_is_there(capacity: int, max_bytes: int, count: int) -> None:
    """So many further entries of the same size fit in, and another one does not."""
    store = MemoryStore(capacity, max_bytes)
    keys = (f"{number:04}" for number in range(1_000))
    for _ in range(count):
        store.put(next(keys), _entry(b"value"))
    room = store.room
    for more in range(1, room + 1):
        before = len(store)
        store.put(next(keys), _entry(b"value"))
        assert len(store) == before + 1, more
    full = len(store)
    store.put(next(keys), _entry(b"value"))
    assert len(store) == full


@pytest.mark.parametrize(("number", "length"), [(1, 8), (30, 36), (128, 8), (128, 64)])
@pytest.mark.parametrize("carried_by", [1, 2, 100])
def test_tags_count_with_what_they_take(number: int, carried_by: int, length: int) -> None:
    """However many entries carry one of them, and however long their names are; so the bound is one of memory."""
    store = MemoryStore(10_000)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for one in range(300):
            first = one // carried_by * number
            tags = tuple([f"product:{first + tag:0{length}}" for tag in range(number)])
            store.put(f"bff:profile:12345678:{{user{one}}}", replace(_entry(bytes(300)), tags=tags))
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.6 < taken / store.bytes < 1.25


_tagging = st.lists(
    st.tuples(st.sampled_from(["put", "drop", "take"]), st.sampled_from("abc"), st.sets(st.sampled_from("xyz"))),
    max_size=40,
)


@given(_tagging)
def test_what_carries_a_tag_is_found_by_it_and_nothing_else_is(steps: list[tuple[str, str, set[str]]]) -> None:
    """Also what was taken, once it is to be found again, and only if it is still there with that tag."""
    store, model, taken = MemoryStore(2), dict[str, set[str]](), dict[str, set[str]]()
    for action, name, tags in steps:
        if action == "put":
            store.put(name, replace(_entry(b"value"), tags=tuple(tags)))
            model[name] = tags
        elif action == "drop":
            store.drop(name)
        else:
            for tag in tags:
                taken.setdefault(tag, set()).update(*store.take_tagged(tag))
        model = {key: carried for key, carried in model.items() if key in [*store]}
    for tag, keys in taken.items():
        for key in keys:
            store.find_again(key, tag)
    for tag in "xyz":
        found = {key for keys in store.take_tagged(tag) for key in keys}
        assert found == {key for key, carried in model.items() if tag in carried}
