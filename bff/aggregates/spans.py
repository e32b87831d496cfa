"""A span round each load of an aggregate."""

from dataclasses import replace

from bff.aggregates.kind import AggregateKind
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from shared.observing.telemetry.spans import Spans, spanning


def spanned(kind: AggregateKind, spans: Spans) -> AggregateKind:
    """``kind`` with a span round each load, which begins a trace where nobody waits for it."""

    async def load(identifier: str, sources: Sources) -> Aggregate:
        early = {"aggregate.early_refresh": sources.loading.early}
        with spanning(spans, f"aggregate {kind.name}", attributes=early, may_begin=True) as span:
            aggregate = await kind.load(identifier, sources)
            span.set_attribute("aggregate.partial", aggregate.partial)
        return aggregate

    return replace(kind, load=load)
