"""Asks for several things at once, and sifts out those that the service refuses, so that they cost the others nothing.

A batch that is refused is halved until the refused ids stand alone. An id counts as refused only where the service
takes others: one that takes nothing at all complains of something else than the id.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from bff.parts.batches import Terms
from shared import ids
from shared.errors import Refused, UpstreamError

T = TypeVar("T")

HALVINGS_MOST: Final = 15
"""Each is two calls: with the first one and one to see whether the service takes anything, 32 at most for a batch."""

Ask = Callable[[Sequence[str], Terms], Coroutine[Any, Any, Mapping[str, T]]]
"""One request for these ids; gives what there is, and raises ``UpstreamError``, with a ``rest`` where that is known."""


class Sifted(Generic[T]):
    """What came of asking for several ids.

    Attributes:
        known: by id the thing, or None where the service knows of none.
        refused: those of them that the service does not take.
        lost: by id why nothing is known of it.
    """

    __slots__ = ("accepted", "known", "lost", "refused")

    def __init__(self) -> None:
        self.accepted = False
        self.known: dict[str, T | None] = {}
        self.refused: Sequence[str] = ()
        self.lost: dict[str, UpstreamError] = {}

    def lose(self, some: Sequence[str], error: UpstreamError) -> None:
        """Nothing is known of these."""
        self.lost |= dict.fromkeys(some, error)


class Sieve(Generic[T]):
    """Asks one service."""

    def __init__(self, ask: Ask[T]) -> None:
        self._ask = ask
        self._witness: str | None = None  # a thing that the service has given: one that takes anything takes this

    async def ask(self, batch: Sequence[str], terms: Terms) -> Sifted[T]:
        """What the service knows of ``batch``; raises nothing of the service's."""
        sifted: Sifted[T] = Sifted()
        refusal = await self._try(batch, terms, sifted)
        if refusal is not None:
            await self._sift(batch, refusal, terms, sifted)
        return sifted

    async def _try(self, batch: Sequence[str], terms: Terms, sifted: Sifted[T]) -> Refused | None:
        """Ask once, and note what is learnt; a refusal is returned."""
        try:
            async with terms.slots:
                found = await self._ask(batch, terms)
        except Refused as refusal:
            return refusal
        except UpstreamError as error:
            rest = error.rest or {}
            sifted.known |= rest
            sifted.lose([one for one in batch if one not in rest], error)
            sifted.accepted = sifted.accepted or bool(rest)
            return None
        for one in batch:
            sifted.known[one] = found.get(one)
        sifted.accepted = True
        for one in found:
            self._witness = one
            break
        return None

    async def _sift(self, batch: Sequence[str], refusal: Refused, terms: Terms, sifted: Sifted[T]) -> None:
        witness = self._witness
        if witness is not None and witness not in batch:
            other: Sifted[T] = Sifted()
            await self._try([witness], terms, other)
            if not other.accepted:
                sifted.lose(batch, refusal)
                return
            sifted.accepted = True
        alone = await self._alone(batch, refusal, terms, sifted)
        if not sifted.accepted and (len(batch) > 1 or witness is not None):
            sifted.lose([one for one in alone if ids.is_id(one)], refusal)
        sifted.refused = [one for one in alone if one not in sifted.lost]
        sifted.known |= dict.fromkeys(sifted.refused)

    async def _alone(self, batch: Sequence[str], refusal: Refused, terms: Terms, sifted: Sifted[T]) -> Sequence[str]:
        """The ids in ``batch`` that are refused by themselves; depth first, so that something is learnt in any case."""
        if len(batch) == 1:
            return batch
        alone: list[str] = []
        groups = [batch]
        for _ in range(HALVINGS_MOST):
            if not groups:
                break
            group = groups.pop()
            halves = group[: len(group) // 2], group[len(group) // 2 :]
            refusals = await asyncio.gather(*(self._try(half, terms, sifted) for half in halves))
            for half, refused in zip(halves, refusals, strict=True):
                if refused is not None and len(half) > 1:
                    groups.append(half)
                elif refused is not None:
                    alone.extend(half)
        for group in groups:
            sifted.lose(group, refusal)
        return alone
