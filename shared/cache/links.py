"""The connections to all Redis nodes as one client: each command goes to the node that has its key."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any, Final, TypeVar

from redis.exceptions import RedisError

from shared.cache.answers import (
    MOVED,
    Found,
    all_usable,
    allowed,
    check_permitted,
    found_in,
    is_elsewhere,
    raise_if_replica,
    stamp_in,
    usable,
)
from shared.cache.entry import NO_STAMP
from shared.cache.keys import Keys
from shared.cache.link import Changed, Link, LinkLost
from shared.cache.redis_errors import NodeRefused
from shared.cache.replies import MOVING, Command, Unknown
from shared.cache.required_commands import probe_commands
from shared.cache.stamps import NEVER
from shared.cache.topology import Topology, raise_if_cancelled
from shared.cancellation import cancel_and_wait
from shared.observing.logs import log_error

T = TypeVar("T")
Answers = asyncio.Future[list[Any]]
"""What a node will have answered to commands that were sent together."""

_CLIENT_NAME: Final = "profile-gateway"
_MAX_TAGS: Final = 10_000
_PAGE: Final = 1_000


class Links:
    """One link a node; together they are what a single client would be."""

    def __init__(self, topology: Topology, keys: Keys, changed: Changed) -> None:
        self._topology = topology
        self._keys = keys
        self._changed = changed
        self._links: tuple[Link, ...] = ()
        self._moved: asyncio.Task[None] | None = None

    async def open(self, further: Iterable[str] = ()) -> bool:
        """Connect to every node and see that it takes writes; tells whether all of them tell of changes.

        They tell of all keys under the prefix, and of ``further`` ones.

        Raises:
            RedisError, OSError, LinkLost, Refused: one of them cannot be used.
        """
        try:
            connections, seconds = await self._topology.connections(), self._topology.reply_seconds
            self._links = tuple(Link(connection, self._changed, seconds) for connection in connections)
            watched = {self._keys.prefix, *further}
            # Redis takes none that begins like another one, of which it tells anyway.
            prefixes = [one for one in watched if not any(one.startswith(other) for other in watched - {one})]
            opening = [asyncio.create_task(link.open(*prefixes)) for link in self._links]
            try:
                tracked = await asyncio.gather(*opening)
            finally:
                await cancel_and_wait(*opening)
            await asyncio.gather(*(self._try(number) for number in range(len(self._links))))
            return all(tracked)
        except (RedisError, OSError, LinkLost, NodeRefused) as error:
            # A cancellation that comes while redis-py deals with a fault can be lost in there.
            raise_if_cancelled(error)
            raise

    async def lost(self) -> BaseException:
        """Wait until a link is lost or leads to a node that is not to be asked any more, and say why."""
        lost = [link.lost for link in self._links]
        # Its end is not waited for here: until the loss is known, memory is trusted.
        moved = self._moved = asyncio.create_task(self._topology.moved())
        ends: list[asyncio.Future[Any]] = [moved, *lost]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        return next((link.result() for link in lost if link.done()), NodeRefused("another node is the master"))

    def abort(self, error: BaseException) -> None:
        """Give all links up."""
        for link in self._links:
            link.abort(error)

    async def close(self) -> None:
        """End all connections."""
        if self._moved is not None:
            await cancel_and_wait(self._moved)
        ends = await asyncio.gather(*(link.close() for link in self._links), return_exceptions=True)
        self._links = ()  # only now: whoever is cancelled meanwhile can begin again
        for error in ends:
            if isinstance(error, Exception):
                log_error("redis connection not closed", "cache", error)

    def ask(self, key: str, *commands: Command) -> Answers:
        """Send commands to the node of ``key``; what its answers mean is a matter of ``answers``.

        Raises:
            LinkLost: there is nobody to send them to; the future fails with it too.
        """
        return self._link(key).execute(*commands)

    async def execute_all(self, *commands: Command) -> list[list[Any]]:
        """Send the same commands to every node; error answers stay as they are.

        Raises:
            LinkLost: a node did not answer.
        """
        return list(await asyncio.gather(*(link.execute(*commands) for link in self._links)))

    async def read(self, keys: Sequence[str], stamps: Sequence[Sequence[str]]) -> list[Found]:
        """The value of each key with its ``stamps``, all asked at once.

        Raises:
            LinkLost, Refused: there is no answer.
        """
        asked = [(key, [("GET", name) for name in (key, *further)]) for key, further in zip(keys, stamps, strict=True)]
        return list(map(found_in, await self._replies(asked)))

    async def lookup(self, key: str, stamps: Sequence[str], first: Command | None) -> tuple[Any, Found]:
        """The reply to ``first``, if given, and the value of ``key`` with its ``stamps`` after it; one round trip.

        The answer is :data:`MOVING` when any of it is: nothing is known of the key then.

        Raises:
            LinkLost, Refused: there is no answer.
        """
        asked = [("GET", name) for name in (key, *stamps)]
        if first is None:
            return None, found_in(await self._link(key).execute(*asked))
        reply, *replies = await self._link(key).execute(first, *asked)
        answer, found = usable(reply), found_in(replies)
        return (MOVING, MOVED) if answer is MOVING or found is MOVED else (answer, found)

    async def stamps(self, names: Sequence[str]) -> dict[str, bytes]:
        """What stands under each of ``names``, wherever; without those of which nothing is known at the moment.

        Raises:
            LinkLost, Refused: there is no answer.
        """
        replies = await self._replies([(name, [("GET", name)]) for name in names])
        found = zip(names, (stamp_in(reply) for (reply,) in replies), strict=True)
        return {name: stamp or NEVER for name, stamp in found if stamp is not MOVING}

    async def stamp(self, key: str, first: Command) -> tuple[Any, bytes | Unknown | None]:
        """What ``first`` answers, and the stamp under ``key`` after it, or None; :data:`MOVING` for what is not known.

        Raises:
            LinkLost, Refused: there is no answer.
        """
        reply, stamp = await self._link(key).execute(first, ("GET", key))
        check_permitted(("GET", key), stamp)
        return usable(reply), stamp_in(stamp, len(NO_STAMP))

    def post(self, commands: Sequence[tuple[str, Command]]) -> list[Answers]:
        """Send commands that nobody waits for, each about a key, in this order to each node.

        ``answers.all_usable`` says what their answers mean. They leave within a millisecond.

        Raises:
            LinkLost: there is nobody to send them to; the futures fail with it too.
        """
        return [link.post(*group) for link, group in self._grouped(commands)]

    async def send(self, commands: Sequence[tuple[str, Command]]) -> list[Any]:
        """What is answered to commands sent as by :meth:`post`, but at once: somebody waits for them.

        Raises:
            LinkLost: a node did not answer.
        """
        return [reply for (reply,) in await self._replies([(key, [command]) for key, command in commands])]

    async def unlink_matching(self, pattern: str, unlinking: Changed) -> bool:
        """Delete every key that matches the glob ``pattern``, on every node; tells whether all of them are gone.

        ``unlinking`` is called with keys at the moment in which their deletion is sent.

        Raises:
            LinkLost, Refused, NotPermitted: it is not certain what is gone.
        """
        gone = True
        for link in self._links:
            cursor = b"0"
            while True:
                cursor, keys = allowed(*await link.execute(("SCAN", cursor, "MATCH", pattern, "COUNT", _PAGE)))
                if keys:
                    unlinking([key.decode("utf-8", "replace") for key in keys])
                    replies = await link.execute(*(("UNLINK", key) for key in keys))
                    # A key on its way between nodes is listed by one, and told to be with the other.
                    settled = [reply for reply in replies if not is_elsewhere(reply)]
                    gone = gone and len(settled) == len(replies) and MOVING not in all_usable(settled)
                if cursor == b"0":
                    break
        return gone

    async def _replies(self, of_keys: Sequence[tuple[str, Sequence[Command]]]) -> list[list[Any]]:
        """What is answered to the commands about each key, which go to its node together with those about others."""
        groups = list(self._grouped([(key, (place, commands)) for place, (key, commands) in enumerate(of_keys)]))
        asked = [link.execute(*chain.from_iterable(commands for _, commands in group)) for link, group in groups]
        answers = [await asked[0]] if len(asked) == 1 else await asyncio.gather(*asked)
        replies: list[list[Any]] = [[] for _ in of_keys]
        for (_, group), of_node in zip(groups, answers, strict=True):
            rest = iter(of_node)
            for place, commands in group:
                replies[place] = [*islice(rest, len(commands))]
        return replies

    def _grouped(self, of_keys: Sequence[tuple[str, T]]) -> Iterable[tuple[Link, list[T]]]:
        if len(self._links) == 1 and of_keys:
            return [(self._links[0], [one for _, one in of_keys])]
        of_link: dict[Link, list[T]] = defaultdict(list)
        for key, one in of_keys:
            of_link[self._link(key)].append(one)
        return of_link.items()

    def _link(self, key: str) -> Link:
        if not self._links:
            raise LinkLost("closed")
        if len(self._links) == 1:
            return self._links[0]
        try:
            return self._links[self._topology.node_of(key)]
        except (LookupError, ValueError) as error:
            raise LinkLost("no node has this key") from error

    async def _try(self, number: int) -> None:
        commands = list(probe_commands(self._keys, self._tag(number)))
        named: Command = ("CLIENT", "SETNAME", _CLIENT_NAME)
        _, role, *replies = await self._links[number].execute(named, ("ROLE",), *commands)
        raise_if_replica(role)
        for command, reply in zip(commands, replies, strict=True):
            check_permitted(command, reply)
            usable(reply)

    def _tag(self, number: int) -> str:
        """A subject that the node has; one with no more slots than that is not worth being used."""
        # Nothing else is about a subject like this.
        for tag in (f"~{one}" for one in range(_MAX_TAGS)):
            stamp = self._keys.stamp(f"any:{tag}")
            if len(self._links) == 1 or self._topology.node_of(stamp) == number:
                return tag
        raise NodeRefused("a node with hardly any slots")
