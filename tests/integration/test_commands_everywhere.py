"""What a command has changed is outdated everywhere before its answer leaves; who cannot be told of it is counted."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson
from prometheus_client import REGISTRY

from bff.commands.profile import CHANGE_PROFILE
from bff.endpoints.commands import CommandRoute
from shared.http.load_shedder import LoadShedder
from shared.seen_through import SeenThrough
from shared.serving.app import build_app
from shared.settings.declared import Settings
from shared.settings.loading import load
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import StartGateway
from tests.fixtures.log_lines import heard
from tests.fixtures.redis_server import RedisServer

PROFILE: Final = "/api/profile/user1"
FIELDS: Final = {"Content-Type": "application/json"}


def _body(name: str) -> bytes:
    return orjson.dumps({"full_name": name})


async def test_the_answer_waits_until_it_is_known(sanic_client: Any) -> None:
    """Of what is outdated, by its tags; no sooner, or the caller's next read might not see it."""
    services, gate, outdated = FakeServices.with_profile(), asyncio.Event(), list[Sequence[str]]()

    async def outdate(tags: Sequence[str]) -> bool:
        outdated.append(tags)
        await gate.wait()
        return True

    send, shedder = services.transports()["user_service"], LoadShedder(9)
    route = CommandRoute(CHANGE_PROFILE, send, outdate, SeenThrough(), shedder, budget=30)
    client = await sanic_client(build_app("commands", load(Settings, {}), routes=[route]))
    changing = asyncio.create_task(client.patch(PROFILE, content=_body("New"), headers=FIELDS))
    while not outdated:
        await asyncio.sleep(0)
    assert (outdated, len(services.changes), shedder.in_flight) == ([["user:user1"]], 1, 1)
    for _ in range(3):
        await client.get("/health/live")
    assert not changing.done()
    gate.set()
    assert ((await changing).status_code, shedder.in_flight) == (200, 0)


async def test_another_process_sees_it_too(start_gateway: StartGateway, redis_server: RedisServer) -> None:
    """As soon as Redis has told it; from then on it never gives what was before."""
    services = FakeServices.with_profile()
    one, other = [await start_gateway(services, REDIS_URL=redis_server.url) for _ in range(2)]
    for number in range(5):
        for gateway in (one, other):
            await gateway.get(PROFILE)
        name = f"Name {number}"
        assert (await one.client.patch(PROFILE, content=_body(name), headers=FIELDS)).status_code == 200
        assert (await one.get(PROFILE)).json()["user"]["full_name"] == name
        while (await other.get(PROFILE)).json()["user"]["full_name"] != name:
            await asyncio.sleep(0)
        assert (await other.get(PROFILE)).json()["user"]["full_name"] == name


async def test_a_change_that_nobody_else_can_be_told_of_is_still_made(
    start_gateway: StartGateway, redis_server: RedisServer
) -> None:
    """It is answered, seen here, logged and counted."""
    gateway = await start_gateway(REDIS_URL=redis_server.url)
    await gateway.get(PROFILE)
    redis_server.kill()
    labels = {"command": CHANGE_PROFILE.name}
    before = REGISTRY.get_sample_value("commands_untold_total", labels)
    assert before is not None  # counted from zero
    lines: list[bytes] = []
    with heard(lines.append):
        assert (await gateway.client.patch(PROFILE, content=_body("Alone"), headers=FIELDS)).status_code == 200
    assert (await gateway.get(PROFILE)).json()["user"]["full_name"] == "Alone"
    assert REGISTRY.get_sample_value("commands_untold_total", labels) == before + 1
    (told,) = [line for line in map(orjson.loads, lines) if line["event"] == "command not known everywhere"]
    assert (told["level"], told["command"]) == ("warning", CHANGE_PROFILE.name)
