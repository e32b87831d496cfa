"""The times that a part may declare for itself, where those of all parts do not fit."""

from collections.abc import Mapping

from shared.cache.entry import LONGEST_SECONDS
from shared.errors import DeclarationError


def check_times(name: str, *, ttl: float | None, stale: float | None) -> None:
    """See that what the part ``name`` declares, in seconds, is kept for so long.

    Raises:
        DeclarationError: nothing is.
    """
    least: Mapping[str, tuple[float | None, int]] = {"ttl": (ttl, 1), "stale": (stale, 0)}
    for what, (seconds, low) in least.items():
        if seconds is not None and not low <= seconds <= LONGEST_SECONDS:  # also refuses nan
            raise DeclarationError(f"part {name!r}: its {what} is from {low} to {LONGEST_SECONDS} s, not {seconds:g}")
