"""Where all processes write down what they take out of quotas: the seam to what they share."""

from typing import Protocol


class LedgerAway(Exception):
    """It is not known what was written down, if anything."""


class Ledger(Protocol):
    """What is taken, by key, for all processes."""

    @property
    def is_up(self) -> bool:
        """Whether it can be asked at the moment."""

    def remembers(self) -> float:
        """For how many seconds it has lost nothing, as far as this process knows; infinite where nothing is known."""

    async def take(self, key: str, amount: int, seconds: float) -> int:
        """Write down that ``amount`` more is taken; how much that makes together. Kept for at least ``seconds``.

        Raises:
            LedgerAway: it cannot be told.
        """
