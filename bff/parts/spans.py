"""A span round each part, with what came of it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from bff.parts.bounds import Bounds
from bff.parts.form import Form
from bff.parts.keyed import KeyedParts
from bff.parts.part import Part
from bff.parts.sieve import Ask
from bff.parts.single import SingleParts
from bff.parts.store import PartStore
from shared.cache.cache import Value
from shared.cache.loader import Loading
from shared.deadline import Deadline
from shared.observing.telemetry.spans import Span, Spans, spanning

T = TypeVar("T")


class SpannedSingleParts(SingleParts):
    """Single parts, each a span."""

    def __init__(self, store: PartStore, kinds: Iterable[str], *, spans: Spans) -> None:
        super().__init__(store, kinds)
        self._spans = spans

    async def get(
        self,
        form: Form[T],
        subject: str,
        call: Callable[[], Awaitable[T | None]],
        loading: Loading,
        keep: Callable[[Value], None],
    ) -> Part[T]:
        """The part ``form.kind`` of ``subject``."""
        with spanning(self._spans, f"part {form.kind}") as span:
            part = await super().get(form, subject, call, loading, keep)
            _record(span, part)
        return part


class SpannedKeyedParts(KeyedParts[T]):
    """Parts of things by id, each part a span."""

    def __init__(self, store: PartStore, form: Form[T], ask: Ask[T], bounds: Bounds, *, spans: Spans) -> None:
        super().__init__(store, form, ask, bounds)
        self._spans = spans
        self._span_name = f"part {form.kind}"

    async def get(self, wanted: Iterable[str], deadline: Deadline, *, renew: bool = False) -> Part[Mapping[str, T]]:
        """The things with these ids."""
        with spanning(self._spans, self._span_name) as span:
            part = await super().get(wanted, deadline, renew=renew)
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
