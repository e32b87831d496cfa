"""The names of keys in Redis.

Entries are named by kind, by the version of how that is written, and by subject (a user, say), so that
processes which write a kind in different ways share a Redis and never read, nor overwrite, each other's entries. What
outdates entries, the generation and the stamps of tags, has no version: a purge by any of them counts for all.

Of each tag there is a stamp, which is another with every purge, and a mark that hard purges alone change. The subject
of an entry, and the id of a tag, is a hash tag, so that in a cluster an entry and the stamp of its own tag stand on one
node.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from shared.cache.kind import Kind
from shared.cache.tags import ANY, NAME, named
from shared.errors import DeclarationError

_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]*")


class Keys:
    """The names of one cache.

    ``namespace`` keeps it apart from others in the same Redis; ``kinds`` are all that there are of entries. Everything
    under :attr:`prefix` is watched for changes; leases, quotas, claims and what is told of hot keys are not.
    """

    def __init__(self, namespace: str, kinds: Iterable[Kind] = ()) -> None:
        """Raises ``DeclarationError`` when two kinds have the same name, or one has a name that is none."""
        self.prefix = f"{namespace}:"
        self.generation = f"{self.prefix}generation"
        self._leases = f"{namespace}.lease:"
        self._quotas = f"{namespace}.quota:"
        self._claims = f"{namespace}.claim:"
        self._hot = f"{namespace}.hot:"
        # No kind has a slash in its name, so no entry begins like a stamp.
        self._stamps = f"{self.prefix}outdated/"
        self._marks = f"{self.prefix}purged/"
        self._entries: dict[str, str] = {}
        self._kinds: dict[str, Kind] = {}
        self._tag_beginnings: dict[str, str] = {}
        self._tagged: defaultdict[str, list[str]] = defaultdict(list)
        for kind in kinds:
            if not _NAME.fullmatch(kind.name):
                raise DeclarationError(f"no kind of cache entries can be called {kind.name!r}")
            if kind.name in self._entries:
                raise DeclarationError(f"two kinds of cache entries are called {kind.name!r}")
            prefix = self._entries[kind.name] = f"{self.prefix}{kind.name}:{kind.version}:"
            self._kinds[prefix] = kind
            self._tag_beginnings[prefix] = "" if kind.tag is None else f"{kind.tag}:"
            if kind.tag is not None:
                if not NAME.fullmatch(kind.tag):
                    raise DeclarationError(f"no tag can be called {kind.tag!r}")
                self._tagged[kind.tag].append(prefix)

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

    def claim(self, name: str) -> str:
        """Where it stands whether the thing ``name`` has begun, or is done."""
        return f"{self._claims}{name}"

    def hot(self, name: str) -> str:
        """Where something stands that is told of hot keys."""
        return f"{self._hot}{name}"

    def is_entry(self, key: str) -> bool:
        """Whether ``key`` is that of an entry, as this process writes them."""
        prefix, _, subject = key.partition("{")
        return prefix in self._kinds and "}" in subject

    def tags(self, key: str, further: Sequence[str] = ()) -> Sequence[str]:
        """The tags of the entry ``key``: that which follows from it, if its kind has one, and ``further`` ones."""
        prefix, _, rest = key.partition("{")
        beginning = self._tag_beginnings[prefix]
        if not beginning:
            return further
        own = beginning + (rest[:-1] if rest.endswith("}") else rest[: rest.rindex("}")])
        return (own, *further) if further else (own,)

    def stamp(self, of: str) -> str:
        """Where the stamp of a tag stands."""
        name, _, identifier = of.partition(":")
        return f"{self._stamps}{name}:{{{identifier}}}"

    def mark(self, of: str) -> str:
        """Where the mark of hard purges of a tag stands."""
        name, _, identifier = of.partition(":")
        return f"{self._marks}{name}:{{{identifier}}}"

    def purge_at(self, name: str) -> tuple[str, bool] | None:
        """Which tag was purged when ``name`` has changed, and whether hard; None when that is no stamp and no mark."""
        for beginning, hard in ((self._stamps, False), (self._marks, True)):
            if name.startswith(beginning):
                space, _, identifier = name[len(beginning) :].partition(":{")
                return named(space, identifier.removesuffix("}")), hard
        return None

    def owned_keys(self, of: str) -> Iterator[str]:
        """Every entry that a tag is the own one of, but for those with a variant."""
        name, _, identifier = of.partition(":")
        prefixes = () if identifier == ANY else self._tagged.get(name, ())
        return (f"{prefix}{{{identifier}}}" for prefix in prefixes)

    def variant_prefixes(self, of: str) -> Iterator[str]:
        """What the entries begin with that have a variant, and that a tag is the own one of."""
        name, _, identifier = of.partition(":")
        return (f"{prefix}{{{identifier}}}" for prefix in self._tagged.get(name, ()) if self._kinds[prefix].varied)


def beginning_of_variant(key: str) -> str:
    """What the ``key`` of an entry that has a variant begins with; "" for all others."""
    if key.endswith("}"):
        return ""
    beginning, brace, _ = key.rpartition("}")
    return beginning + brace
