"""Looks names up as the system does: /etc/hosts, search domains and nsswitch.conf count (getaddrinfo).

``getaddrinfo`` blocks, for half a minute where name servers are silent, and cannot be ended. So it runs in a thread of
its own that nobody waits for, neither the loop nor the end of the process, and a name has no second one while the first
has not come back.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Final

from shared.upstream.lookup.failure import LookupFailed

_NO_SUCH_NAME: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}

Answer = list[str] | Exception


def system_addresses(name: str) -> list[str]:
    """The addresses of ``name``, best first (RFC 6724); blocks.

    Raises:
        OSError: there is no telling.
    """
    try:
        # As bytes, for text would go through an encoding for names in other scripts, which fails on some that exist.
        found = socket.getaddrinfo(name.encode(), None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            return []
        raise
    return [str(address[0]) for *_, address in found]


class Names:
    """Looks up at most once at a time what a name has."""

    def __init__(self, look_up: Callable[[str], list[str]] = system_addresses) -> None:
        """``look_up`` may block; what it raises is OSError."""
        self._look_up = look_up
        self._unfinished: dict[str, asyncio.Future[Answer]] = {}

    async def addresses(self, name: str) -> list[str]:
        """The addresses of ``name``, best first; none where it has none or does not exist.

        Whoever leaves meanwhile ends nothing.

        Raises:
            LookupFailed: there is no telling.
        """
        answer = await asyncio.shield(self._unfinished.get(name) or self._begin(name))
        if isinstance(answer, OSError):
            raise LookupFailed(answer.strerror or str(answer)) from answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _begin(self, name: str) -> "asyncio.Future[Answer]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()

        def finish(answer: Answer) -> None:
            del self._unfinished[name]
            future.set_result(answer)

        def run() -> None:
            answer: Answer
            try:
                answer = self._look_up(name)
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                answer = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
                loop.call_soon_threadsafe(finish, answer)

        try:
            threading.Thread(target=run, name=f"look-up of {name}", daemon=True).start()
        except RuntimeError as error:
            raise LookupFailed(str(error)) from error
        self._unfinished[name] = future
        return future
