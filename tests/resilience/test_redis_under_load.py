"""Everything that may happen to Redis, while clients ask without a pause: none of them notices, and nothing is left."""

import json
import re
import signal
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from redis import Redis

from tests.fixtures import entry_keys
from tests.fixtures.counting_services import CountingServices
from tests.fixtures.load import Load
from tests.fixtures.processes import App, StartApp, free_port, wait_until
from tests.fixtures.redis_server import RedisServer

USERS = 50
CONNECTIONS = 8
TTL_SECONDS = "5"
"""In which even a busy machine answers each user once, so that Redis has the profiles of all at some time."""
ENOUGH_ANSWERS = 400
FURTHER_DESCRIPTORS = 2
LONGER_THAN_GARBAGE = 200
GROWTH_KIB = 40 * 1024
UP, BYPASSED, ABSENT = "redis tier up", "redis tier bypassed", "redis unavailable"


@dataclass(frozen=True)
class Fault:
    """What is done to Redis through a client that outlives it, and how it is undone.

    ``is_felt``: it bypasses Redis; ``refuses``: once that has happened, Redis says why it cannot be used; ``hangs``: it
    is felt because there is no answer in time.
    """

    begin: Callable[[RedisServer, Redis], object]
    end: Callable[[RedisServer, Redis], object] = lambda _server, _client: None
    is_felt: bool = True
    refuses: bool = False
    hangs: bool = False


def _demand_a_password(_server: RedisServer, client: Redis) -> None:
    client.config_set("requirepass", "secret")
    client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def _spoil(_server: RedisServer, client: Redis) -> None:
    keys = sorted(client.scan_iter(f"{entry_keys.KEYS.prefix}*"))
    assert len(keys) >= USERS
    for number, key in enumerate(keys):
        with client.pipeline() as together:  # the gateway goes on writing
            together.delete(key)
            match number % 5:
                case 0:
                    together.set(key, b"garbage")
                case 1:
                    together.set(key, b"pgc2" + bytes(60), px=60_000)
                case 2:
                    together.rpush(key, "a", "list")
                case 3:
                    together.hset(key, "a", "hash")
                case _:
                    together.set(key, b"")
            together.execute()


FAULTS: Final = {
    "killed": Fault(lambda server, _: server.kill(), lambda server, _: server.start()),
    "hanging": Fault(
        lambda server, _: server.signal(signal.SIGSTOP), lambda server, _: server.signal(signal.SIGCONT), hangs=True
    ),
    "out of memory": Fault(
        lambda _, client: client.config_set("maxmemory", 1), lambda _, client: client.config_set("maxmemory", 0)
    ),
    "a replica of nobody": Fault(
        lambda _, client: client.replicaof("127.0.0.1", free_port()), lambda _, client: client.replicaof("NO", "ONE")
    ),
    "another password": Fault(_demand_a_password, lambda _, client: client.config_set("requirepass", ""), refuses=True),
    "flushed": Fault(lambda _, client: client.flushall(), is_felt=False),
    "garbage": Fault(_spoil, is_felt=False),
}


@pytest.mark.parametrize("name", FAULTS)
def test_no_client_notices_a_fault_of_redis(start_app: StartApp, redis_server: RedisServer, name: str) -> None:
    """Under load a fault of Redis costs no answer, is said once, ends by itself, and leaves nothing behind."""
    fault = FAULTS[name]
    with CountingServices() as services, redis_server.client() as client:
        gateway = _start(start_app, services, redis_server.hasty_url if fault.hangs else redis_server.url)
        wait_until(lambda: _redis_is("up", gateway), "Redis is not used")
        idle = _descriptors(gateway)
        with Load(gateway.url, users=USERS, connections=CONNECTIONS) as load:
            _answers_more(gateway)
            before = _resident_kib(gateway)
            fault.begin(redis_server, client)
            if fault.is_felt:
                wait_until(lambda: _health(gateway) == "unhealthy", "nobody noticed")
                _answers_more(gateway)
                fault.end(redis_server, client)
            wait_until(lambda: _health(gateway) == "healthy", "Redis is not used again")
            wait_until(lambda: _has_all_profiles(client), "Redis is not filled again")
            _answers_more(gateway)
            tally = load.stop()
        _nothing_is_left(gateway, services, client, idle)
    assert (list(tally.statuses), tally.errors, tally.partial) == (["200"], 0, 0)
    assert _resident_kib(gateway) - before < GROWTH_KIB
    assert _words(gateway) == ([UP, BYPASSED, *([ABSENT] if fault.refuses else []), UP] if fault.is_felt else [UP])


