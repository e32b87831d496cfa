"""Things that are to be done once by all processes that share a Redis, and are done though one of them dies over it.

Whoever marks a thing as begun first (``SET … NX``) does it, and then marks it as done. The others look again, soon and
after a second, when the mark of one who has died is gone: the next one does it then. A thing may be done twice that
way, but never not at all. While Redis is away, or does not let its user mark anything, each process does it.
"""

import asyncio
import contextlib
import enum
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from shared.cache.answers import is_refused, is_wrong_type
from shared.cache.keys import Keys
from shared.cache.redis_client import RedisClient, TierDown
from shared.cache.redis_errors import error_text
from shared.cache.replies import MOVING
from shared.observing.logs import log

BEGUN_SECONDS: Final = 1.0
"""After which a mark of what has begun is gone."""
LOOKS: Final = (0.005, 0.05, BEGUN_SECONDS, 0.05, BEGUN_SECONDS)
"""Seconds after which it is looked again whether another one has done what it has begun; then it is waited no more."""

_BEGUN: Final = b"begun"
_DONE: Final = b"done"

Do = Callable[[Sequence[str]], Awaitable[bool]]
"""Does some of the things, all or none of them; tells whether they are done."""


class Done(NamedTuple):
    """What has become of things.

    Attributes:
        here: those that have been done by whoever asked.
        elsewhere: those that another process has done.
        failed: those that could not be done.
    """

    here: Sequence[str]
    elsewhere: Sequence[str]
    failed: Sequence[str]


class _Claim(enum.Enum):
    MINE = enum.auto()
    BEGUN = enum.auto()
    DONE = enum.auto()


class Claims:
    """Marks in Redis, if there is one, that are kept for ``keep`` seconds; nobody is told of them."""

    def __init__(self, redis: RedisClient | None, keys: Keys, keep: float) -> None:
        self._redis = redis
        self._keys = keys
        self._keep_ms = int(keep * 1000)
        self._refused = ""

    async def once(self, names: Sequence[str], do: Do) -> Done:
        """Have what has these ``names`` done by one process; returns when it has been, or has failed here.

        What another one has begun, and nobody has done after two seconds, is done here.
        """
        here, elsewhere, failed = list[str](), list[str](), list[str]()
        left = names
        for pause in (*LOOKS, None):
            claims = [_Claim.MINE] * len(left) if pause is None else await asyncio.gather(*map(self._claim, left))
            found = {claim: [name for name, of in zip(left, claims, strict=True) if of is claim] for claim in _Claim}
            elsewhere += found[_Claim.DONE]
            if mine := found[_Claim.MINE]:
                is_done = await do(mine)
                (here if is_done else failed).extend(mine)
                if is_done:
                    await self._settle(mine)
            left = found[_Claim.BEGUN]
            if not left or pause is None:
                break
            await asyncio.sleep(pause)
        return Done(here, elsewhere, failed)

    async def _claim(self, name: str) -> _Claim:
        if self._redis is None:
            return _Claim.MINE
        key = self._keys.claim(name)
        marking = ("SET", key, _BEGUN, "NX", "PX", int(BEGUN_SECONDS * 1000))
        try:
            marked, mark = await self._redis.attempt(key, marking, ("GET", key))
        except TierDown:  # logged and counted by the tier
            return _Claim.MINE
        for reply in (marked, mark):
            if is_refused(reply):
                self._note(error_text(reply))
                return _Claim.MINE
        self._refused = ""
        if marked is not None or mark is MOVING or is_wrong_type(mark):
            return _Claim.MINE
        return _Claim.DONE if mark == _DONE else _Claim.BEGUN

    async def _settle(self, names: Sequence[str]) -> None:
        redis = self._redis
        if redis is not None and not self._refused:
            keys = list(map(self._keys.claim, names))
            with contextlib.suppress(TierDown):
                await asyncio.gather(*(redis.attempt(key, ("SET", key, _DONE, "PX", self._keep_ms)) for key in keys))

    def _note(self, text: str) -> None:
        if self._refused != text:
            self._refused = text
            log("warning", "redis refuses claims", "cache", error=text)
