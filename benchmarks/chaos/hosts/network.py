"""Hosts on this machine: network namespaces, each joined to one bridge by a pair of veth devices.

The process leaves the machine's network for one of its own, where the bridge is; so nothing of it is seen from outside,
and the kernel takes all of it down when the last descriptor is closed.
"""

import asyncio
import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks.common.place import Place, current_namespace, move_to
from benchmarks.common.process import CannotRun, installed

OWN_ADDRESS: Final = "10.77.0.1"
"""Of this process, on the bridge: where clients come from and the name server is."""

_BRIDGE: Final = "hosts"
_CLONE_NEWNS: Final = 0x0002_0000
_CLONE_NEWNET: Final = 0x4000_0000
_MS_BIND: Final = 0x1000
_MS_REC_PRIVATE: Final = 0x4000 | 0x4_0000
_MNT_DETACH: Final = 2
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Host(Place):
    """A place with an address on the bridge."""

    async def cut(self, *others: str) -> None:
        """Let nothing that it sends reach these addresses or networks: what they send is never answered."""
        await self._route("add", others)

    async def join(self, *others: str) -> None:
        """Undo that."""
        await self._route("del", others)

    async def _route(self, what: str, others: Sequence[str]) -> None:
        routes = [f"route {what} blackhole {other}" for other in others]
        await asyncio.to_thread(_ip, self.namespace, *routes)


class Network:
    """The bridge and the hosts on it; made inside the context, which is to be entered before any thread is started."""

    def __init__(self, names: Sequence[str]) -> None:
        """The hosts have addresses in the order of their ``names``."""
        self.hosts: dict[str, Host] = {}
        self._names = names
        self._home: int | None = None

    def __enter__(self) -> Self:
        """Leave the machine's network and mounts, and make everything.

        Raises:
            CannotRun: without the right to, or without the program ``ip``.
        """
        try:
            _unshare(_CLONE_NEWNET | _CLONE_NEWNS)
            _mount("none", "/", _MS_REC_PRIVATE)
        except PermissionError:
            raise CannotRun("Hosts are network namespaces: only root may make them (CAP_SYS_ADMIN).") from None
        self._home = home = current_namespace()
        _ip(home, "link set lo up", f"link add {_BRIDGE} type bridge", f"addr add {OWN_ADDRESS}/24 dev {_BRIDGE}")
        _ip(home, f"link set {_BRIDGE} up")
        for number, name in enumerate(self._names, 11):
            self.hosts[name] = self._host(home, f"10.77.0.{number}", f"host{number}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Let go of the hosts."""
        for host in self.hosts.values():
            if host.namespace is not None:
                os.close(host.namespace)
        if self._home is not None:
            os.close(self._home)

    def _host(self, home: int, address: str, device: str) -> Host:
        _unshare(_CLONE_NEWNET)
        try:
            host = Host(address, current_namespace())
        finally:
            move_to(home)
        end = f"type veth peer name {device} netns /proc/{os.getpid()}/fd/{home}"
        _ip(host.namespace, "link set lo up", f"link add eth0 {end}", f"addr add {address}/24 dev eth0")
        _ip(host.namespace, "link set eth0 up")
        _ip(home, f"link set {device} master {_BRIDGE}", f"link set {device} up")
        return host


@contextmanager
def name_server(address: str, folder: Path) -> Iterator[None]:
    """Let all names be looked up at ``address`` by this process and those that it starts, files first; no others.

    Raises:
        CannotRun: the system has no such files.
    """
    with ExitStack() as ending:
        for file, text in (("resolv.conf", f"nameserver {address}\n"), ("nsswitch.conf", "hosts: files dns\n")):
            own = folder / file
            own.write_text(text)
            try:
                target = str(Path("/etc", file).resolve(strict=True))
                _mount(str(own), target, _MS_BIND)
            except OSError as error:
                raise CannotRun(f"/etc/{file} cannot be replaced for the hosts: {error.strerror}.") from None
            ending.callback(_libc.umount2, target.encode(), _MNT_DETACH)
        yield


def _ip(namespace: int | None, *commands: str) -> None:
    text = "".join(f"{command}\n" for command in commands)
    done = subprocess.run(  # noqa: S603 - all of it is ours
        [installed("ip", "iproute2"), "-batch", "-"],
        input=text,
        text=True,
        capture_output=True,
        check=False,
        preexec_fn=Place(namespace=namespace).enter,
    )
    if done.returncode:
        raise CannotRun(f"The network of the hosts cannot be made:\n{text}{done.stderr}")


def _unshare(what: int) -> None:
    _checked(_libc.unshare(what))


def _mount(source: str, target: str, how: int) -> None:
    _checked(_libc.mount(source.encode(), target.encode(), None, ctypes.c_ulong(how), None))


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
