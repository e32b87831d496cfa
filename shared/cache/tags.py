"""Tags: names of what an entry shows, by which it is outdated wherever it is: ``product:prod1``.

Every entry of a tagged kind carries one that its key tells, its *own*. Further ones stand in the entry: an aggregate
carries those of all that was taken for it.
"""

import re
from collections import Counter
from collections.abc import Iterable
from sys import intern
from typing import Final

MAX_TAGS: Final = 128
"""Further tags of an entry, at most."""
ANY: Final = "*"
"""The id in a tag that is purged with every tag of its name."""

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ID: Final = r"[!-z|~]{1,64}"
PATTERN: Final = rf"^{NAME.pattern}:{_ID}$(?!\n)"
"""Of Python and of JSON Schema alike; ids are visible ASCII without braces."""
DESCRIPTION: Final = "a name, a colon and 1 to 64 visible ASCII characters without braces"

_matches: Final = re.compile(PATTERN).match
_ONE: Final = f"{NAME.pattern}:{_ID}"
_match_all: Final = re.compile(rf"{_ONE}(?:\n{_ONE})*").fullmatch


def is_tag(text: str) -> bool:
    """Whether ``text`` is a tag that something may carry, or that may be purged."""
    return _matches(text) is not None and not text.endswith(f":{ANY}")


def is_tags(text: str) -> bool:
    """Whether ``text`` is one or several tags, each on a line."""
    return _match_all(text) is not None


def are_tags(tags: Iterable[str]) -> bool:
    """Whether all of these are tags."""
    return _match_all("\n".join(tags)) is not None


def named(name: str, identifier: str) -> str:
    """The tag of one thing."""
    return f"{name}:{identifier}"


def any_of(one: str) -> str:
    """The tag that is purged with ``one`` and all others of its name."""
    return f"{one.partition(':')[0]}:{ANY}"


def bounded(tags: Iterable[str]) -> tuple[str, ...]:
    """These, or where they are too many fewer that are purged with them: one in the place of the most of one name.

    Each is one string in memory, however many carry it.
    """
    every = tuple(map(intern, tags if isinstance(tags, dict) else dict.fromkeys(tags)))
    if len(every) <= MAX_TAGS:
        return every
    names = Counter(one.partition(":")[0] for one in every)
    for name, _ in names.most_common():
        every = tuple(dict.fromkeys(any_of(one) if one.startswith(f"{name}:") else one for one in every))
        if len(every) <= MAX_TAGS:
            break
    return every
