"""Builds a client with its policies for each declared service, and the source of each part."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from bff.catalogue import Catalogue
from bff.parts.bounds import Bounds
from bff.parts.keyed import KeyedPart
from bff.parts.keyed_source import KeyedSource
from bff.parts.single import SinglePart
from bff.parts.single_source import SingleSource
from bff.parts.sources import AnyPart, PartSources
from bff.parts.spans import SpannedKeyedSource, SpannedSingleSource
from bff.parts.store import PartStore
from bff.settings import GatewaySettings
from shared.observing import metrics
from shared.observing.telemetry.spans import Spans
from shared.upstream.call import Send
from shared.upstream.logical import Upstream
from shared.upstream.spans import span_attempts
from shared.upstream.transport import Session


def build_transports(settings: GatewaySettings, session: Session) -> Mapping[str, Send]:
    """The innermost sender of each service, over the pooled ``session``; tests put fakes in their place."""
    return {
        name: session.transport(one.url, token=one.token, tls=settings.service_tls(name))
        for name, one in settings.services.items()
    }


def build_upstreams(
    declared: Catalogue, settings: GatewaySettings, transports: Mapping[str, Send], spans: Spans | None = None
) -> Mapping[str, Upstream]:
    """A client of each service over its transport, by name; ``spans`` takes each attempt."""
    for service in declared.services.values():
        metrics.upstream_essential.labels(service.name).set(service.essential)
    return {
        name: Upstream(
            name,
            transports[name],
            settings.policies(name),
            () if spans is None else (span_attempts(spans, name, one.url),),
        )
        for name, one in settings.services.items()
    }


def build_sources(
    declared: Catalogue,
    settings: GatewaySettings,
    upstreams: Mapping[str, Upstream],
    store: PartStore,
    spans: Spans | None = None,
) -> PartSources:
    """What gives each part; ``spans`` takes a span of each."""
    single = SingleSource if spans is None else partial(SpannedSingleSource, spans=spans)
    keyed = KeyedSource if spans is None else partial(SpannedKeyedSource, spans=spans)
    singles, keyeds = {}, {}
    for part in declared.parts.values():
        call, own = upstreams[part.service.name].call, _with_own_times(store, part)
        if isinstance(part, SinglePart):
            singles[part.name] = single(part, call, own)
        else:
            keyeds[part.name] = keyed(part, call, own, _bounds(settings, part))
    return PartSources(singles, keyeds)


def _with_own_times(store: PartStore, part: AnyPart) -> PartStore:
    ttl = store.ttl if part.ttl is None else part.ttl
    stale = store.stale if part.stale is None else part.stale
    return replace(store, ttl=ttl, stale=stale)


def _bounds(settings: GatewaySettings, part: KeyedPart[object]) -> Bounds:
    policies = settings.policies(part.service.name)
    return Bounds(
        max_ids=settings.parts[part.name].max_ids,
        max_calls=max(1, policies.concurrency // 4),
        call_timeout=policies.timeout,
    )
