"""The memory tier: bounded, least recently used first, and an aiocache cache all the same."""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from shared.cache.entry import Entry
from shared.cache.stores import MemoryStore


def _entry(value: bytes) -> Entry:
    return Entry.made(value, 0.0, 30.0)


async def test_it_is_an_aiocache_cache() -> None:
    """The asynchronous interface of aiocache and the synchronous one see the same entries."""
    store = MemoryStore(10)
    await store.set("a", _entry(b"1"))
    entry = store.peek("a")
    assert entry is not None
    assert entry is await store.get("a")
    assert entry.value == b"1"
    assert await store.delete("a") == 1
    assert await store.delete("a") == 0
    assert await store.get("a") is None


def test_the_least_recently_used_entry_goes_first() -> None:
    """Looking at an entry keeps it."""
    store = MemoryStore(2)
    store.place("a", _entry(b"1"))
    store.place("b", _entry(b"2"))
    store.peek("a")
    store.place("c", _entry(b"3"))
    assert (store.peek("a") is None, store.peek("b") is None, store.peek("c") is None) == (False, True, False)


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
            store.place(name, _entry(value))
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
        assert store.bytes == sum(len(key) + len(value) for key, value in model.items())
