"""A number that several threads count has counted all of them, without a lock."""

import sys
import threading
from collections.abc import Iterator

import pytest

from shared.observing.metric_values import LocalValue

_EACH = 20_000


@pytest.fixture
def _busy_interpreter() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_busy_interpreter")
def test_threads_lose_nothing() -> None:
    """CPython lets another thread in at calls and jumps, of which there are none between reading and storing."""
    value = LocalValue()

    def count() -> None:
        for _ in range(_EACH):
            value.inc(1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value.get() == 4 * _EACH
