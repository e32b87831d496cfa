"""The cache: what it is worth, how its tiers are, what it spares the services, and what it takes."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import StackingMode

from deploy.dashboards import links
from deploy.dashboards.blocks import Panel, lines, states
from deploy.dashboards.frame import GATEWAYS, REDIS_RESTARTS, Section, board
from deploy.dashboards.links import Place
from deploy.dashboards.look import Limit, Query, State
from deploy.dashboards.promql import GATEWAY, quantile, rate, total

PLACE: Final = links.CACHE

_HITS: Final = rate("cache_hits_total")
# Loads that were begun early, in the background, kept no client waiting.
_LOADED: Final = f"clamp_min({rate('aggregation_duration_seconds_count')} - {rate('cache_early_refreshes_total')}, 0)"
_IN_PROCESS: Final = rate("cache_coalesced_total", f'{GATEWAY}, scope="process"')
_WAITED: Final = f"({_IN_PROCESS} or vector(0))"
SERVED: Final = f"{_HITS} / ({_HITS} + {_LOADED} + {_WAITED} > 0)"
"""The share of the answers that either tier had."""

_TIER_HITS: Final = rate("cache_hits_total", by="cache_type")
_TIER_MISSES: Final = rate("cache_misses_total", by="cache_type")
_TIER_LOOKUPS: Final = f"({_TIER_HITS} + {_TIER_MISSES})"
_STALE: Final = rate("aggregate_parts_total", f'{GATEWAY}, status="stale"', by="part")
_REDIS_UP: Final = f'min by (instance) (cache_tier_up{{{GATEWAY}, cache_type="redis"}})'
_COHERENT: Final = f"min by (instance) (cache_coherent{{{GATEWAY}}})"


def dashboard() -> model.Dashboard:
    """The cache of the gateways that are chosen."""
    return board(
        PLACE,
        "What the cache is worth, how its two tiers are, what it spares the services, and what it takes.",
        (GATEWAYS,),
        (_worth(), _tiers(), _spared(), _changes(), _contents()),
        (REDIS_RESTARTS,),
    )


def tiers(*, more: Place, span: int) -> Panel:
    """Which tiers were used when."""
    return states(
        "Tier state",
        "Whether each tier takes reads and writes. A bypassed tier costs no answer, only hits.",
        Query(f"min by (instance, cache_type) (cache_tier_up{{{GATEWAY}}})", "{{cache_type}} {{instance}}"),
        State(0, "bypassed", "red"),
        State(1, "up", "green"),
        span=span,
        alert="RedisTierDown",
        more=more,
    )


def _worth() -> Section:
    return Section(
        "What it is worth",
        (
            lines(
                "Answers from the cache",
                "percentunit",
                "Share of the answers that either tier had. Partial answers are not kept: it falls as well while a"
                " service fails. The alert CacheHitRatioFallen compares it with the last hour. Without requests there"
                " is no line.",
                Query(SERVED, "from the cache"),
                at_most=1,
                alert="CacheHitRatioFallen",
            ),
            lines(
                "Answers by origin",
                "ops",
                "Share of the answers that memory had, that Redis had after a miss in memory, that waited for a load"
                " which another request had begun, and that were loaded. Early refreshes keep nobody waiting and are"
                " not in it.",
                Query(rate("cache_hits_total", f'{GATEWAY}, cache_type="memory"'), "memory"),
                Query(rate("cache_hits_total", f'{GATEWAY}, cache_type="redis"'), "redis"),
                Query(_WAITED, "waited"),
                Query(_LOADED, "loaded"),
                stacking=StackingMode.PERCENT,
            ),
            lines(
                "Hit ratio by tier",
                "percentunit",
                "Share of the lookups in each tier that found a fresh entry. Redis is asked only for what memory does"
                " not have, so that its ratio is low while memory is coherent. Without lookups there is no line.",
                Query(f"{_TIER_HITS} / ({_TIER_LOOKUPS} > 0)", "{{cache_type}}"),
                at_most=1,
            ),
        ),
    )


def _tiers() -> Section:
    coherence = f"{_COHERENT} + ({_REDIS_UP} or 0 * {_COHERENT})"
    lag = f"max by (instance) (cache_redis_lag_seconds{{{GATEWAY}}}) and on (instance) {_REDIS_UP} == 1"
    return Section(
        "Tiers",
        (
            lines(
                "Lookups by tier",
                "ops",
                "Lookups a second that found a fresh entry (hits) and that did not (misses), by tier. Memory is asked"
                " first, Redis after a miss there; memory that may not be believed is not asked.",
                Query(_TIER_HITS, "{{cache_type}} hits"),
                Query(_TIER_MISSES, "{{cache_type}} misses"),
                span=6,
            ),
            tiers(more=links.REDIS, span=6),
            states(
                "Coherence",
                "How far memory may be believed. Coherent: Redis tells of every change, memory answers first. Blind:"
                " Redis is there but does not tell, so memory is filled and not asked. Alone: there is no Redis, memory"
                " is the cache.",
                Query(coherence, "{{instance}}"),
                State(0, "alone", "blue"),
                State(1, "blind", "orange"),
                State(2, "coherent", "green"),
                span=6,
                alert="CacheNotCoherent",
            ),
            lines(
                "Heartbeat lag",
                "s",
                "Round trip of the last heartbeat on the connection that tells of changes, the slowest worker of each"
                " gateway. At 0.15 s (socket_timeout) the connection is given up. While Redis is bypassed there is no"
                " line.",
                Query(lag, "{{instance}}"),
                span=6,
                limits=(Limit(0.05, "orange"), Limit(0.15, "red")),
            ),
        ),
    )


def _spared() -> Section:
    return Section(
        "What it spares the services",
        (
            lines(
                "Invalidations",
                "cps",
                "Changes of keys a second that Redis has told of: writes and purges of other processes, and what has"
                " expired. What a worker writes itself is not told back to it.",
                Query(rate("cache_invalidations_total", by="instance"), "{{instance}}"),
            ),
            lines(
                "Coalesced loads",
                "ops",
                "Lookups a second that waited for a load which somebody else had begun: another request of the same"
                " process, or another process (redis). Each is a load that the services were spared.",
                Query(rate("cache_coalesced_total", by="scope"), "{{scope}}"),
            ),
            lines(
                "Early refreshes",
                "ops",
                "Loads a second that a hit late in an entry's life began in the background, so that it does not become"
                " a miss.",
                Query(rate("cache_early_refreshes_total", by="instance"), "{{instance}}"),
            ),
            lines(
                "Parts by source",
                "ops",
                "Parts a second by where they came from: the cache (last known good ones too), the service, or a call"
                " that another request had begun. Products count one by one, user and orders once for each aggregate.",
                Query(rate("part_sources_total", by="part, source"), "{{part}} {{source}}"),
                span=12,
            ),
            lines(
                "Stale parts served",
                "ops",
                "Last known good parts a second that stood in for what a service could not give, by part.",
                Query(f"{_STALE} or 0 * {rate('aggregate_parts_total', by='part')}", "{{part}}"),
                span=12,
                alert="StalePartsServed",
                more=links.UPSTREAMS,
            ),
        ),
    )


def _changes() -> Section:
    delay = "event_delay_seconds"
    last = f"max({quantile(1, delay, by='instance')})"
    return Section(
        "What services tell",
        (
            lines(
                "Time from commit to last process",
                "s",
                "From the time that an event has, at which its service committed the change, to when a process had"
                " outdated what it tells of: one event in two, one in a hundred, and the slowest of all gateways."
                " Clocks of two machines differ. Without events there is no line.",
                Query(f"{quantile(0.5, delay)} >= 0", "p50"),
                Query(f"{quantile(0.99, delay)} >= 0", "p99"),
                Query(f"{last} >= 0", "last process"),
                limits=(Limit(0.1, "orange"), Limit(1, "red")),
            ),
            lines(
                "Events",
                "ops",
                "Events a second by what became of them. Every process counts what it reads in Redis: with four of them"
                " each event counts four times. Failed ones come again.",
                Query(rate("events_total", by="outcome"), "{{outcome}}"),
            ),
            states(
                "Events in Redis",
                "Whether every process of a gateway gets ahead in the stream of events. One that has no Redis, or has"
                " lost it, does not.",
                Query(f"min by (instance) (events_readable{{{GATEWAY}}})", "{{instance}}"),
                State(0, "not read", "orange"),
                State(1, "read", "green"),
                alert="EventsNotRead",
            ),
        ),
    )


def _contents() -> Section:
    return Section(
        "What it holds",
        (
            lines(
                "Memory tier: entries",
                "short",
                "Entries in the memory tier, aggregates and parts, by gateway. The bound is CACHE_MEMORY_ENTRIES for"
                " each worker.",
                Query(total("cache_memory_entries", by="instance"), "{{instance}}"),
            ),
            lines(
                "Memory tier: size",
                "bytes",
                "Bytes that the entries in the memory tier take, with all that belongs to them, by gateway. The bound"
                " is CACHE_MEMORY_MB for each worker.",
                Query(total("cache_memory_bytes", by="instance"), "{{instance}}"),
            ),
            lines(
                "Unreadable entries",
                "cps",
                "Things a second that stood in Redis under a key of the cache and are no entry as the gateway"
                " would have written it. Each costs a miss.",
                Query(rate("cache_unreadable_total", by="instance"), "{{instance}}"),
                limits=(Limit(0.01, "orange"),),
                alert="CacheUnreadable",
            ),
        ),
    )
