"""Whether a target is reachable, so that changes are logged and not requests. Pure: the time is passed in."""

AWAY_SECONDS = 2.0
"""Who has not given one answer for so long, though asked, is away."""


class Reach:
    """Whether one target answers; at first it is taken to."""

    def __init__(self) -> None:
        self._failing_since: float | None = None
        self._away_since: float | None = None

    def failed(self, now: float) -> bool:
        """Take note of a request without an answer.

        Args:
            now: An instant in seconds.

        Returns:
            Whether the target has just been found to be away.
        """
        if self._failing_since is None:
            self._failing_since = now
        if self._away_since is not None or now - self._failing_since < AWAY_SECONDS:
            return False
        self._away_since = self._failing_since
        return True

    def answered(self, now: float) -> float | None:
        """Take note of an answer.

        Args:
            now: An instant in seconds.

        Returns:
            How many seconds the target was away, at the first answer after that; else None.
        """
        away_since, self._away_since, self._failing_since = self._away_since, None, None
        return None if away_since is None else now - away_since
