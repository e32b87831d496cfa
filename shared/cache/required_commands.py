"""The Redis commands that the cache needs permission for, and on which keys: their one declaration.

The probe of every node before it is used follows from here, and so do the permissions in docs/cache.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from shared.cache.keys import Keys
from shared.cache.replies import Command
from shared.cache.stamps import SOFT_AT

Place = Literal["entry", "stamp", "mark", "lease"]
"""Where a key stands: among the entries of each kind, among the stamps of tags, among the marks of hard purges, among
the leases."""

_TRIED_MS: Final = 1
"""What is tried is gone at once, whether or not Redis lets it be deleted."""


class RequiredCommand(NamedTuple):
    """A command without which Redis is not used.

    Attributes:
        command: its name.
        places: where the keys stand that it is about; none where it is about no key.
        arguments: what follows the key when it is tried.
    """

    command: str
    places: Sequence[Place] = ()
    arguments: Command = ()


REQUIRED_COMMANDS: Final[Sequence[RequiredCommand]] = (
    RequiredCommand("SET", ("entry", "stamp", "mark"), (b"1", "PX", _TRIED_MS)),
    RequiredCommand("SETRANGE", ("stamp",), (SOFT_AT, b"1")),
    RequiredCommand("SET", ("lease",), (b"1", "NX", "PX", _TRIED_MS)),
    RequiredCommand("GET", ("entry", "stamp")),
    RequiredCommand("PTTL", ("lease",)),
    RequiredCommand("PEXPIRE", ("lease", "stamp"), (_TRIED_MS,)),
    RequiredCommand("UNLINK", ("entry", "lease")),
    RequiredCommand("TIME"),
)
OPTIONAL_COMMANDS: Final[Mapping[str, str]] = {
    "CLIENT TRACKING": "memory is not asked",
    "CLIENT SETNAME": "connections have no name in CLIENT LIST",
    "ROLE": "a replica that takes writes is taken for a master",
    "DBSIZE": "no number of keys in /api/cache/stats",
    "EVAL": "no increment, expire or optimistic lock of what is there, by aiocache's interface",
    "SCAN": "no clear, by aiocache's interface",
    "INCRBY": "each process admits its share of a quota, and no more is known of what others admit",
    "XADD": "a revocation does not reach other processes; whoever makes it is told",
    "XRANGE": "revocations by other processes are not known, nor events in Redis",
    "INFO": "no memory of Redis in /api/cache/stats",
}
"""Commands of which a refusal is no reason for anything; each with what it costs."""
CLUSTER_COMMANDS: Final = ("CLUSTER SLOTS", "COMMAND")
"""Further ones by which redis-py finds the nodes of a cluster."""


def probe_commands(keys: Keys, tag: str) -> Iterator[Command]:
    """Every required command once on each place, about a subject ``tag`` that nothing else uses."""
    entries = [keys.entry(kind, tag) for kind in keys.kinds]
    stand: Mapping[Place, Sequence[str]] = {
        "entry": entries,
        "stamp": [keys.stamp(f"any:{tag}")],
        "mark": [keys.mark(f"any:{tag}")],
        "lease": [keys.lease(entry) for entry in entries],
    }
    for need in REQUIRED_COMMANDS:
        if not need.places:
            yield (need.command,)
        for place in need.places:
            yield from ((need.command, key, *need.arguments) for key in stand[place])
