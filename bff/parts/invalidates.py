"""The declaration that events outdate what is kept of a part, and of all that is made of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Final

from shared.cache.tags import is_tag
from shared.errors import DeclarationError
from shared.events.cloud_event import CloudEvent

MAX_TAGS: Final = 128
"""That one event may outdate, at most."""

_is_type = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,1024}").fullmatch


class WrongTags(ValueError):
    """An event of a declared type does not tell, in the way in which it should, what it outdates."""


@dataclass(frozen=True, slots=True, eq=False)
class Invalidates:
    """Whatever carries one of the tags that ``tags_of`` finds in an event of this ``type`` is outdated by it.

    Such as ``Invalidates("com.example.product.changed.v1", lambda event: [f"product:{event.subject}"])``.
    """

    type: str
    tags_of: Callable[[CloudEvent], Iterable[str]]

    def __post_init__(self) -> None:
        """Raises ``DeclarationError`` where no event can be of that type, or nothing finds tags in one."""
        if not _is_text(self.type, _is_type):
            raise DeclarationError(f"no event can be of the type {self.type!r}")
        try:
            signature(self.tags_of).bind("event")
        except TypeError:
            raise DeclarationError(
                f"events of the type {self.type!r}: their tags are found by no function of one"
            ) from None

    def tags(self, event: CloudEvent) -> Sequence[str]:
        """The tags in ``event``, each once.

        Raises:
            WrongTags: there are others, or too many, or none can be found.
        """
        try:
            tags = dict.fromkeys(self.tags_of(event))
        except Exception as error:  # whatever the declaration does not expect in an event
            raise WrongTags from error
        if len(tags) > MAX_TAGS or not all(_is_text(tag, is_tag) for tag in tags):
            raise WrongTags
        return list(tags)


def _is_text(one: object, matches: Callable[[str], object]) -> bool:
    return isinstance(one, str) and bool(matches(one))


def check_outdated_by(declared: object) -> Sequence[Invalidates]:
    """What a part is declared to be outdated by.

    Raises:
        DeclarationError: it is something else.
    """
    if not isinstance(declared, Sequence) or not all(isinstance(one, Invalidates) for one in declared):
        raise DeclarationError("what it is outdated by is no tuple of Invalidates; that of one has a comma: (ONE,)")
    return declared
