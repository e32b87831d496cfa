"""Where a server runs: in this network namespace, or in another one with addresses of its own."""

import asyncio
import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks.common.ports import LOCAL

_CLONE_NEWNET: Final = 0x4000_0000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Place:
    """A network namespace.

    Attributes:
        address: where others reach what listens there.
        namespace: its descriptor; None for that of this process.
    """

    address: str = LOCAL
    namespace: int | None = None

    def enter(self) -> None:
        """Let this thread be there from now on.

        Raises:
            OSError: it may not.
        """
        if self.namespace is not None:
            move_to(self.namespace)

    def listen(self, port: int) -> socket.socket:
        """A socket that listens there, on ``port`` of its address."""
        with self._visit():
            return socket.create_server((self.address, port))

    def new_socket(self) -> socket.socket:
        """A socket for TCP that is there."""
        with self._visit():
            return socket.socket()

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection, made there, to what listens on ``port`` of its loopback address.

        Raises:
            OSError: nothing does.
        """
        own = self.new_socket()
        try:
            own.setblocking(False)
            await asyncio.get_running_loop().sock_connect(own, (LOCAL, port))
            return await asyncio.open_connection(sock=own)
        except BaseException:
            own.close()
            raise

    @contextmanager
    def _visit(self) -> Iterator[None]:
        # A socket stays where it was made, wherever the thread goes.
        if self.namespace is None:
            yield
            return
        home = current_namespace()
        try:
            self.enter()
            try:
                yield
            finally:
                move_to(home)
        finally:
            os.close(home)


HERE: Final = Place()


def current_namespace() -> int:
    """A descriptor of the network namespace that this thread is in."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def move_to(namespace: int) -> None:
    """Move this thread to the network namespace of that descriptor (setns(2)).

    Raises:
        OSError: it may not.
    """
    if _libc.setns(namespace, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
