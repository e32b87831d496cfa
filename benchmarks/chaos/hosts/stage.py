"""The system under test: three gateways, three instances of each service and a spare one of users, Redis, balancers.

The gateways know the services by names, which a name server of this process answers for. Before each instance stands a
proxy on its host; there calls are counted, and it errs where a real service would not at will.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from benchmarks.chaos.hosts.balancers import PORTS, balancer
from benchmarks.chaos.hosts.network import OWN_ADDRESS, Host, Network, name_server
from benchmarks.chaos.hosts.redis_set import RedisSet
from benchmarks.chaos.proxy import Proxy
from benchmarks.chaos.refusal import refuse_http
from benchmarks.chaos.running import Running
from benchmarks.common.client import Client
from benchmarks.common.dns_server import DnsServer
from benchmarks.common.dns_server import address as record
from benchmarks.common.process import Process

SERVICES: Final[Mapping[str, int]] = MappingProxyType({"users": 8001, "orders": 8002, "products": 8003})
"""With the ports of their instances."""
SPARE: Final = "users4"
"""Runs, and is known by no name until it is added."""

SETTINGS: Final[Mapping[str, str]] = {
    "HOST": "0.0.0.0",  # also on the loopback address of its host, where its readiness is asked for
    "LOG_LEVEL": "warning",
    "CACHE_TTL_SECONDS": "1",  # so that each request asks the services
    "SHUTDOWN_DRAIN_SECONDS": "5",  # longer than a balancer that checks once a second takes to notice
}

_GATEWAYS: Final = ("gateway1", "gateway2", "gateway3")
_INSTANCES: Final = 3
_REDIS: Final = ("redis1", "redis2", "redis3")
_BALANCER: Final = "balancer"
_DNS_PORT: Final = 53
_GATEWAY_PORT: Final = 8000
_INNER_PORT: Final = 9000
_WAY_SECONDS: Final = 0.02
_SLOW_SECONDS: Final = 0.14
"""With the time that a service takes, about six times what a call takes by the usual way."""
_LOOKED_AT_SECONDS: Final = 1.0
_DOMAIN: Final = "chaos.test"


@dataclass(frozen=True)
class Instance:
    """One of a service: a host, a server on it, and what stands before it."""

    service: str
    host: Host
    server: Process
    proxy: Proxy

    async def kill(self) -> None:
        """Let it die; connections to it are refused from now on."""
        self.proxy.close()
        await self.server.kill()

    async def revive(self) -> None:
        """Start it again, and wait until it is ready."""
        await self.server.start()
        await self.proxy.open()


class Stage(Running):
    """Running inside the context.

    Attributes:
        instances: by their names, ``users1`` and so on.
        members: those that the name of each service has.
        gateways: the processes that answer clients.
        addresses: theirs.
        dns: the name server.
        redis: the servers and their Sentinels.
    """

    def __init__(self, network: Network, folder: Path, settings: Mapping[str, str], balancers: Sequence[str]) -> None:
        """The gateways get these ``settings`` beyond ours; ``folder`` takes data and logs, and is left to the caller.

        Raises:
            CannotRun: a program is missing.
        """
        super().__init__()
        self._hosts = network.hosts
        self._folder = folder
        self.dns = DnsServer(OWN_ADDRESS, _DNS_PORT)
        self.redis = RedisSet([self._hosts[name] for name in _REDIS], folder)
        self.instances = {name: self._instance(name, service) for name, service in _all_instances().items()}
        self.members = {service: [f"{service}{number + 1}" for number in range(_INSTANCES)] for service in SERVICES}
        self.gateways = [self._gateway(name, settings) for name in _GATEWAYS]
        self.addresses = [self._hosts[name].address for name in _GATEWAYS]
        behind = [f"{address}:{_GATEWAY_PORT}" for address in self.addresses]
        self._balancers = [balancer(name, self._hosts[_BALANCER], behind, folder) for name in balancers]

    def say(self, service: str, *members: str) -> None:
        """Let the name of the service have these instances."""
        self.members[service] = list(members)
        records = [record(self.instances[name].host.address) for name in members]
        self.dns.say(f"{service}.{_DOMAIN}", *records)

    def calls(self) -> dict[str, int]:
        """How many calls each instance has got so far."""
        return {name: instance.proxy.calls for name, instance in self.instances.items()}

    async def busiest(self, service: str) -> str:
        """The instance of a service that gets most of the calls of the next second."""
        before = self.calls()
        await asyncio.sleep(_LOOKED_AT_SECONDS)
        return max(self.members[service], key=lambda name: self.instances[name].proxy.calls - before[name])

    def clients(self, way: str | None, uses: int) -> Sequence[Client]:
        """Clients of each gateway, or of a balancer; they use a connection so many times."""
        if way is not None:
            return [Client(PORTS[way], self._hosts[_BALANCER].address, uses)]
        return [Client(_GATEWAY_PORT, address, uses) for address in self.addresses]

    async def _start(self) -> None:
        self._ending.enter_context(name_server(OWN_ADDRESS, self._folder))
        await self._ending.enter_async_context(self.dns)
        for service, members in self.members.items():
            self.say(service, *members)
        for instance in self.instances.values():
            self._ending.callback(instance.proxy.end)
            await instance.proxy.open()
        services = [instance.server for instance in self.instances.values()]
        for process in (*self.redis.processes, *services, *self.gateways, *self._balancers):
            self._ending.push_async_callback(process.kill)  # each is one process, and what it has is thrown away
        for process in self.redis.processes:
            await process.start()
        async with asyncio.TaskGroup() as starting:
            starting.create_task(self.redis.ready())
            for process in (*services, *self.gateways):
                starting.create_task(process.start())
        for process in self._balancers:
            await process.start()

    def _instance(self, name: str, service: str) -> Instance:
        host = self._hosts[name]
        environment = {"DATABASE_URL": f"sqlite:///{self._folder / name}.db", "PORT": str(_INNER_PORT)}
        server = self._program(name, f"services.{service}", host, _INNER_PORT, environment)
        proxy = Proxy(_INNER_PORT, refuse_http, _SLOW_SECONDS, place=host, port=SERVICES[service])
        proxy.usual = _WAY_SECONDS
        return Instance(service, host, server, proxy)

    def _gateway(self, name: str, settings: Mapping[str, str]) -> Process:
        ways = {
            f"{service[:-1].upper()}_SERVICE_URL": f"dns+http://{service}.{_DOMAIN}:{port}"
            for service, port in SERVICES.items()
        }
        environment = {**SETTINGS, **settings, **ways, "REDIS_URL": self.redis.url, "PORT": str(_GATEWAY_PORT)}
        return self._program(name, "bff", self._hosts[name], _GATEWAY_PORT, environment)

    def _program(self, name: str, module: str, host: Host, port: int, environment: Mapping[str, str]) -> Process:
        command = (sys.executable, "-m", module)
        return Process(name, command, {"LOG_LEVEL": "warning", **environment}, port, self._folder, place=host)


def host_names() -> Sequence[str]:
    """Those of all hosts that a stage needs."""
    return *_GATEWAYS, *_all_instances(), *_REDIS, _BALANCER


def _all_instances() -> dict[str, str]:
    regular = {f"{service}{number + 1}": service for service in SERVICES for number in range(_INSTANCES)}
    return {**regular, SPARE: "users"}
