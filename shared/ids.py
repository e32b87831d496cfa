"""Identifiers that are safe in a path, a cache key and a log line, and their types.

Inside they are text of one form each, whatever their type: two texts that differ name two things.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from shared.errors import DeclarationError, InvalidInput

CHARACTERS = "[A-Za-z0-9_-]{1,64}"
PATTERN = rf"^{CHARACTERS}$(?!\n)"
"""Of Python and of JSON Schema alike; the end forbids the newline that ``$`` alone would overlook."""

DESCRIPTION = "1 to 64 characters of A-Z, a-z, 0-9, _ and -"

Id = Annotated[str, msgspec.Meta(pattern=PATTERN, description=DESCRIPTION)]
"""An identifier inside a typed struct."""

_matches = re.compile(PATTERN).match


def is_id(text: str) -> bool:
    """Whether ``text`` is an identifier of whatever type."""
    return _matches(text) is not None


@dataclass(frozen=True, slots=True)
class IdType:
    """What the identifiers of one sort of thing look like.

    Attributes:
        characters: a regular expression for the one text that each has; all of them are identifiers.
        description: of these, for people; ends a sentence.
        schema: of these, as JSON Schema has it in a path.
        canonical: makes that text of others that mean the same.
        as_json: what a service is sent.
    """

    characters: str
    description: str
    schema: Mapping[str, object]
    canonical: Callable[[str], str] = str
    as_json: Callable[[str], object] = str
    _matches: "re.Pattern[str]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the expression."""
        object.__setattr__(self, "_matches", re.compile(self.characters))

    @property
    def pattern(self) -> str:
        """The regular expression of a whole text, of Python and of JSON Schema alike."""
        return f"^(?:{self.characters})$"

    def checked(self, name: str, text: str) -> str:
        """``text``, or the text that means the same.

        Raises:
            InvalidInput: it is none of these; names the parameter ``name`` and the rule.
        """
        found = text if self.has(text) else self.canonical(text)
        if self.has(found):
            return found
        raise self.refusal(name)

    def refusal(self, name: str) -> InvalidInput:
        """What is said of a parameter ``name`` that is none of these."""
        return InvalidInput(f"{name} must be {self.description}.")

    def has(self, text: str) -> bool:
        """Whether ``text`` is one of these as it stands."""
        return self._matches.fullmatch(text) is not None


TEXT: Final = IdType(CHARACTERS, DESCRIPTION, {"type": "string", "pattern": PATTERN})
INTEGER: Final = IdType(
    "0|[1-9][0-9]{0,17}",
    "a whole number from 0, of at most 18 digits",
    {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    as_json=int,
)
UUID: Final = IdType(
    "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "a UUID",
    {"type": "string", "format": "uuid"},
    canonical=str.lower,
)


def like(pattern: str, description: str) -> IdType:
    """Text that matches ``pattern`` and no more: identifiers of one's own, such as ``[a-z]{2}[0-9]{6}``.

    Raises:
        DeclarationError: that is no regular expression, or not by itself.
    """
    # Whatever else it takes, it takes no text that cannot stand in a key or a path.
    schema = {"type": "string", "pattern": f"^(?:{pattern})$", "maxLength": 64}
    try:
        re.compile(pattern)  # by itself, for a parenthesis of its own could end ours
        return IdType(rf"(?={CHARACTERS}\Z)(?:{pattern})", description, schema)
    except re.error as error:
        raise DeclarationError(f"{pattern!r} is no regular expression: {error}") from None


def checked(name: str, text: str) -> str:
    """``text`` when it is an identifier.

    Raises:
        InvalidInput: naming the parameter ``name`` and the rule.
    """
    return TEXT.checked(name, text)
