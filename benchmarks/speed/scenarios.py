"""The scenarios: a server, a workload, and what one wants to know by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.speed import hits, targets, workloads
from benchmarks.speed.targets import Target
from benchmarks.speed.workloads import Workload


@dataclass(frozen=True)
class Scenario:
    """A row of the table."""

    name: str
    says: str
    target: Target
    workload: Workload


GATEWAY: Final = (
    Scenario("hit", "one user, in memory", targets.GATEWAY, workloads.HIT),
    Scenario(
        "hit-open", "`hit` by a browser that shows a token, which nobody asks for", targets.GATEWAY, workloads.OPEN
    ),
    Scenario(
        "hit-zipf", "2,000 users in memory, asked for by a Zipf distribution", targets.GATEWAY, workloads.HIT_MANY
    ),
    Scenario("hit-crowd", "one user, 2,000 connections, whose header fields differ", targets.GATEWAY, hits.CROWD),
    Scenario("hit-20k", "one user, whose answer has 20 kB", targets.GATEWAY, hits.KB_20),
    Scenario("hit-200k", "one user, whose answer has 200 kB", targets.GATEWAY, hits.KB_200),
    Scenario("conditional", "the client has it already: 304", targets.GATEWAY, workloads.NOT_MODIFIED),
    Scenario("mixed", "95 % of those 2,000, 5 % asked for the first time", targets.GATEWAY, workloads.MIXED),
    Scenario("cold-shared", "first time; the products are known", targets.GATEWAY, workloads.COLD_SHARED),
    Scenario("cold", "first time, nothing is known", targets.GATEWAY, workloads.COLD),
    Scenario("hit-guarded", "`hit-open` with tokens, rate limits and CORS on", targets.GUARDED, workloads.GUARDED),
    Scenario("hit-proxied", "the same of 1,000 users mixed, by way of a proxy", targets.GUARDED, workloads.PROXIED),
    Scenario("refused", "`hit-guarded` beyond the quota: 429", targets.REFUSING, workloads.REFUSED),
    Scenario("hit-not-early", "`hit` with `EARLY_ANSWERS=false`", targets.NOT_EARLY, workloads.HIT),
    Scenario("degraded", "user service down, breaker open, stale parts", targets.DEGRADED, workloads.DEGRADED),
    Scenario("two-workers", "`hit-zipf` with `WORKERS=2`", targets.TWO_WORKERS, workloads.HIT_MANY),
)

FLOORS: Final = (
    Scenario("bare", "Sanic sends ready bytes", targets.BARE, workloads.READY_BYTES),
    Scenario("raw", "a protocol on uvloop sends ready bytes", targets.RAW, workloads.READY_BYTES),
    Scenario("raw-crowd", "the same over the connections of `hit-crowd`", targets.RAW, hits.RAW_CROWD),
    Scenario("raw-20k", "the same with the bytes of `hit-20k`", targets.RAW_20K, hits.RAW_20K),
    Scenario("raw-200k", "the same with the bytes of `hit-200k`", targets.RAW_200K, hits.RAW_200K),
    Scenario("calls", "Sanic and aiohttp make the three calls", targets.CALLS, workloads.BARE_CALLS),
)

OBSERVING: Final = "observing"
"""The name of the group below."""

OBSERVED: Final = "observed"
"""What is not taken out in the first of them."""

WITHOUT: Final = tuple(
    Scenario(f"{base}-{name}", f"`{base}` {words}", target, workload)
    for name, words, target in (
        (OBSERVED, "as it is", targets.OBSERVED),
        ("without-metrics", "without metrics", targets.WITHOUT_METRICS),
        ("without-log", "without access lines", targets.WITHOUT_LOG),
        ("without-trace", "without new request and trace ids", targets.WITHOUT_TRACE),
    )
    for base, workload in (("hit", workloads.HIT), ("cold", workloads.COLD))
)


def chosen(only: Sequence[str]) -> Sequence[Scenario]:
    """The scenarios of these names, and what they are held against; all of them when none is named."""
    if not only:
        return (*GATEWAY, *FLOORS, *WITHOUT)
    wanted = set(only)
    compared = (*GATEWAY, *FLOORS)
    wanted |= {floor for scenario in compared if scenario.name in wanted for floor in scenario.workload.floors}
    without = WITHOUT if OBSERVING in only else ()
    return (*(scenario for scenario in compared if scenario.name in wanted), *without)


def names() -> Sequence[str]:
    """What one can ask for alone."""
    return [*(scenario.name for scenario in (*GATEWAY, *FLOORS)), OBSERVING]
