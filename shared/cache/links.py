"""The links to all nodes as one: each key's commands go to the node that has it."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import AskError, RedisError, ResponseError, TryAgainError

from shared.cache.entry import NO_STAMP
from shared.cache.keys import Keys
from shared.cache.link import Changed, Command, Link, LinkLost
from shared.cache.topology import Topology, raise_if_cancelled

_PROBE_MS: Final = 10_000
_PROBE_KEYS_MOST: Final = 10_000
_WRONG_TYPE: Final = "WRONGTYPE"
_ODD_STAMP: Final = b"\xff" * len(NO_STAMP)


class Refused(Exception):
    """A node answers, but not as one that takes reads and writes: read-only, out of memory, another's key."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands under a key.

    Attributes:
        data: the bytes, or None.
        left_ms: for how long Redis keeps them; negative when it does not say.
        stamp: the purge stamp of the key's subject, or None.
        odd: whether something else than bytes stands there.
    """

    data: bytes | None
    left_ms: int
    stamp: bytes | None
    odd: bool = False


class Links:
    """One link a node; together they are what a single client would be."""

    def __init__(self, topology: Topology, keys: Keys, changed: Changed) -> None:
        self._topology = topology
        self._keys = keys
        self._changed = changed
        self._links: tuple[Link, ...] = ()

    async def open(self) -> bool:
        """Connect to every node and see that it takes writes; tells whether all of them tell of changes.

        Raises:
            RedisError, OSError, LinkLost, Refused: one of them cannot be used.
        """
        try:
            return await self._open()
        except (RedisError, OSError, LinkLost, Refused) as error:
            # A cancellation that comes while redis-py deals with a fault can be lost in there.
            raise_if_cancelled(error)
            raise

    async def lost(self) -> BaseException:
        """Wait until a link is lost or leads to a node that is not to be asked any more, and say why."""
        lost = [link.lost for link in self._links]
        moved = asyncio.ensure_future(self._topology.moved())
        ends: list[asyncio.Future[Any]] = [moved, *lost]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            moved.cancel()
            await asyncio.gather(moved, return_exceptions=True)
        return next((link.result() for link in lost if link.done()), Refused("another node is the master"))

    def lose(self, error: BaseException) -> None:
        """Give all links up."""
        for link in self._links:
            link.lose(error)

    async def close(self) -> None:
        """End all connections."""
        await asyncio.gather(*(link.close() for link in self._links))
        self._links = ()  # only now: whoever is cancelled meanwhile can begin again

    async def ask(self, key: str, *commands: Command) -> list[Any]:
        """Send commands to the node of ``key``; answers that say the node is not usable are raised.

        Raises:
            LinkLost, Refused: there is no answer.
        """
        return [_usable(reply) for reply in await self._link(key).ask(*commands)]

    async def ask_all(self, *commands: Command) -> list[list[Any]]:
        """Send the same commands to every node; error answers stay as they are.

        Raises:
            LinkLost: a node did not answer.
        """
        return list(await asyncio.gather(*(link.ask(*commands) for link in self._links)))

    async def read(self, keys: Sequence[str]) -> list[Found]:
        """What stands under each key, all asked at once.

        Raises:
            LinkLost, Refused: there is no answer.
        """
        asked: list[tuple[bool, asyncio.Future[list[Any]]]] = []
        for key in keys:
            stamp = self._keys.stamp_of(key)
            commands: tuple[Command, ...] = (("GET", key), ("PTTL", key))
            if stamp is not None:
                commands = (*commands, ("GET", stamp))
            asked.append((stamp is not None, self._link(key).ask(*commands)))
        return [_found(stamped, replies) for (stamped, _), replies in zip(asked, await _all(asked), strict=True)]

    async def stamp(self, key: str) -> bytes | None:
        """The stamp under ``key``, or None.

        Raises:
            LinkLost, Refused: there is no answer.
        """
        (reply,) = await self._link(key).ask(("GET", key))
        return _stamp(reply)

    async def write(self, values: Sequence[tuple[str, bytes, int]], delete: Sequence[str] = ()) -> None:
        """Set each key to its bytes for so many milliseconds, then delete the others.

        Raises:
            LinkLost, Refused: it is not certain that all of it was done.
        """
        commands: dict[Link, list[Command]] = defaultdict(list)
        for key, data, milliseconds in values:
            commands[self._link(key)].append(("SET", key, data, "PX", milliseconds))
        for key in delete:
            commands[self._link(key)].append(("UNLINK", key))
        for replies in await asyncio.gather(*(link.ask(*group) for link, group in commands.items())):
            for reply in replies:
                _usable(reply)

    def _link(self, key: str) -> Link:
        if not self._links:
            raise LinkLost("closed")
        if len(self._links) == 1:
            return self._links[0]
        try:
            return self._links[self._topology.node_of(key)]
        except (LookupError, ValueError) as error:
            raise LinkLost("no node has this key") from error

    async def _open(self) -> bool:
        self._links = tuple(Link(connection, self._changed) for connection in await self._topology.connections())
        tracked = [await link.open(self._keys.prefix) for link in self._links]
        await asyncio.gather(*(self._probe(number) for number in range(len(self._links))))
        return all(tracked)

    async def _probe(self, number: int) -> None:
        key = self._probe_key(number)
        role, reply = await self._links[number].ask(("ROLE",), ("SET", key, b"1", "PX", _PROBE_MS))
        if isinstance(role, list) and role[0] != b"master":
            raise Refused("a replica")  # even one that takes writes: its master would overwrite them
        _usable(reply)

    def _probe_key(self, number: int) -> str:
        """A key that the node has; one with no more slots than that is not worth being used."""
        keys = (f"{self._keys.probe}:{one}" for one in range(_PROBE_KEYS_MOST))
        for key in keys:
            if len(self._links) == 1 or self._topology.node_of(key) == number:
                return key
        raise Refused("a node with hardly any slots")


async def _all(asked: Sequence[tuple[bool, "asyncio.Future[list[Any]]"]]) -> list[list[Any]]:
    if len(asked) == 1:
        return [await asked[0][1]]
    return list(await asyncio.gather(*(future for _, future in asked)))


def _found(stamped: bool, replies: list[Any]) -> Found:
    data, left_ms = replies[0], replies[1]
    stamp = _stamp(replies[2]) if stamped else None
    if _is_wrong_type(data):
        return Found(None, -1, stamp, odd=True)
    return Found(_usable(data), int(_usable(left_ms) or 0), stamp)


def _stamp(reply: Any) -> bytes | None:
    """What stands where a stamp should: garbage tells before from after as well, and the next purge overwrites it."""
    if reply is None:
        return None
    if _is_wrong_type(reply):
        return _ODD_STAMP
    return bytes(_usable(reply))[: len(NO_STAMP)].ljust(len(NO_STAMP), b"\0")


def _is_wrong_type(reply: Any) -> bool:
    return isinstance(reply, ResponseError) and str(reply).startswith(_WRONG_TYPE)


def _usable(reply: Any) -> Any:
    if isinstance(reply, AskError | TryAgainError):
        return None  # the key's slot is being moved to another node: nothing is known of it for a while
    if isinstance(reply, ResponseError):
        raise Refused(type(reply).__name__) from reply
    return reply
