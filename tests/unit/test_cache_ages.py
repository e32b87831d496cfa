"""What is put into the cache is as old as the question that it answers, however late it is put."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cache.cache import JITTER, Cache, Value
from shared.cache.keys import Keys
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier
from tests.fixtures.gateway import Clock
from tests.kit.caches import KINDS

KEYS = Keys("test", KINDS)
KEY = KEYS.entry("products", "p1")


@given(
    late=st.floats(0.0, 100.0),
    fresh=st.floats(0.0, 100.0),
    stale=st.floats(0.0, 1_000.0),
    drawn=st.sampled_from([0, 1]),
)
def test_lives_are_counted_from_the_question(late: float, fresh: float, stale: float, drawn: int) -> None:
    """Only what is left of its lives is given, and jitter takes its share of that alone; what is over is not kept."""
    clock = Clock()
    cache = Cache(NearTier(MemoryStore(10), KEYS, clock), None, KEYS, longest_life=600, clock=clock, draw=lambda: drawn)
    token, asked_at = cache.issue_token(KEY), clock.now
    clock.now += late
    cache.put(token, [Value(KEY, b"value", asked_at, fresh, stale)])
    entry = cache.near.store.peek(KEY)
    if max(fresh, stale) < late - 1e-6:
        assert entry is None
    if entry is not None:
        assert entry.asked_at == pytest.approx(asked_at)
        left = fresh - late
        assert entry.fresh_until == pytest.approx(clock.now + left * (1 - JITTER * drawn if left > 0 else 1))
        assert entry.stale_until == pytest.approx(max(entry.fresh_until, asked_at + stale))
