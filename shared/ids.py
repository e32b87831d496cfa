"""Identifiers that may stand in a path, a cache key and a log line alike."""

import re
from typing import Annotated

import msgspec

from shared.errors import InvalidInput

CHARACTERS = "[A-Za-z0-9_-]{1,64}"
PATTERN = rf"^{CHARACTERS}$(?!\n)"
"""Of Python and of JSON Schema alike; the end forbids the newline that ``$`` alone would overlook."""

DESCRIPTION = "1 to 64 characters of A-Z, a-z, 0-9, _ and -"

Id = Annotated[str, msgspec.Meta(pattern=PATTERN, description=DESCRIPTION)]
"""An identifier inside a typed struct."""

_matches = re.compile(PATTERN).match


def is_id(text: str) -> bool:
    """Whether ``text`` is an identifier."""
    return _matches(text) is not None


def checked(name: str, text: str) -> str:
    """``text`` when it is an identifier.

    Raises:
        InvalidInput: naming the parameter ``name`` and the rule.
    """
    if not is_id(text):
        raise InvalidInput(f"{name} must be {DESCRIPTION}.")
    return text
