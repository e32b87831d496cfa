"""Redis on three hosts: a primary, a replica, and a Sentinel on each of the three."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.chaos.hosts.network import Host
from benchmarks.common.process import CannotRun, Process
from benchmarks.common.redis import redis_server

_SERVICE: Final = "mymaster"
_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_TERMS: Final = ("down-after-milliseconds {} 1000", "failover-timeout {} 2000")
_PATIENCE_SECONDS: Final = 30.0
_LOOK_AGAIN_SECONDS: Final = 0.1


class RedisSet:
    """The first two hosts have the servers, all three have Sentinels.

    Attributes:
        url: for ``REDIS_URL``.
    """

    def __init__(self, hosts: Sequence[Host], folder: Path) -> None:
        """``folder`` takes what they write.

        Raises:
            CannotRun: without a redis-server.
        """
        primary, replica, _ = hosts
        follow = ("--replicaof", primary.address, str(_PORT), "--repl-diskless-sync-delay", "0")
        self._hosts = hosts
        self._servers = {
            host.address: redis_server(
                folder, name=f"redis-{host.address}", place=host, port=_PORT, arguments=arguments
            )
            for host, arguments in ((primary, ()), (replica, follow))
        }
        self._sentinels = [self._sentinel(host, folder, primary.address) for host in hosts]
        ways = ",".join(f"{host.address}:{_SENTINEL_PORT}" for host in hosts)
        self.url = f"redis+sentinel://{ways}/{_SERVICE}"

    @property
    def processes(self) -> Sequence[Process]:
        """All of them, in the order in which they are to be started."""
        return *self._servers.values(), *self._sentinels

    async def ready(self) -> None:
        """Return when the Sentinels know each other and the replica.

        Raises:
            CannotRun: they do not find each other.
        """
        wanted = {(b"num-slaves", b"1"), (b"num-other-sentinels", b"2")}
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                for host in self._hosts:
                    while not wanted <= set(_pairs(await _ask(host, b"SENTINEL MASTERS"))):  # noqa: ASYNC110
                        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TimeoutError:
            raise CannotRun("The Sentinels do not find each other.") from None

    async def primary(self) -> Process:
        """The server that the Sentinels take for the primary."""
        lines = await _ask(self._hosts[-1], b"SENTINEL GET-MASTER-ADDR-BY-NAME " + _SERVICE.encode())
        return self._servers[lines[0].decode()]

    async def cut_off(self, *addresses: str) -> None:
        """Let nothing of it reach these addresses any more."""
        for host in self._hosts:
            await host.cut(*addresses)

    async def join(self, *addresses: str) -> None:
        """Undo that."""
        for host in self._hosts:
            await host.join(*addresses)

    def _sentinel(self, host: Host, folder: Path, primary: str) -> Process:
        own = folder / f"sentinel-{host.address}.conf"
        watched = (f"monitor {_SERVICE} {primary} {_PORT} 2", *(term.format(_SERVICE) for term in _TERMS))
        own.write_text("".join(f"sentinel {term}\n" for term in watched))
        arguments = (str(own), "--sentinel")
        return redis_server(
            folder, name=f"sentinel-{host.address}", place=host, port=_SENTINEL_PORT, arguments=arguments
        )


def _pairs(lines: Sequence[bytes]) -> Sequence[tuple[bytes, bytes]]:
    return list(zip(lines[::2], lines[1::2], strict=False))


async def _ask(host: Host, command: bytes) -> Sequence[bytes]:
    """The strings of the first answer of a Sentinel, however they are nested."""
    reader, writer = await host.connect(_SENTINEL_PORT)
    try:
        writer.write(command + b"\r\n")
        strings: list[bytes] = []
        awaited = 1
        while awaited:
            awaited -= 1
            head = (await reader.readline()).strip()
            if head.startswith(b"*"):
                awaited += max(0, int(head[1:]))
            elif head.startswith(b"$"):
                strings.append((await reader.readexactly(int(head[1:]) + 2))[:-2])
            else:
                raise CannotRun(f"A Sentinel answers {head!r}.")
        return strings
    finally:
        writer.close()
