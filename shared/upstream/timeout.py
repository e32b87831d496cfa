"""The attempt timeout: no attempt outlives its time or the deadline, and one that cannot fit is not made."""

import asyncio
from dataclasses import replace
from typing import Any, Final

from shared.errors import AttemptTimeout, NoBudget
from shared.upstream.call import Call, Policy, Send

SHORTEST_SECONDS: Final = 0.005
"""With less than this left, no service can be asked and answer."""


def attempt_timeout(seconds: float) -> Policy:
    """Bound each attempt by ``seconds`` and by what is left until the call's deadline."""

    def policy(send: Send) -> Send:
        async def bounded(call: Call[Any]) -> Any:
            left = call.deadline.left()
            if left < SHORTEST_SECONDS:
                raise NoBudget("the request's time is used up")
            timeout = min(seconds, left)
            try:
                async with asyncio.timeout(timeout):
                    return await send(replace(call, timeout=timeout))
            except TimeoutError as error:
                raise AttemptTimeout(f"no answer within {timeout:.3f} s") from error

        return bounded

    return policy
