"""What a hit costs besides: many connections whose header fields differ, and long answers."""

import resource
from collections.abc import Mapping
from typing import Final

from benchmarks.speed.popular import PROFILE
from benchmarks.speed.stage import Stage
from benchmarks.speed.workloads import Workload
from benchmarks.speed.wrk import Load

_CONNECTIONS: Final = 2_000
_BLOCKS: Final = 2_003
"""No multiple of the connections, so that each sends other fields every time: wrk cannot give a connection its own."""


async def _crowd(stage: Stage) -> Load:
    path = PROFILE + "user1"
    await stage.ask([path])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # wrk inherits it
    return Load([path] * _BLOCKS, own=[_browser(number) for number in range(_BLOCKS)], connections=_CONNECTIONS)


def _browser(number: int) -> Mapping[str, str]:
    """What a browser says of itself, no two of them the same."""
    return {
        "User-Agent": f"Mozilla/5.0 (X11; Linux x86_64; rv:{number % 50}.0) Gecko/20100101 Firefox/{number}.0",
        "Accept": "application/json",
        "Accept-Language": "pt-PT,pt;q=0.9,en;q=0.5",
        "Cookie": f"session={number:032x}; theme=dark",
    }


def _sized(user_id: str, floors: Mapping[str, float]) -> Workload:
    async def prepare(stage: Stage) -> Load:
        await stage.ask([PROFILE + user_id])
        return Load([PROFILE + user_id])

    return Workload(prepare, calls=0, cached=True, floors=floors)


async def _one(_stage: Stage) -> Load:
    return Load([PROFILE + "user1"])


CROWD: Final = Workload(_crowd, calls=0, cached=True, floors={"hit": 1.0})
KB_20: Final = _sized("20kb-1", {"raw-20k": 1.0})
KB_200: Final = _sized("200kb-1", {"raw-200k": 1.0})

RAW_CROWD: Final = Workload(_crowd, calls=0, kind=None, floors={"raw": 1.0})
RAW_20K: Final = Workload(_one, calls=0, kind=None)
RAW_200K: Final = Workload(_one, calls=0, kind=None)
