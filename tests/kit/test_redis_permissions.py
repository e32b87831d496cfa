"""Redis as docker-compose.yml has it, a cluster with users of its own, and a Redis that is full when values come."""

import asyncio
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from redis import Redis

from shared.cache.backoff import FIRST_SECONDS
from shared.cache.cache import Cache
from shared.cache.keys import Keys
from shared.cache.named import NAMED
from shared.cache.near import Trust
from shared.cache.required_commands import CLUSTER_COMMANDS, OPTIONAL_COMMANDS
from tests.fixtures.log_lines import heard
from tests.fixtures.odd_redis import OddRedis
from tests.fixtures.processes import ROOT, free_port
from tests.fixtures.redis_server import RedisServer, ending
from tests.fixtures.redis_sets import LOCAL, Cluster
from tests.fixtures.redis_users import NAME, PASSWORD, documented, make_user
from tests.kit.caches import KINDS, OpenCache, found, make_cache, purge, put, share, until

KEYS = Keys("bff", [*KINDS, NAMED])
KEY = KEYS.entry("profile", "user1")
FALLS = 3


def _word(name: str) -> str:
    """As ``ACL SETUSER`` takes a command."""
    return f"+{name.lower().replace(' ', '|')}"


@dataclass
class OfCompose(RedisServer):
    """What the compose file starts as Redis, on a port of its own, without a container."""

    password: str = ""

    def client(self) -> "Redis":
        """As the health check and the exporter."""
        return Redis(LOCAL, self.port, password=self.password, socket_timeout=10.0)


def expanded(text: str) -> str:
    """What Compose makes of it where nothing is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.fixture
def compose() -> dict[str, dict[str, dict[str, str]]]:
    """The environment of each container, by default."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    environments = {name: service.get("environment", {}) for name, service in services.items()}
    return {
        name: {"environment": {key: expanded(value) for key, value in environment.items() if value is not None}}
        for name, environment in environments.items()
    }


async def test_what_compose_starts(
    open_cache: OpenCache, redis_server: RedisServer, tmp_path: Path, compose: dict[str, dict[str, dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The gateway's user is the documented one, nothing is refused to it, and it is told of changes."""
    shell, _, script = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]["command"]
    script = expanded(script).replace("$$", "$")
    (user,) = re.findall(rf"^user {NAME} (on .*)$", script.replace("\\\n", ""), re.MULTILINE)
    assert user.replace('">$REDIS_PASSWORD"', f">{PASSWORD}").split() == documented()
    own = compose["redis"]["environment"]
    for name, value in {**own, "PATH": f"{Path(redis_server.binary).parent}:{os.environ['PATH']}"}.items():
        monkeypatch.setenv(name, value)
    server = OfCompose(shell, tmp_path, free_port(), password=own["REDISCLI_AUTH"])
    place = f"redis-server --bind {LOCAL} --port {server.port} --dir {tmp_path} "
    with ending(server):
        server._run("-c", script.replace("redis-server ", place, 1))
        with server.client() as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
            url = compose["api-gateway"]["environment"]["REDIS_URL"].replace("@redis:6379", f"@{LOCAL}:{server.port}")
            await work_well(await open_cache(url), await open_cache(url))
            assert client.execute_command("ACL", "LOG") == []
    assert compose["redis-exporter"]["environment"]["REDIS_PASSWORD"] == server.password


async def work_well(one: Cache, other: Cache) -> None:
    """Two caches share what they have and hear of each other's purges."""
    assert (one.trust, other.trust) == (Trust.COHERENT, Trust.COHERENT)
    await share(one, other, KEY, b"value")
    await purge(one, "user1")
    assert await one.purge_all()
    assert one.redis is not None
    assert await one.redis.size() is not None


async def test_a_user_of_a_cluster(open_cache: OpenCache, cluster: Cluster) -> None:
    """The documented one, with what redis-py needs to find the nodes."""
    words = [*documented(), *map(_word, CLUSTER_COMMANDS)]
    for node in cluster.nodes:
        with node.client() as client:
            make_user(client, words)
    url = cluster.url.replace("://", f"://{NAME}:{PASSWORD}@")
    await work_well(await open_cache(url), await open_cache(url))
    assert [node.ask("ACL", "LOG") for node in cluster.nodes] == [[]] * len(cluster.nodes)


NEEDED = sorted({word for word in documented() if word[0] == "+"} - {_word(name) for name in OPTIONAL_COMMANDS})
STARTS = [KEYS.entry_prefix(kind) for kind in KEYS.kinds]
STAMPS = [where(":").partition(":{")[0] for where in (KEYS.stamp, KEYS.mark)]
PATTERNS = [f"~{start}*" for start in (*STARTS, *map(KEYS.lease, STARTS), *STAMPS, KEYS.generation)]


@pytest.mark.parametrize("wanting", [NEEDED, PATTERNS], ids=["commands", "keys"])
async def test_who_lacks_anything_does_not_use_it(loop: object, redis_server: RedisServer, wanting: list[str]) -> None:
    """Each command that is documented as needed, and each place where keys stand: Redis is refused at the trial."""
    for without in wanting:
        words = [word for word in documented() if word[0] != "~"] + PATTERNS
        with redis_server.client() as client:
            make_user(client, [word for word in words if word != without])
        said: list[bytes] = []
        with heard(said.append):
            async with make_cache(redis_server.url.replace("://", f"://{NAME}:{PASSWORD}@")) as cache:
                while not any(b"NOPERM" in line for line in said):  # on a busy machine others come before
                    await asyncio.sleep(0.001)
                assert cache.trust is Trust.ALONE, without


async def test_full_when_values_come(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """What is tried has room and what is stored has not: memory serves, and Redis is not stormed."""
    cache = await open_cache(redis_server.url)
    with redis_server.client() as client:
        before, began = connections(client), time.monotonic()
        client.config_set("maxmemory-policy", "noeviction")
        for _ in range(FALLS):
            client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + 500_000)
            number = 0
            while cache.trust is not Trust.ALONE:  # it may come up once more meanwhile
                put(cache, KEYS.entry("profile", f"big{number % 50}"), bytes(100_000))
                put(cache, KEY, b"alone")
                number += 1
                await asyncio.sleep(0.001)
            assert await found(cache, KEY) == b"alone"
            client.flushall()
            await until(cache, up=True)
        took = time.monotonic() - began
        assert connections(client) - before <= 6 * FALLS + took  # six attempts until it is one a second


async def test_falls_again_and_again(open_cache: OpenCache, odd_redis: OddRedis) -> None:
    """A Redis that ends each connection soon is left alone for longer each time."""
    cache = await open_cache(odd_redis.url)
    began, pauses = time.monotonic(), [FIRST_SECONDS * 2**fall for fall in range(FALLS + 1)]
    for _ in pauses:
        odd_redis.cut()
        assert cache.redis is not None
        while cache.redis.up:
            await asyncio.sleep(0.001)
        await until(cache, up=True)
    assert time.monotonic() - began >= sum(pauses)


def connections(client: "Redis") -> int:
    """How many there have been so far."""
    return int(client.info("stats")["total_connections_received"])
