"""The attempt timeout: no attempt outlives its time or the deadline, and one that cannot fit is not made."""

from typing import Any, Final

import msgspec

from shared.errors import AttemptTimeout, NoBudget
from shared.time_limits import TimeLimits
from shared.upstream.call import Call, Policy, Send

MIN_ATTEMPT_SECONDS: Final = 0.005
"""With less than this left, no service can be asked and answer."""
_LOOP_LAG_SECONDS: Final = 0.05
"""A timeout that comes this much too late was noticed by a loop that had too much to do itself."""
_FULL_SHARE: Final = 0.9
"""Of the configured time: a service that did not answer within so much of it would hardly have within all of it."""


def attempt_timeout(seconds: float) -> Policy:
    """Bound each attempt by ``seconds`` and by what is left until the call's deadline.

    A timeout speaks against the service only if it had nearly all of its time and this process was in time itself.
    """
    limits = TimeLimits()

    def policy(send: Send) -> Send:
        async def bounded(call: Call[Any]) -> Any:
            deadline = call.deadline
            started = deadline.clock()
            left = deadline.at - started
            if left < MIN_ATTEMPT_SECONDS:
                raise NoBudget("the request's time is used up")
            timeout = min(seconds, left)
            try:
                with limits.limit(timeout):
                    return await send(msgspec.structs.replace(call, timeout=timeout, started=started))
            except TimeoutError as error:
                taken = deadline.clock() - started
                is_failure = timeout >= _FULL_SHARE * seconds and taken < timeout + _LOOP_LAG_SECONDS
                raise AttemptTimeout(f"no answer within {timeout:.3f} s", is_failure=is_failure) from error

        return bounded

    return policy
