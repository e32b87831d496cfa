"""What all tests share: Sanic in test mode, servers for pytest-sanic, processes and a Redis of their own."""

import asyncio.constants
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from pytest_sanic.utils import TestServer
from sanic import Sanic
from sanic.touchup import TouchUp

from tests import sanic_server

pytest_plugins = [
    "tests.fixtures.issuer",  # others make use of it
    "tests.fixtures.collector",
    "tests.fixtures.gateway",
    "tests.fixtures.parallel",
    "tests.fixtures.processes",
    "tests.fixtures.example_tree",
    "tests.fixtures.redis_server",
    "tests.fixtures.redis_sets",
    "tests.fixtures.odd_redis",
    "tests.fixtures.require_all",
    "tests.fixtures.same_bytes",
    "tests.fixtures.small_disk",
    "tests.fixtures.streaming",
    "tests.fixtures.system",
    "tests.kit.caches",
    "tests.kit.loads",
    "tests.kit.views",
]

# How long an example takes says how busy the machine is.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# Of where each future and callback was made the last frames tell enough; ten of each take a third of the time.
asyncio.constants.DEBUG_STACK_DEPTH = 3  # type: ignore[misc]


@pytest.fixture(autouse=True, scope="session")
def _sanic_test_mode() -> Iterator[None]:
    """Several apps of one name may live in this process, served by pytest-sanic's fixtures."""
    patch = pytest.MonkeyPatch()
    patch.setattr(Sanic, "test_mode", True)
    patch.setattr(TestServer, "start_server", sanic_server.start_server)
    patch.setattr(TestServer, "close", sanic_server.close)
    patch.setattr(TouchUp, "run", sanic_server.touching_up())
    yield
    patch.undo()
