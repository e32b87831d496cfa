"""Batch bisection: finds the ids that a service rejects, so that they do not cost the others of the batch.

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

MAX_HALVINGS: Final = 15
"""Each is two calls: with the first one and one to see whether the service takes anything, 32 at most for a batch."""

Ask = Callable[[Sequence[str], Terms], Coroutine[Any, Any, Mapping[str, T]]]
"""One request for these ids; gives what there is, and raises ``UpstreamError``, with a ``rest`` where that is known."""


class Bisected(Generic[T]):
    """The result of asking for several ids.

    Attributes:
        known: by id the item, or None where the service knows of none.
        refused: those of them that the service does not take.
        failed: by id why nothing is known of it.
    """

    __slots__ = ("accepted", "failed", "known", "refused")

    def __init__(self) -> None:
        self.accepted = False
        self.known: dict[str, T | None] = {}
        self.refused: Sequence[str] = ()
        self.failed: dict[str, UpstreamError] = {}

    def fail(self, item_ids: Sequence[str], error: UpstreamError) -> None:
        """Record an error for these ids."""
        self.failed |= dict.fromkeys(item_ids, error)


class BatchBisection(Generic[T]):
    """Asks one service."""

    def __init__(self, ask: Ask[T]) -> None:
        self._ask = ask
        self._known_good: str | None = None  # an item that the service has given: one that takes anything takes this

    async def ask(self, batch: Sequence[str], terms: Terms) -> Bisected[T]:
        """Ask for ``batch``; errors of the service are in the result."""
        result: Bisected[T] = Bisected()
        refusal = await self._try(batch, terms, result)
        if refusal is not None:
            await self._bisect(batch, refusal, terms, result)
        return result

    async def _try(self, batch: Sequence[str], terms: Terms, result: Bisected[T]) -> Refused | None:
        """Ask once and record the result; returns a rejection."""
        try:
            async with terms.slots:
                found = await self._ask(batch, terms)
        except Refused as refusal:
            return refusal
        except UpstreamError as error:
            rest = error.rest or {}
            result.known |= rest
            result.fail([item_id for item_id in batch if item_id not in rest], error)
            result.accepted = result.accepted or bool(rest)
            return None
        for item_id in batch:
            result.known[item_id] = found.get(item_id)
        result.accepted = True
        for item_id in found:
            self._known_good = item_id
            break
        return None

    async def _bisect(self, batch: Sequence[str], refusal: Refused, terms: Terms, result: Bisected[T]) -> None:
        known_good = self._known_good
        if known_good is not None and known_good not in batch:
            other: Bisected[T] = Bisected()
            await self._try([known_good], terms, other)
            if not other.accepted:
                result.fail(batch, refusal)
                return
            result.accepted = True
        alone = await self._alone(batch, refusal, terms, result)
        if not result.accepted and (len(batch) > 1 or known_good is not None):
            result.fail([item_id for item_id in alone if ids.is_id(item_id)], refusal)
        result.refused = [item_id for item_id in alone if item_id not in result.failed]
        result.known |= dict.fromkeys(result.refused)

    async def _alone(self, batch: Sequence[str], refusal: Refused, terms: Terms, result: Bisected[T]) -> Sequence[str]:
        """The ids in ``batch`` that are rejected alone; depth first, so that some are found in any case."""
        if len(batch) == 1:
            return batch
        alone: list[str] = []
        groups = [batch]
        for _ in range(MAX_HALVINGS):
            if not groups:
                break
            group = groups.pop()
            halves = group[: len(group) // 2], group[len(group) // 2 :]
            refusals = await asyncio.gather(*(self._try(half, terms, result) for half in halves))
            for half, refused in zip(halves, refusals, strict=True):
                if refused is not None and len(half) > 1:
                    groups.append(half)
                elif refused is not None:
                    alone.extend(half)
        for group in groups:
            result.fail(group, refusal)
        return alone
