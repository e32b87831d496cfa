"""The sources of all declared parts, as the loader of an aggregate sees them."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from bff.parts.keyed import KeyedPart
from bff.parts.keyed_source import KeyedSource
from bff.parts.part import Part
from bff.parts.single import SinglePart
from bff.parts.single_source import SingleSource
from shared.cache.cache import Value
from shared.cache.loader import Loading
from shared.errors import DeclarationError

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
T = TypeVar("T")
Coro = Coroutine[Any, Any, T]

AnyPart = SinglePart[Any] | KeyedPart[Any]
"""A declared part of either sort."""


@dataclass(frozen=True, slots=True)
class PartSources:
    """The sources of a whole app: by the name of the part what gives it."""

    single: Mapping[str, SingleSource[Any]]
    keyed: Mapping[str, KeyedSource[Any]]

    def of(self, loading: Loading, wanted: AbstractSet[str] | None = None) -> "Sources":
        """The sources as one load sees them, of which the parts of these names are ``wanted``; None for all."""
        return Sources(self, loading, wanted)


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources for one load; ``values`` collects what is to be kept afterwards.

    No service is asked for a part that is not wanted: it is ``omitted``, whatever it would have been.
    """

    _all: PartSources
    loading: Loading
    _wanted: AbstractSet[str] | None = None
    values: list[Value] = field(default_factory=list)

    @overload
    def take(self, part: SinglePart[T], /, *identifiers: object, **parameters: object) -> Coro[Part[T]]: ...

    @overload
    def take(self, part: KeyedPart[T], identifiers: Iterable[object], /) -> Coro[Part[Mapping[str, T]]]: ...

    def take(self, part: AnyPart, /, *identifiers: Any, **parameters: object) -> Coro[Part[Any]]:
        """A part: ``take(USER, user_id)``, ``take(PRODUCTS, product_ids)``; await it, once.

        What stands in the path of a single part is given in that order, or by name. Of a keyed part, things that its
        service does not know are left out. Whoever listens to the load is told of the part as soon as it is known.

        Raises:
            DeclarationError: these are not what stands in its path.
        """
        if self._wanted is not None and part.name not in self._wanted:
            return _omitted()
        if isinstance(part, SinglePart):
            names = part.path.parameters
            if len(identifiers) + len(parameters) != len(names):
                raise DeclarationError(f"part {part.name!r} takes {', '.join(names) or 'nothing'}")
            given = {name: str(value) for name, value in zip(names, identifiers, strict=False)}
            if parameters:
                given |= {name: str(value) for name, value in parameters.items() if name in names}
                if len(given) != len(names):
                    raise DeclarationError(f"part {part.name!r} takes {', '.join(names)}")
            return self._all.single[part.name].get(given, self.loading, self.values.append)
        (wanted,) = identifiers
        return self._all.keyed[part.name].get(map(str, wanted), self.loading)

    @overload
    async def together(self, first: Awaitable[A], second: Coro[B], /) -> tuple[A, B]: ...

    @overload
    async def together(self, first: Awaitable[A], second: Coro[B], third: Coro[C], /) -> tuple[A, B, C]: ...

    @overload
    async def together(
        self, first: Awaitable[A], second: Coro[B], third: Coro[C], fourth: Coro[D], /
    ) -> tuple[A, B, C, D]: ...

    async def together(self, first: Awaitable[Any], /, *others: Coro[Any]) -> tuple[Any, ...]:
        """What all of these give, done side by side; the first error that one raises ends the others.

        So none goes on when nobody waits for it any more, and keeps a batch call open that other requests have joined.
        """
        return await _together(first, others)


async def _omitted() -> Part[Any]:
    return Part.omitted()


async def _together(first: Awaitable[Any], others: Iterable[Coro[Any]]) -> tuple[Any, ...]:
    """The first is awaited in the current task, which spares one."""
    current = asyncio.current_task()
    assert current is not None  # noqa: S101 - a coroutine runs in a task
    failed: list[asyncio.Task[Any]] = []
    is_first = True

    def ended(task: "asyncio.Task[Any]") -> None:
        if is_first and not failed and not task.cancelled() and task.exception() is not None:
            failed.append(task)
            current.cancel()

    tasks = [asyncio.create_task(other) for other in others]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        try:
            one = await first
        finally:
            is_first = False
        return (one, await tasks[0]) if len(tasks) == 1 else (one, *await asyncio.gather(*tasks))
    except asyncio.CancelledError:
        if failed and not current.uncancel():
            error = failed[0].exception()
            assert error is not None  # noqa: S101 - that is how it failed
            raise error from None
        raise
    finally:
        for task in tasks:
            task.cancel()
