"""The points that a change passes from the database to whoever is told of it: a seam, for tests that end there."""

from collections.abc import Callable

Passing = Callable[[str], None]
"""Called with ``committed`` after a change, then ``taken`` before its event is told, ``told``, and ``forgotten``."""


def unnoticed(_point: str) -> None:
    """Nobody waits there."""
