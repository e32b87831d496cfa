"""The gateway's composition root: the only place that knows all its parts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

from sanic import Sanic

from bff.aggregates import AGGREGATES
from bff.aggregates.kind import AggregateKind
from bff.aggregates.spans import spanned
from bff.cache_kinds import cache_kinds
from bff.catalogue import Catalogue, catalogue
from bff.commands import COMMANDS
from bff.commands.kind import AnyCommand
from bff.endpoints.admin import PURGE, REVOKE, TELL
from bff.endpoints.aggregate_loader import BuiltAnswer
from bff.endpoints.aggregate_routes import AggregateRoutes
from bff.endpoints.aggregates import AggregateEndpoint
from bff.endpoints.cache_stats import CacheStats
from bff.endpoints.commands import CommandRoute
from bff.endpoints.events import EventRoutes
from bff.endpoints.health import Health
from bff.endpoints.index import index
from bff.endpoints.purge import Purge
from bff.endpoints.revocations import LOG, RevocationRoutes
from bff.events.outdating import REMEMBERED_SECONDS, Outdating
from bff.pages import docs
from bff.pages.assets import Assets
from bff.pages.swagger_ui import swagger_ui_files
from bff.parts.store import PartStore
from bff.representation import representations
from bff.settings import GatewaySettings
from bff.upstreams import build_sources, build_transports, build_upstreams
from shared.cache.build import build_cache
from shared.cache.cache import Cache
from shared.cache.claims import Claims
from shared.cache.event_stream import EventStream
from shared.cache.read_through import ReadThrough
from shared.cache.throttle import Throttle
from shared.cache.tiered import CacheAlias
from shared.cache.warming import Warming
from shared.deadline import Clock, since_boot
from shared.edge.access import OPERATIONS
from shared.edge.credentials import Credentials
from shared.http.early_answers import EarlyAnswers
from shared.http.load_shedder import LoadShedder
from shared.http.protected_resource_route import ProtectedResourceRoute
from shared.http.streams.places import Places
from shared.http.streams.streams import Streams
from shared.observing.telemetry.build import spans_for
from shared.observing.telemetry.spans import Spans
from shared.seen_through import SeenThrough
from shared.serving.app import Resource, build_app
from shared.serving.edge import BuiltEdge
from shared.upstream.call import Send
from shared.upstream.concrete import Concrete
from shared.upstream.transport.session import Session

SERVICE: Final = "api-gateway"
DESCRIPTION: Final = (
    "Puts together what clients would else ask several services for, and answers from its cache where it can. "
    "HEAD works wherever GET does, and OPTIONS tells what works."
)


def create_app(
    settings: GatewaySettings,
    *,
    transports: Mapping[str, Send | Concrete] | None = None,
    cache: Cache | None = None,
    kinds: Sequence[AggregateKind] = AGGREGATES,
    commands: Sequence[AnyCommand] = COMMANDS,
) -> Sanic[Any, Any]:
    """The gateway for ``settings``.

    ``transports``, ``cache``, ``kinds`` and ``commands`` are the seams where tests put their own.
    """
    spans = spans_for(SERVICE, settings)
    declared = catalogue(kinds, commands)
    kinds = declared.kinds if spans is None else [spanned(kind, spans) for kind in declared.kinds]
    session = Session(connection_seconds=settings.upstream_connection)
    resources: list[Resource] = [session]
    if transports is None:
        transports = build_transports(settings, session)
    resources += [one for one in transports.values() if isinstance(one, Concrete)]
    if cache is None:
        cache = gateway_cache(settings, kinds, spans=spans)
    shedder = LoadShedder(settings.max_in_flight)
    through: ReadThrough[BuiltAnswer] = ReadThrough(cache, settings.request_budget, busy=lambda: shedder.is_half_full)
    built = BuiltEdge(settings, session, cache, settings.admin_token)
    edge = built.edge
    warming = [Warming(cache)] if settings.warm_from_redis == "true" else []
    outdating = Outdating(declared.events, cache, Claims(cache.redis, cache.keys, REMEMBERED_SECONDS))
    resources += [
        cache,
        *_event_streams(settings, declared, cache, outdating),
        *warming,
        CacheAlias(cache, settings.redis_url, SERVICE),
        *built.resources,
        through,
    ]
    upstreams = build_upstreams(declared, settings, transports, spans)
    store = PartStore(
        cache,
        Throttle(settings.cache_throttle, settings.cache_memory_entries, cache.clock),
        ttl=settings.cache_ttl,
        stale=settings.cache_stale,
        negative_ttl=settings.cache_negative_ttl,
    )
    sources = build_sources(declared, settings, upstreams, store, spans)
    endpoint = partial(
        AggregateEndpoint, settings=settings, cache=cache, through=through, sources=sources, shedder=shedder
    )
    endpoints = [(kind, [endpoint(one) for one in representations(kind)]) for kind in kinds]
    seen_through = SeenThrough()
    resources.append(seen_through)
    commanding = partial(
        CommandRoute,
        outdate=cache.purge_tags,
        seen_through=seen_through,
        shedder=shedder,
        budget=settings.request_budget,
    )
    early = EarlyAnswers(edge) if settings.early_answers == "true" and spans is None else None
    if early is not None:
        for one in chain.from_iterable(served for _, served in endpoints):
            early.declare(one.early_route())
    allowed = edge.has_admin or edge.asks
    streams = Streams(
        Places(settings.streams_max, settings.streams_per_subject),
        edge,
        seconds=settings.stream_seconds,
        leeway=settings.auth_leeway,
    )
    credentials = Credentials("events", settings.events_token, settings.events_hmac_key)
    admin: list[Purge | EventRoutes | RevocationRoutes] = [Purge(declared.kinds, cache)] if allowed else []
    if allowed or credentials:
        admin.append(EventRoutes(outdating, credentials))
    if allowed:
        admin.append(RevocationRoutes(built.revocations, cache, alone=settings.workers == 1))
        cache.watch_log(LOG, built.revocations, settings.auth_revocation)
    admin_links = {name: link for one in admin for name, link in one.links.items()}
    swagger_ui = swagger_ui_files()
    further = {"docs": docs.PATH} if swagger_ui else {}
    metadata = _metadata(settings, declared)
    if metadata is not None:
        further["protected_resource"] = metadata.path
    assets = Assets.with_own(swagger_ui)
    return build_app(
        SERVICE,
        settings,
        description=DESCRIPTION,
        resources=resources,
        ready=lambda: edge.is_ready and not shedder.is_overloaded,
        routes=[
            *(AggregateRoutes(kind, served, cache, streams) for kind, served in endpoints),
            *(commanding(one, upstreams[one.service.name].call) for one in declared.commands),
            index(SERVICE, declared, further, admin_links, assets, asks=edge.asks),
            partial(docs.docs_route, SERVICE, assets, installed=bool(swagger_ui)),
            assets.routes,
            Health(
                SERVICE,
                upstreams,
                cache,
                {name: settings.health_path(name) for name in upstreams},
                {name for name, service in declared.services.items() if service.essential},
                edge=edge,
            ).routes,
            CacheStats(cache).routes,
            *(one.routes for one in admin),
            *([] if metadata is None else [metadata]),
        ],
        spans=spans,
        early=early,
        edge=edge,
        reloads=built.reloads,
        streams=streams,
    )


def _event_streams(
    settings: GatewaySettings, declared: Catalogue, cache: Cache, outdating: Outdating
) -> Iterator[EventStream]:
    """What is read of events, where there is a Redis and any are declared."""
    if cache.redis is not None and declared.events:
        yield EventStream(
            settings.events_stream,
            cache.redis,
            outdating.take_written,
            outdating.distrust,
            field="event",
            back=declared.longest_fresh(settings.cache_ttl, settings.cache_negative_ttl),
        )


def _metadata(settings: GatewaySettings, declared: Catalogue) -> ProtectedResourceRoute | None:
    """Where clients find out whose tokens they need, if they need any and it is known where they reach this."""
    if settings.auth == "off" or not settings.auth_resource:
        return None
    accesses = [*(one.access for one in declared.kinds), *(one.access for one in declared.commands)]
    scopes = chain.from_iterable(one.scopes for one in (*accesses, OPERATIONS, PURGE, TELL, REVOKE) if one is not None)
    return ProtectedResourceRoute(settings.auth_resource, settings.auth_issuer, scopes)


def gateway_cache(
    settings: GatewaySettings, kinds: Sequence[AggregateKind], *, clock: Clock = since_boot, spans: Spans | None = None
) -> Cache:
    """The cache for ``settings``: of aggregates of these ``kinds``, and of all parts."""
    declared = catalogue(kinds)
    return build_cache(
        settings.redis_url,
        settings.cache_memory_entries,
        settings.cache_memory * 2**20,
        kinds=cache_kinds(settings, declared),
        longest_life=declared.longest_life(settings.cache_ttl, settings.cache_stale, settings.cache_negative_ttl),
        alone=settings.alone,
        namespace=settings.cache_namespace,
        clock=clock,
        spans=spans,
    )
