"""What holds of every declared part, of either sort."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from shared.cache.entry import LONGEST_SECONDS
from shared.cache.tags import NAME, is_tag
from shared.errors import BadResponse, DeclarationError
from shared.settings import values

T = TypeVar("T")

_TIMES: Final = {"ttl": values.seconds(1, LONGEST_SECONDS), "stale": values.seconds(0, LONGEST_SECONDS)}
"""A document tells how long it counts as current in whole seconds, from 1."""


@contextmanager
def declaring(part: str, **times: float | None) -> Iterator[None]:
    """Check the times of a ``part``, its ``ttl`` and ``stale`` in seconds, and name it in every contradiction within.

    Raises:
        DeclarationError: there is one.
    """
    try:
        for what, seconds in times.items():
            _check(what, seconds)
        yield
    except DeclarationError as error:
        raise DeclarationError(f"part {part!r}: {error}") from error


def tag_of(parameter: str) -> str:
    """The name of the tag that what is about a ``parameter`` carries: ``user`` of a ``user_id``."""
    return parameter.removesuffix("_id")


def checked_tag(name: str | None) -> str | None:
    """The ``name`` of a tag, or None.

    Raises:
        DeclarationError: it is none.
    """
    if name is not None and not NAME.fullmatch(name):
        raise DeclarationError(f"no tag can be called {name!r}")
    return name


def tags_in(value: T, tags_of: Callable[[T], Iterable[str]] | None) -> tuple[str, ...]:
    """The further tags that ``tags_of`` finds in a value; what is no tag is ignored: nobody can purge it.

    Raises:
        BadResponse: it cannot tell, of what a service has sent.
    """
    if tags_of is None:
        return ()
    try:
        return tuple(filter(is_tag, tags_of(value)))
    except Exception as error:
        raise BadResponse(f"its tags cannot be told ({type(error).__name__})") from error


def _check(what: str, seconds: float | None) -> None:
    kind = _TIMES[what]
    try:
        if seconds is not None:
            kind.parse(repr(seconds))
    except ValueError:
        raise DeclarationError(f"{what} {seconds!r} is not {kind.expected}") from None
