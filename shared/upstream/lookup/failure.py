"""The one error of look-ups."""

from shared.errors import KitError


class LookupFailed(KitError):
    """There is no telling what a name has; the text says why."""
