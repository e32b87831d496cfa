"""A named service as its callers see it: the stack of policies, built once."""

from typing import TypeVar

from shared.deadline import Deadline
from shared.errors import UpstreamError
from shared.upstream.call import Call, Send, stack
from shared.upstream.observe import observe
from shared.upstream.reading import status_only
from shared.upstream.timeout import attempt_timeout

T = TypeVar("T")

HEALTH_SECONDS = 1.0


class Upstream:
    """Calls one service. Outermost first: observe → attempt timeout → ``transport``."""

    def __init__(self, name: str, transport: Send, *, timeout: float) -> None:
        """``name`` labels metrics and logs; ``timeout`` is the longest attempt in seconds."""
        self.name = name
        self._send = stack(transport, observe(name), attempt_timeout(timeout))
        self._probe = stack(transport, attempt_timeout(HEALTH_SECONDS))

    async def call(self, call: Call[T]) -> T:
        """Carry out ``call``.

        Raises:
            UpstreamError: with the reason, when nothing usable came before the deadline.
        """
        value: T = await self._send(call)
        return value

    async def healthy(self, path: str) -> bool:
        """Whether a GET of ``path`` is answered with 200 within a second; counted nowhere."""
        try:
            status: int = await self._probe(Call(path, status_only, Deadline.after(HEALTH_SECONDS)))
        except UpstreamError:
            return False
        return status == 200