def test_no_client_notices_that_redis_was_not_there(start_app: StartApp, redis_server: RedisServer) -> None:
    """A gateway that starts and is loaded before Redis comes serves from memory, and uses Redis from then on."""
    redis_server.kill()
    with CountingServices() as services:
        gateway = _start(start_app, services, redis_server.url)
        idle = _descriptors(gateway)
        with Load(gateway.url, users=USERS, connections=CONNECTIONS) as load:
            _answers_more(gateway)
            assert _health(gateway) == "unhealthy"
            before = _resident_kib(gateway)
            redis_server.start()
            wait_until(lambda: _health(gateway) == "healthy", "Redis is not used")
            _answers_more(gateway)
            tally = load.stop()
        with redis_server.client() as client:
            _nothing_is_left(gateway, services, client, idle + 1)
    assert (list(tally.statuses), tally.errors, tally.partial) == (["200"], 0, 0)
    assert _resident_kib(gateway) - before < GROWTH_KIB
    assert _words(gateway) == [ABSENT, UP]


def _start(start_app: StartApp, services: CountingServices, redis_url: str) -> App:
    return start_app("bff", REDIS_URL=redis_url, CACHE_TTL_SECONDS=TTL_SECONDS, **services.environment)


def _nothing_is_left(gateway: App, services: CountingServices, client: Redis, idle: int) -> None:
    """After the load nothing is being answered, one connection leads to Redis, and none anywhere else."""
    wait_until(lambda: _sum_of(gateway, "http_active_requests") == 0, "a request is still being answered")
    services.stop()
    wait_until(lambda: _descriptors(gateway) <= idle + FURTHER_DESCRIPTORS, "connections are left")
    wait_until(lambda: _links(client) == 1, "there is not one connection to Redis")


def _get(gateway: App, path: str) -> bytes:
    with urllib.request.urlopen(gateway.url + path, timeout=10) as answer:
        return bytes(answer.read())


def _health(gateway: App) -> str:
    return str(json.loads(_get(gateway, "/health"))["services"]["redis"])


def _redis_is(state: str, gateway: App) -> bool:
    return bool(json.loads(_get(gateway, "/api/cache/stats"))["tiers"]["redis"]["state"] == state)


def _has_all_profiles(client: Redis) -> bool:
    values = client.mget([entry_keys.profile(f"user{number}") for number in range(USERS)])
    return all(value is not None and len(value) > LONGER_THAN_GARBAGE for value in values)


def _sum_of(gateway: App, sample: str) -> float:
    found = re.findall(rf"^{sample}(?:{{.*}})? (\S+)$", _get(gateway, "/metrics").decode(), re.MULTILINE)
    return sum(map(float, found))


def _answers_more(gateway: App) -> None:
    """Wait until the load has got so many answers more."""
    enough = _sum_of(gateway, "http_requests_total") + ENOUGH_ANSWERS
    wait_until(lambda: _sum_of(gateway, "http_requests_total") > enough, "there is no load")


def _links(client: Redis) -> int:
    clients: Iterable[Any] = client.client_list()
    return sum(one["name"] == "profile-gateway" for one in clients)


def _descriptors(gateway: App) -> int:
    return sum(1 for _ in _process(gateway, "fd").iterdir())


def _resident_kib(gateway: App) -> int:
    found = re.search(r"VmRSS:\s*(\d+) kB", _process(gateway, "status").read_text())
    assert found is not None
    return int(found[1])


def _process(gateway: App, name: str) -> Path:
    assert gateway.process is not None
    return Path(f"/proc/{gateway.process.pid}") / name


def _words(gateway: App) -> list[str]:
    """What the log says of the state of Redis; nothing in it is an error."""
    lines = [json.loads(line) for line in gateway.lines().splitlines()]
    assert {line["level"] for line in lines} <= {"info", "warning"}
    assert not [line for line in lines if "frames" in line]
    return [line["event"] for line in lines if line["event"] in {UP, BYPASSED, ABSENT}]
