"""The model's tables, in which every figure says how it is known."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from benchmarks.common.tables import table
from benchmarks.scale.inputs import COSTS, Inputs, assumptions, costs
from benchmarks.scale.plan import Plan, most_users, plan

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_BOTH: Final = "simulated, measured"
_GIGABYTE: Final = 1e9
_MEGABYTE: Final = 1e6

_TEXTS: Final = ("known", "means", "by")
_CALLS: Final = ("user", "orders", "products")

_ROWS: Final[Sequence[tuple[str, Callable[[Plan], str], str]]] = (
    ("requests/s in the busiest hour", lambda p: _number(p.inputs.rate), "assumed"),
    ("of these, hits in memory", lambda p: _share(p.shares["memory"]), "simulated"),
    ("hits in Redis", lambda p: _share(p.shares["redis"]), "simulated"),
    ("loads", lambda p: _share(p.shares["loads"]), "simulated"),
    ("early refreshes, beside these", lambda p: _share(p.shares["early"]), "simulated"),
    ("**processes**", lambda p: f"**{p.processes}**", _BOTH),
    ("each uses of its processor", lambda p: _share(p.busy), _BOTH),
    ("hosts, one of which may fail", lambda p: str(p.hosts), _BOTH),
    ("calls/s to services", lambda p: _number(p.calls), "simulated"),
    ("user + orders + products", lambda p: " + ".join(_number(p.rate(name)) for name in _CALLS), "simulated"),
    ("Redis: commands/s", lambda p: _number(p.commands), "simulated"),
    ("Redis: of one processor", lambda p: _share(p.redis_busy), _BOTH),
    ("Redis: entries, GB", lambda p: _number(p.redis_bytes / _GIGABYTE), _BOTH),
    ("announcements/s to each process", lambda p: _number(p.announced), "simulated"),
    ("of its processor, for these", lambda p: _share(p.hearing), _BOTH),
    ("Redis sends for them, MB/s", lambda p: _number(p.told_bytes / _MEGABYTE), _BOTH),
    ("streams open at a time", lambda p: _number(p.streams), "assumed"),
    ("further loads/s for them", lambda p: _number(p.stream_loads), "assumed"),
)

LEVERS: Final[Sequence[tuple[str, dict[str, Any]]]] = (
    ("as above", {}),
    ("`CACHE_MEMORY_ENTRIES=100000`, `CACHE_MEMORY_MB=1024`", {"entries": 100_000, "memory_mb": 1024.0}),
    ("the balancer keeps each user on one process", {"affinity": 1.0}),
    ("both", {"entries": 100_000, "memory_mb": 1024.0, "affinity": 1.0}),
    ("`CACHE_TTL_SECONDS=60`", {"ttl": 60.0}),
    ("`CACHE_TTL_SECONDS=5`", {"ttl": 5.0}),
    ("no product is shared", {"products": 0}),
    ("products declared with `ttl=300`", {"products_ttl": 300.0}),
)

_LIMITS: Final[Sequence[tuple[str, Callable[[Plan], float], float]]] = (
    ("one Redis uses 60% of its processor", lambda p: p.redis_busy, 0.6),
    ("being told uses 20% of each process", lambda p: p.hearing, 0.2),
    ("Redis sends 1 Gbit/s to tell all", lambda p: p.told_bytes, 125e6),
)


def figures(plans: Sequence[Plan]) -> str:
    """What each of these needs, a column for each."""
    columns = ("users a day", *(f"{each.inputs.users:,}" for each in plans), "known")
    return table(columns, [(says, *map(shown, plans), known) for says, shown, known in _ROWS], _TEXTS)


def levers(start: Plan) -> str:
    """What becomes of ``start`` when one thing is changed."""
    columns = ("what is changed", "processes", "memory", "Redis", "loads", "calls/s", "commands/s", "announcements/s")
    plans = ((says, plan(replace(start.inputs, **changed)) if changed else start) for says, changed in LEVERS)
    return table(columns, [(says, *_short(one)) for says, one in plans])


def limits(start: Plan) -> str:
    """With how many users something comes to its limit, if they behave as in ``start``."""
    found = [(says, most_users(start, figure, bound)) for says, figure, bound in _LIMITS]
    columns = ("what comes to its limit", "users a day", "requests/s")
    each = start.inputs.rate / start.inputs.users
    return table(columns, [(says, _rounded(users), _rounded(users * each)) for says, users in found])


def known() -> str:
    """What is assumed and what is measured."""
    measured = [(f"{getattr(COSTS, one.name):,g}", one.metadata["says"], one.metadata["source"]) for one in costs()]
    return "\n\n".join((assumed(Inputs()), table(("cost", "means", "by"), measured, _TEXTS)))


def assumed(inputs: Inputs) -> str:
    """What is assumed."""
    given = [
        (f"`--{one.name.replace('_', '-')}`", f"{getattr(inputs, one.name):,}", one.metadata["says"])
        for one in assumptions()
    ]
    return table(("assumption", "value", "means"), given, _TEXTS)


def everything(plans: Sequence[Plan]) -> Iterable[str]:
    """All tables, the last of the ``plans`` being what is changed and grown."""
    return figures(plans), levers(plans[-1]), limits(plans[-1]), known()


def _short(one: Plan) -> Sequence[str]:
    shares = one.shares
    hits = (_share(share) for share in (shares["memory"], shares["redis"], shares["loads"]))
    return (str(one.processes), *hits, *map(_number, (one.calls, one.commands, one.announced)))


def _share(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def _number(number: float) -> str:
    if number < 0.01:
        return "< 0.01"
    return f"{number:.2g}" if number < 10 else f"{float(f'{number:.3g}'):,.0f}"


def _rounded(number: float) -> str:
    return f"{float(f'{number:.2g}'):,.0f}"
