"""A machine that sleeps lengthens no life: ages are told by a clock that goes on meanwhile."""

import inspect
import time
from collections.abc import Callable
from typing import Any

import pytest

from bff.app import gateway_cache
from services.read_cache import ReadCache
from shared.cache.build import build_cache
from shared.cache.cache import Cache
from shared.cache.near import NearTier
from shared.cache.redis import RedisTier
from shared.cache.redis_clock import RedisClock
from shared.cache.throttle import Throttle
from shared.deadline import since_boot


@pytest.mark.parametrize(
    "made",
    [gateway_cache, ReadCache, build_cache, Cache, NearTier, RedisTier, RedisClock, Throttle],
    ids=lambda made: made.__name__,
)
def test_whatever_tells_ages_counts_the_sleep(made: Callable[..., Any]) -> None:
    """Unless it is given another clock."""
    parameters = inspect.signature(made).parameters
    clocks = {parameters[name].default for name in ("clock", "machine") if name in parameters}
    assert clocks == {since_boot}


def test_that_clock_is_the_one_since_the_start() -> None:
    """CLOCK_BOOTTIME of Linux: like the monotonic one, and going on while the machine sleeps."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= since_boot() <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert getattr(since_boot, "args", None) == (time.CLOCK_BOOTTIME,)
