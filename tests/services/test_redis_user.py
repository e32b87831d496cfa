"""The services' user of Redis, as it is documented and as docker-compose.yml makes it, may do all that they need."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from redis import Redis

from tests.fixtures.processes import ROOT
from tests.fixtures.redis_server import PATIENCE, RedisServer
from tests.services.conftest import READY_SECONDS, StartService
from tests.services.kinds import ORDERS, PRODUCTS, USERS

PASSWORD = "secret"


def _documented() -> str:
    return (ROOT / "docs/cache.md").read_text().replace(">password", f">{PASSWORD}")


def _of_compose() -> str:
    """What the container's shell makes of it where nothing is set."""
    script: str = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]["command"][2]
    script = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", script).replace("\\\n", "")
    return script.replace('">$$REDIS_SERVICES_PASSWORD"', f">{PASSWORD}")


@pytest.mark.parametrize("words_of", [_documented, _of_compose])
async def test_nothing_is_refused_to_it(
    start_new: StartService, redis_server: RedisServer, meddler: "Redis", words_of: Callable[[], str]
) -> None:
    """Each service keeps what it reads, forgets what it changes, and tells of it."""
    (words,) = re.findall(r"^user services (on .*)$", words_of(), re.MULTILINE)
    meddler.execute_command("ACL", "SETUSER", "services", "reset", *words.split())
    url = f"redis://services:{PASSWORD}@127.0.0.1:{redis_server.port}/0?{PATIENCE}"
    clients = {service: await start_new(service, REDIS_URL=url) for service in (USERS, PRODUCTS, ORDERS)}
    for _ in range(4):
        assert (await clients[USERS].get("/users/user123")).status_code == 200
    await clients[USERS]._request("PATCH", "/users/user123", json={"full_name": "Another"})
    await clients[PRODUCTS]._request("PATCH", "/products/prod1", json={"price": 1})
    order = {"user_id": "user123", "items": [{"product_id": "prod1", "quantity": 1, "price": 1}]}
    await clients[ORDERS].post("/orders", json=order, headers={"Idempotency-Key": "a"})
    told: Any = []
    async with asyncio.timeout(READY_SECONDS):
        while len(told) < 3:
            await asyncio.sleep(0.001)
            told = meddler.xrange("bff:events")
    sources = sorted(json.loads(fields[b"event"])["source"] for _, fields in told)
    assert sources == ["/order-service", "/product-service", "/user-service"]
    assert meddler.execute_command("ACL", "LOG") == []
