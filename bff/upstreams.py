"""Builds a client with its policies for each declared service, and the source of each part."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from bff.catalogue import Catalogue
from bff.parts.bounds import Bounds
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
from shared.upstream.concrete import Concrete
from shared.upstream.logical import Upstream
from shared.upstream.lookup.address import By, targets
from shared.upstream.lookup.find import Find, Finder
from shared.upstream.lookup.location import Location
from shared.upstream.lookup.lookup import Lookup
from shared.upstream.spans import span_attempts
from shared.upstream.transport.session import Session
from shared.upstream.transport.transport import Transport


def build_transports(settings: GatewaySettings, session: Session) -> Mapping[str, Send | Concrete]:
    """What reaches each service over the pooled ``session``; tests put fakes in their place."""
    find = Finder()
    return {name: _transport(settings, session, find, name) for name in settings.services}


def _transport(settings: GatewaySettings, session: Session, find: Find, name: str) -> Send | Concrete:
    one = settings.services[name]
    reach = partial(session.transport, token=one.token, tls=settings.service_tls(name))
    where = targets(one.url)
    if [target.by for target in where] == [By.ADDRESS]:
        return reach(one.url)

    def connect(location: Location) -> Transport:
        return reach(location.base_url, hosts=location.hosts, port=location.port)

    return Concrete(name, partial(Lookup, name, where, find), connect, hedged=settings.upstream_hedge == "p95")


def build_upstreams(
    declared: Catalogue,
    settings: GatewaySettings,
    transports: Mapping[str, Send | Concrete],
    spans: Spans | None = None,
) -> Mapping[str, Upstream]:
    """A client of each service over its transport, by name; ``spans`` takes each attempt."""
    for service in declared.services.values():
        metrics.upstream_essential.labels(service.name).set(service.essential)
    return {
        name: Upstream(
            name,
            transports[name],
            settings.policies(name),
            () if spans is None else (span_attempts(spans, name, targets(one.url)[0].url),),
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
            policies = settings.policies(part.service.name)
            most = max(1, policies.concurrency // 4)
            bounds = Bounds(settings.parts[part.name].max_ids, max_calls=most, call_timeout=policies.timeout)
            keyeds[part.name] = keyed(part, call, own, bounds)
    return PartSources(singles, keyeds)


def _with_own_times(store: PartStore, part: AnyPart) -> PartStore:
    ttl = store.ttl if part.ttl is None else part.ttl
    stale = store.stale if part.stale is None else part.stale
    return replace(store, ttl=ttl, stale=stale)
