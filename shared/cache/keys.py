"""The names under which things stand in Redis.

Entries are named by kind and subject (a user's profile, a product). Kinds that are *owned* go with their subject when
that is purged; the others are shared. The subject is a hash tag, so that in a cluster all that is said about one
subject stands on one node.
"""

from collections.abc import Iterable, Iterator
from typing import Final

_VERSION: Final = "v2"


class Keys:
    """The names of one cache.

    ``namespace`` keeps it apart from others in the same Redis; ``owned`` are the kinds that a purge of a subject drops.
    Everything under :attr:`prefix` is watched for changes; leases and probes are not.
    """

    def __init__(self, namespace: str, owned: Iterable[str] = ()) -> None:
        self.prefix = f"{namespace}:{_VERSION}:"
        self.generation = f"{self.prefix}generation"
        self.probe = f"{namespace}.probe:{_VERSION}"
        self._stamps = f"{self.prefix}purged:"
        self._leases = f"{namespace}.lease:{_VERSION}:"
        self._owned = tuple(owned)
        self._owned_prefixes = tuple(f"{self.prefix}{kind}:" for kind in self._owned)

    def entry(self, kind: str, subject: str) -> str:
        """The key of one thing."""
        return f"{self.prefix}{kind}:{{{subject}}}"

    def lease(self, key: str) -> str:
        """Where the lease to load ``key`` stands."""
        return f"{self._leases}{key[len(self.prefix) :]}"

    def stamp(self, subject: str) -> str:
        """Where the stamp of the last purge of ``subject`` stands."""
        return f"{self._stamps}{{{subject}}}"

    def stamp_of(self, key: str) -> str | None:
        """Where the stamp that counts for ``key`` stands; None for a shared kind."""
        if not key.startswith(self._owned_prefixes):
            return None
        return f"{self._stamps}{key[key.index('{') :]}"

    def purged_by(self, key: str) -> Iterator[str]:
        """The entries that a change of the stamp ``key`` drops; none when it is no stamp."""
        if key.startswith(self._stamps):
            tag = key[len(self._stamps) :]
            yield from (prefix + tag for prefix in self._owned_prefixes)

    def owned_by(self, subject: str) -> Iterator[str]:
        """Every entry of ``subject`` that a purge drops."""
        return (self.entry(kind, subject) for kind in self._owned)
