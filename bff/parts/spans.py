"""A span round each part, with its status."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from bff.parts.bounds import Bounds
from bff.parts.keyed import KeyedPart
from bff.parts.keyed_source import KeyedSource
from bff.parts.part import Part
from bff.parts.single import SinglePart
from bff.parts.single_source import SingleSource
from bff.parts.store import PartStore
from shared.cache.cache import Value
from shared.cache.loader import Loading
from shared.observing.telemetry.spans import Span, Spans, spanning
from shared.upstream.call import Send

T = TypeVar("T")


class SpannedSingleSource(SingleSource[T]):
    """Gives a single part, each time in a span."""

    def __init__(self, part: SinglePart[T], call: Send, store: PartStore, *, spans: Spans) -> None:
        super().__init__(part, call, store)
        self._spans = spans
        self._span_name = f"part {part.name}"

    async def get(self, parameters: Mapping[str, str], loading: Loading, keep: Callable[[Value], None]) -> Part[T]:
        """The part for these ``parameters``."""
        with spanning(self._spans, self._span_name) as span:
            part = await super().get(parameters, loading, keep)
            _record(span, part)
        return part


class SpannedKeyedSource(KeyedSource[T]):
    """Gives a part of things by id, each time in a span."""

    def __init__(self, part: KeyedPart[T], call: Send, store: PartStore, bounds: Bounds, *, spans: Spans) -> None:
        super().__init__(part, call, store, bounds)
        self._spans = spans
        self._span_name = f"part {part.name}"

    async def get(self, wanted: Iterable[str], loading: Loading) -> Part[Mapping[str, T]]:
        """The things with these ids."""
        with spanning(self._spans, self._span_name) as span:
            part = await super().get(wanted, loading)
            _record(span, part)
        return part


def _record(span: Span, part: Part[Any]) -> None:
    span.set_attribute("part.status", part.status)
    if part.age is not None:
        span.set_attribute("part.age", round(part.age, 1))
    if part.reason is not None:
        span.set_attribute("part.reason", part.reason)
    if part.status == "missing":
        span.fail(part.reason or "missing")
