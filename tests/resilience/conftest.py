"""The gateway in this process over services that misbehave on real sockets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bff.app import create_app
from bff.settings import GatewaySettings
from shared.settings.loading import load
from tests.fixtures.faulty_services import FaultyServices
from tests.fixtures.suite_settings import ANSWER_SECONDS, SUITE_SETTINGS

StartOver = Callable[..., Awaitable[Any]]


@pytest.fixture
async def services(loop: object) -> AsyncIterator[FaultyServices]:
    """All three, well as yet."""
    async with FaultyServices() as running:
        yield running


@pytest.fixture
def gateway_over(services: FaultyServices, sanic_client: Any) -> StartOver:
    """A function that serves the gateway over them and returns a client; keywords are environment variables."""

    async def start(**environment: str) -> Any:
        settings = load(GatewaySettings, {**SUITE_SETTINGS, **services.environment, **environment})
        return await sanic_client(create_app(settings), verify=False, timeout=ANSWER_SECONDS)

    return start
