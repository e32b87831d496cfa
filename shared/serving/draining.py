"""Draining: a process that is told to stop goes on taking connections for a while, so that balancers notice in time.

It does so whether or not anybody is connected: a balancer that asks once a second sends new connections until it has
asked. What is answered meanwhile ends its connection (``shared.serving.app``).
"""

import asyncio
from socket import socket
from typing import Final, NamedTuple

SETTLE_SECONDS: Final = 0.05
"""Between the last connection that may queue up and the end of listening."""


class Draining(NamedTuple):
    """How long a process goes on, in seconds; ``owned`` is its listening socket, if no other process listens on it."""

    seconds: float
    owned: socket | None = None

    async def wait(self) -> None:
        """Go on for all of that time; in the end take those who wait to be accepted, and no others.

        The kernel resets whoever waits while a socket is closed.
        """
        if self.seconds:
            await asyncio.sleep(self.seconds)
            if self.owned is not None:
                stop_accepting(self.owned)
            await asyncio.sleep(SETTLE_SECONDS)


def stop_accepting(listening: socket) -> None:
    """Let no further connection queue up; a client that tries gets no answer, and is refused at its next attempt."""
    listening.listen(0)
