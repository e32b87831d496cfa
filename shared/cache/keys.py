"""The names of keys in Redis.

Entries are named by kind, by the version of how that is written, and by subject (a user, say), so that
processes which write a kind in different ways share a Redis and never read, nor overwrite, each other's entries. What
outdates entries, the generation and the purge stamps, has no version: a purge by any of them counts for all.

Kinds that are *owned* go with their subject when that is purged; the others are shared. The subject is a hash tag, so
that in a cluster all that is said about one subject stands on one node.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from shared.cache.kind import Kind
from shared.errors import DeclarationError

_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]*")


class Keys:
    """The names of one cache.

    ``namespace`` keeps it apart from others in the same Redis; ``kinds`` are all that there are of entries. Everything
    under :attr:`prefix` is watched for changes; leases, quotas and what is told of hot keys are not.
    """

    def __init__(self, namespace: str, kinds: Iterable[Kind] = ()) -> None:
        """Raises ``DeclarationError`` when two kinds have the same name, or one has a name that is none."""
        self.prefix = f"{namespace}:"
        self.generation = f"{self.prefix}generation"
        self._leases = f"{namespace}.lease:"
        self._quotas = f"{namespace}.quota:"
        self._hot = f"{namespace}.hot:"
        # No entry begins like a stamp: a version follows the name of its kind.
        self._stamps = f"{self.prefix}purged:{{"
        self._entries: dict[str, str] = {}
        self._kinds: dict[str, Kind] = {}
        for kind in kinds:
            if not _NAME.fullmatch(kind.name):
                raise DeclarationError(f"no kind of cache entries can be called {kind.name!r}")
            if kind.name in self._entries:
                raise DeclarationError(f"two kinds of cache entries are called {kind.name!r}")
            prefix = self._entries[kind.name] = f"{self.prefix}{kind.name}:{kind.version}:"
            self._kinds[prefix] = kind
        self._owned_prefixes = tuple(prefix for prefix, kind in self._kinds.items() if kind.owned)
        self._varied_prefixes = tuple(prefix for prefix in self._owned_prefixes if self._kinds[prefix].varied)

    @property
    def kinds(self) -> Iterable[str]:
        """The names of all kinds."""
        return self._entries

    def entry(self, kind: str, subject: str, variant: str = "") -> str:
        """The key of one thing; ``variant`` tells it from others of a varied kind, and has no brace in it."""
        return f"{self._entries[kind]}{{{subject}}}{variant}"

    def log(self, name: str) -> str:
        """Where the log of this name stands; a colon in none tells it from entries."""
        return f"{self.prefix}{name}"

    def entry_prefix(self, kind: str) -> str:
        """What stands before the subject and a closing brace in every key of this kind."""
        return f"{self._entries[kind]}{{"

    def kind(self, key: str) -> Kind:
        """The kind of the entry ``key``."""
        return self._kinds[key[: key.index("{")]]

    def subject(self, key: str) -> str:
        """What the entry ``key`` is about."""
        return key[key.index("{") + 1 : key.rindex("}")]

    def lease(self, key: str) -> str:
        """Where the lease to load ``key`` stands."""
        return f"{self._leases}{key[len(self.prefix) :]}"

    def quota(self, name: str) -> str:
        """Where it stands what is taken out of the quota ``name``."""
        return f"{self._quotas}{name}"

    def hot(self, name: str) -> str:
        """Where something stands that is told of hot keys."""
        return f"{self._hot}{name}"

    def is_entry(self, key: str) -> bool:
        """Whether ``key`` is that of an entry, as this process writes them."""
        prefix, _, subject = key.partition("{")
        return prefix in self._kinds and "}" in subject

    def stamp(self, subject: str) -> str:
        """Where the stamp of the last purge of ``subject`` stands."""
        return f"{self._stamps}{subject}}}"

    def stamp_of(self, key: str) -> str | None:
        """Where the stamp that counts for ``key`` stands; None for a shared kind."""
        if not key.startswith(self._owned_prefixes):
            return None
        return f"{self._stamps}{self.subject(key)}}}"

    def purged_subject(self, key: str) -> str | None:
        """The subject whose entries a change of the stamp ``key`` drops; None when it is no stamp."""
        return key[len(self._stamps) : -1] if key.startswith(self._stamps) else None

    def owned_keys(self, subject: str) -> Iterator[str]:
        """Every entry of ``subject`` that a purge drops, but for those with a variant."""
        return (f"{prefix}{{{subject}}}" for prefix in self._owned_prefixes)

    def variant_prefixes(self, subject: str) -> Iterator[str]:
        """What the entries of ``subject`` begin with that have a variant."""
        return (f"{prefix}{{{subject}}}" for prefix in self._varied_prefixes)


def beginning_of_variant(key: str) -> str:
    """What the ``key`` of an entry that has a variant begins with; "" for all others."""
    beginning, brace, variant = key.rpartition("}")
    return beginning + brace if brace and variant else ""
