"""The rate limits of this process: asks for leases in the background, so that hardly any request has to wait for one.

A resource of the app, open while it serves. ``bucket`` has what is spent and how; here is what takes time.
"""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from typing import Final, Literal, NamedTuple

from shared.cancellation import cancel_and_wait
from shared.deadline import Clock
from shared.edge.bucket import PENDING, Ask, Bucket, Verdict
from shared.edge.ledger import Ledger, LedgerAway
from shared.edge.rate import Rate
from shared.edge.settings import EdgeSettings
from shared.edge.subjects import Subjects
from shared.edge.terms import Terms, policy
from shared.observing.logs import log_error

_PATIENCE_SECONDS: Final = 0.02
_MAX_ASKED: Final = 1_000
_Limit = Rate | Literal[""]


class _Rates(NamedTuple):
    """By the names that clients and metrics know them by."""

    user: _Limit
    address: _Limit
    failures: _Limit


class Quotas(AbstractAsyncContextManager["Quotas"]):
    """The limits that are set.

    Attributes:
        user: by subject of a token, or None when it is off; so are the others.
        address: by address of a client.
        failures: refused tokens by address of a client.
        policies: ``RateLimit-Policy``, the same for every answer; "" when all are off.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        ledger: Ledger | None,
        processes: int,
        *,
        clock: Clock = time.time,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        """``ledger`` is what ``processes`` share; without one each has its share of a quota.

        ``clock`` is that of all machines, in seconds since the epoch. Nobody waits longer than ``patience`` seconds.
        """
        self._ledger = ledger
        self._clock = clock
        self._patience = patience
        self._asked: dict[Bucket, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        rates = _Rates(settings.rate_limit_user, settings.rate_limit_address, settings.rate_limit_failures)
        named = [*zip(rates._fields, rates, strict=True)]
        self.policies = ", ".join(policy(name, rate) for name, rate in named if rate)
        self.user, self.address, self.failures = (
            Subjects(Terms(name, rate, processes, ledger), self._ask) if rate else None for name, rate in named
        )

    async def __aexit__(self, *_: object) -> None:
        """Ask for nothing any more."""
        await cancel_and_wait(*self._tasks)

    async def settle(self, bucket: Bucket) -> Verdict:
        """Wait until it is known what becomes of a request that is pending: ``ADMITTED`` or ``REFUSED``.

        After 20 ms the share of this process in what was left decides.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        verdict = PENDING
        bucket.waiting += 1
        try:
            while verdict is PENDING:
                left = until - loop.time()
                asked = self._asked.get(bucket)
                if left <= 0 or asked is None:
                    bucket.wait_no_longer()
                else:
                    await asyncio.wait({asked}, timeout=left)
                verdict = bucket.spend(self._clock())
        finally:
            bucket.waiting -= 1
        return verdict

    def _ask(self, bucket: Bucket, ask: Ask) -> bool:
        if self._ledger is None or len(self._tasks) >= _MAX_ASKED:
            return False
        # In a context of its own: it is for more requests than this one.
        task = asyncio.get_running_loop().create_task(self._lease(self._ledger, bucket, ask), context=Context())
        self._asked[bucket] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _lease(self, ledger: Ledger, bucket: Bucket, ask: Ask) -> None:
        try:
            taken = await ledger.take(ask.key, ask.spent + ask.want, ask.seconds)
        except LedgerAway:
            bucket.unanswered(ask, self._clock())
        except Exception as error:  # noqa: BLE001 - whatever it is, requests are to be served on
            log_error("quota not leased", "edge", error)
            bucket.unanswered(ask, self._clock())
        else:
            bucket.answered(ask, taken)
        finally:
            if self._asked.get(bucket) is asyncio.current_task():
                del self._asked[bucket]
