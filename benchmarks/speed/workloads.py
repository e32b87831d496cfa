"""What is asked of a server, what must be so before it is asked, and what has to come back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from benchmarks.common.kinds import Kind, kind_of
from benchmarks.common.people import OWN
from benchmarks.common.process import CannotRun
from benchmarks.speed.popular import NEW, PROFILE, draws, paths
from benchmarks.speed.stage import Stage
from benchmarks.speed.targets import ORIGIN
from benchmarks.speed.wrk import Load

_DRAWS: Final = 50_000
_STALE_PEOPLE: Final = 20_000
"""So many that each is asked for less than once in a second, after which what the services said is over."""
_OPENING_CALLS: Final = 40
_CLIENTS: Final = 1_000
_BEYOND_QUOTA: Final = 10
_ZSTD: Final = {"Accept-Encoding": "zstd"}
_PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Workload:
    """A load and what it means.

    Attributes:
        prepare: brings about what must be so, and gives the load.
        calls: to the services for each request.
        status: of every answer.
        kind: what an answer is worth; None for a server that does not say.
        cached: whether it comes from the cache, as ``Cache-Status`` has it; None for a server that does not say.
        floors: what it is held against: shares of other scenarios, by their names.
    """

    prepare: Callable[[Stage], Awaitable[Load]]
    calls: float
    status: int = 200
    kind: Kind | None = Kind.COMPLETE
    cached: bool | None = None
    floors: Mapping[str, float] = field(default_factory=dict)


async def _one(stage: Stage) -> Load:
    await stage.ask([PROFILE + "user1"])
    return Load([PROFILE + "user1"])


async def _one_known(stage: Stage) -> Load:
    answer = await stage.client.get(PROFILE + "user1")
    return Load([PROFILE + "user1"], {"If-None-Match": answer.headers["etag"]})


async def _many(stage: Stage) -> Load:
    await stage.ask(paths())
    return Load(draws(_DRAWS))


async def _cold(_stage: Stage) -> Load:
    return Load([PROFILE + OWN + "*"])


async def _cold_shared(stage: Stage) -> Load:
    await stage.ask([PROFILE + "user1"])
    return Load([f"{PROFILE}{NEW}*"])


async def _degraded(stage: Stage) -> Load:
    people = paths(_STALE_PEOPLE)
    await stage.ask(people)
    stage.services["users"].close()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while b"circuit_open" not in (await stage.client.get(people[0])).body:
                await stage.ask(people[:_OPENING_CALLS])
    except TimeoutError:
        raise CannotRun("The breaker does not open, though a service is down.") from None
    return Load(people[_OPENING_CALLS:] + people[:_OPENING_CALLS])


async def _browser(stage: Stage) -> Load:
    """One user with a token, in a browser, on a page of another origin."""
    fields = {"Authorization": f"Bearer {stage.issuer.token('user1')}", "Origin": ORIGIN, **_ZSTD}
    await stage.ask_with([(PROFILE + "user1", fields)])
    return Load([PROFILE + "user1"], fields)


async def _proxied(stage: Stage) -> Load:
    """Many users with tokens of their own, by way of one proxy, which mixes them on the connections it keeps."""
    people, own = paths(_CLIENTS), []
    for number, path in enumerate(people):
        token = stage.issuer.token(path.removeprefix(PROFILE))
        own.append({"Authorization": f"Bearer {token}", "X-Forwarded-For": f"198.18.{number // 250}.{number % 250}"})
    load = Load(people, {"Origin": ORIGIN, **_ZSTD}, own)
    await stage.ask_with((path, load.headers_of(number)) for number, path in enumerate(people))
    return load


async def _refused(stage: Stage) -> Load:
    load = await _browser(stage)
    await stage.ask_with([(load.paths[0], load.headers)] * _BEYOND_QUOTA)
    return replace(load, refused=True)


_FROM_CACHE: Final = {"bare": 1.0}
_FROM_SERVICES: Final = {"calls": 1.0}


def mixed(misses: float) -> Workload:
    """Of those whom everybody asks for, and so great a share of users nobody has asked for before."""

    async def prepare(stage: Stage) -> Load:
        known = await _many(stage)
        return Load(
            [
                f"{PROFILE}{NEW}*" if int(number * misses) > int((number - 1) * misses) else path
                for number, path in enumerate(known.paths, 1)
            ]
        )

    return Workload(prepare, calls=2 * misses, floors={"bare": 1 - misses, "calls": misses})


HIT: Final = Workload(_one, calls=0, cached=True, floors=_FROM_CACHE)
HIT_MANY: Final = Workload(_many, calls=0, cached=True, floors=_FROM_CACHE)
NOT_MODIFIED: Final = Workload(_one_known, calls=0, status=304, kind=None, cached=True, floors=_FROM_CACHE)
MIXED: Final = mixed(0.05)
COLD: Final = Workload(_cold, calls=3, cached=False, floors=_FROM_SERVICES)
COLD_SHARED: Final = Workload(_cold_shared, calls=2, cached=False, floors=_FROM_SERVICES)
DEGRADED: Final = Workload(_degraded, calls=1, kind=Kind.STALE, cached=False)

OPEN: Final = Workload(_browser, calls=0, cached=True, floors=_FROM_CACHE)
GUARDED: Final = Workload(_browser, calls=0, cached=True, floors={"hit-open": 1.0})
PROXIED: Final = Workload(_proxied, calls=0, cached=True, floors={"hit": 1.0})
REFUSED: Final = Workload(_refused, calls=0, status=429, kind=None, floors={"hit-guarded": 1.0})

READY_BYTES: Final = Workload(_one, calls=0, kind=None)
BARE_CALLS: Final = Workload(_cold, calls=3, kind=None)


async def check(workload: Workload, load: Load, stage: Stage) -> int:
    """The size in bytes of a right answer.

    Raises:
        CannotRun: three in turn were not right.
    """
    wrong = ""
    for number in range(3):  # what is still being written, or runs out just now, may spoil one
        place = number % len(load.paths)
        path = load.paths[place].replace("*", str(stage.first + number))
        before = stage.services.asked
        answer = await stage.client.get(path, load.headers_of(place))
        calls = stage.services.asked - before
        said = answer.headers.get("cache-status", "")
        is_hit = "; hit" in said if said else None
        kind = None if workload.kind is None else kind_of(answer, path.removeprefix(PROFILE))
        got = (answer.status, kind, is_hit if workload.cached is not None else None, calls)
        expected = (workload.status, workload.kind, workload.cached, round(workload.calls))
        if got == expected:
            return answer.size
        wrong = f"{path}: expected status, kind, hit and calls {expected}, not {got}"
    raise CannotRun(wrong)
