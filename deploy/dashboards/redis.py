"""Redis, the cache's primary tier, as its exporter sees it."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from deploy.dashboards import links
from deploy.dashboards.blocks import lines, rows, states
from deploy.dashboards.frame import REDIS_RESTARTS, Section, Variable, board
from deploy.dashboards.look import Limit, Query, State
from deploy.dashboards.promql import rate

PLACE: Final = links.REDIS

_EXPORTERS: Final = Variable("instance", "Exporter", "redis_up", "instance")
_CHOSEN: Final = 'instance=~"$instance"'
_HITS: Final = rate("redis_keyspace_hits_total", _CHOSEN, by="instance")
_MISSES: Final = rate("redis_keyspace_misses_total", _CHOSEN, by="instance")
_COMMANDS: Final = rate("redis_commands_total", _CHOSEN, by="cmd")
_COMMAND_SECONDS: Final = rate("redis_commands_duration_seconds_total", _CHOSEN, by="cmd")


def dashboard() -> model.Dashboard:
    """The Redis servers behind the exporters that are chosen."""
    return board(
        PLACE,
        "Memory, connections, hit ratio and commands of Redis, as its exporter sees it.",
        (_EXPORTERS,),
        (_state(), _memory(), _use()),
        (REDIS_RESTARTS,),
    )


def _gauge(metric: str) -> str:
    return f"{metric}{{{_CHOSEN}}}"


def _state() -> Section:
    return Section(
        "State",
        (
            states(
                "Redis reachable",
                "Whether the exporter reaches Redis. The gateway has a view of its own: the tiers on the dashboard"
                " Cache.",
                Query(_gauge("redis_up"), "{{instance}}"),
                State(0, "down", "red"),
                State(1, "up", "green"),
                span=9,
                height=6,
                alert="RedisTierDown",
                more=links.CACHE,
            ),
            rows(
                "Redis servers",
                "Which Redis there is, and what it does when its memory is full.",
                _gauge("redis_instance_info"),
                ("instance", "redis_version", "redis_mode", "role", "maxmemory_policy"),
                span=9,
                height=6,
            ),
            lines(
                "Redis uptime",
                "s",
                "How long ago Redis has started. After a start the cache is empty.",
                Query(_gauge("redis_uptime_in_seconds"), "{{instance}}"),
                span=6,
                height=6,
            ),
        ),
    )


def _memory() -> Section:
    return Section(
        "Memory and keys",
        (
            lines(
                "Redis memory",
                "bytes",
                "Memory that Redis uses for data, what the system gave it, and its bound; a bound of 0 is none. At the"
                " bound the least recently used keys are evicted.",
                Query(_gauge("redis_memory_used_bytes"), "{{instance}} used"),
                Query(_gauge("redis_memory_used_rss_bytes"), "{{instance}} resident"),
                Query(_gauge("redis_memory_max_bytes"), "{{instance}} bound"),
            ),
            lines(
                "Redis keys",
                "short",
                "Keys in all databases, and those that expire by themselves: every key of the cache does.",
                Query(f"sum by (instance) ({_gauge('redis_db_keys')})", "{{instance}} keys"),
                Query(f"sum by (instance) ({_gauge('redis_db_keys_expiring')})", "{{instance}} expiring"),
            ),
            lines(
                "Redis keys gone",
                "cps",
                "Keys a second that expired, and that were evicted before their time because memory was full.",
                Query(rate("redis_expired_keys_total", _CHOSEN, by="instance"), "{{instance}} expired"),
                Query(rate("redis_evicted_keys_total", _CHOSEN, by="instance"), "{{instance}} evicted"),
            ),
        ),
    )


def _use() -> Section:
    return Section(
        "Use",
        (
            lines(
                "Redis connections",
                "short",
                "Clients connected, those of them that are told of changes (one a worker), and those that wait in a"
                " blocking command.",
                Query(_gauge("redis_connected_clients"), "{{instance}} connected"),
                Query(_gauge("redis_tracking_clients"), "{{instance}} tracking"),
                Query(_gauge("redis_blocked_clients"), "{{instance}} blocked"),
            ),
            lines(
                "Redis hit ratio",
                "percentunit",
                "Share of the lookups of keys that found one. It is low while the gateways' memory answers first, and"
                " counts lookups of other clients too. Without lookups there is no line.",
                Query(f"{_HITS} / ({_HITS} + {_MISSES} > 0)", "{{instance}}"),
                at_most=1,
            ),
            lines(
                "Redis hits and misses",
                "ops",
                "Lookups of keys a second that found one, and that did not.",
                Query(_HITS, "{{instance}} hits"),
                Query(_MISSES, "{{instance}} misses"),
            ),
            lines(
                "Redis commands",
                "ops",
                "Commands a second, of all clients.",
                Query(rate("redis_commands_processed_total", _CHOSEN, by="instance"), "{{instance}}"),
                span=6,
            ),
            lines(
                "Redis commands by kind",
                "ops",
                "The eight commands that are sent most, a second.",
                Query(f"topk(8, {_COMMANDS})", "{{cmd}}"),
                span=6,
            ),
            lines(
                "Redis time per command",
                "s",
                "What one command takes Redis on average, network apart; the eight that take longest.",
                Query(f"topk(8, {_COMMAND_SECONDS} / ({_COMMANDS} > 0))", "{{cmd}}"),
                limits=(Limit(0.001, "orange"), Limit(0.01, "red")),
                span=6,
            ),
            lines(
                "Redis network",
                "Bps",
                "Bytes a second that Redis received and, below zero, sent.",
                Query(rate("redis_net_input_bytes_total", _CHOSEN, by="instance"), "{{instance}} received"),
                Query(f"-{rate('redis_net_output_bytes_total', _CHOSEN, by='instance')}", "{{instance}} sent"),
                at_least=None,
                span=6,
            ),
        ),
    )
