"""The faults between hosts, each a context: inside it something is wrong or other, and at its end it is as before."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from benchmarks.chaos.hosts.network import OWN_ADDRESS
from benchmarks.chaos.hosts.stage import SPARE, Instance, Stage
from benchmarks.chaos.proxy import Mode
from benchmarks.chaos.refusal import refuse_http
from benchmarks.common.dns_server import Mode as DnsMode

Inject = Callable[[Stage], AbstractAsyncContextManager[None]]

SETTLED_SECONDS: Final = 10.0
"""After so long a change of the instances is to be seen in the calls."""

_CHANGED: Final = "users"
"""The service that has a spare instance."""
_KEPT: Final = 25
_ROLLED_APART_SECONDS: Final = 3.0
"""Between a gateway that is ready and the end of the next: longer than a balancer takes to notice."""
_UNHEDGED: Final[Mapping[str, str]] = MappingProxyType({"UPSTREAM_HEDGE": "off"})


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, or changes.

    Attributes:
        seconds: how long, after it has settled.
        short_seconds: the same in the short form, of which it is a part when this is not 0.
        short_inject: another context in the short form.
        settle: seconds until a change of the instances must have been noticed, at its beginning and after its end.
        way: the balancer through which clients come; None when each gateway is asked.
        uses: so often clients use a connection.
        settings: what the gateways are told besides.
    """

    name: str
    inject: Inject
    seconds: float = 35.0
    short_seconds: float = 0.0
    short_inject: Inject | None = None
    settle: float = 0.0
    way: str | None = None
    uses: int = _KEPT
    settings: Mapping[str, str] = field(default_factory=dict)

    def form(self, *, short: bool, seconds: float | None) -> "Fault":
        """It in the short form or the long one, or for so many seconds."""
        usual = self.short_seconds if short and self.short_seconds else self.seconds
        inject = self.short_inject if short and self.short_inject else self.inject
        return replace(self, seconds=seconds or usual, inject=inject)


@asynccontextmanager
async def _nothing(_stage: Stage) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def _killed(stage: Stage, *, service: str) -> AsyncIterator[None]:
    struck = await _busiest(stage, service)
    await struck.kill()
    yield
    await struck.revive()


@asynccontextmanager
async def _hung(stage: Stage, *, service: str) -> AsyncIterator[None]:
    struck = await _busiest(stage, service)
    struck.server.signal(signal.SIGSTOP)
    yield
    struck.server.signal(signal.SIGCONT)


@asynccontextmanager
async def _dropped(stage: Stage, *, service: str) -> AsyncIterator[None]:
    struck, everybody = await _busiest(stage, service), _halves(OWN_ADDRESS)
    await struck.host.cut(*everybody)
    yield
    await struck.host.join(*everybody)


@asynccontextmanager
async def _turned(stage: Stage, *, service: str, mode: Mode, status: HTTPStatus = HTTPStatus.OK) -> AsyncIterator[None]:
    proxy = (await _busiest(stage, service)).proxy
    proxy.refusal = partial(refuse_http, status)
    proxy.turn(mode)
    yield
    proxy.turn(Mode.PASS)


@asynccontextmanager
async def _known(stage: Stage, *, without: bool = False, spare: bool = False) -> AsyncIterator[None]:
    regulars = stage.members[_CHANGED]
    left = await stage.busiest(_CHANGED) if without else None
    stage.say(_CHANGED, *(name for name in regulars if name != left), *([SPARE] if spare else []))
    yield
    stage.say(_CHANGED, *regulars)


@asynccontextmanager
async def _names(stage: Stage, *, mode: DnsMode) -> AsyncIterator[None]:
    stage.dns.turn(mode)
    yield
    stage.dns.turn(DnsMode.ANSWER)


@asynccontextmanager
async def _redis_cut(stage: Stage) -> AsyncIterator[None]:
    most = stage.addresses[1:]
    await stage.redis.cut_off(*most)
    yield
    await stage.redis.join(*most)


@asynccontextmanager
async def _redis_killed(stage: Stage) -> AsyncIterator[None]:
    primary = await stage.redis.primary()
    await primary.kill()
    yield
    await primary.start()
    await stage.redis.ready()


@asynccontextmanager
async def _rolled(stage: Stage, *, most: int | None = None) -> AsyncIterator[None]:
    for gateway in stage.gateways[:most]:
        await gateway.end()
        await gateway.start()
        await asyncio.sleep(_ROLLED_APART_SECONDS)
    yield


async def _busiest(stage: Stage, service: str) -> Instance:
    # Whoever has no calls is no loss.
    return stage.instances[await stage.busiest(service)]


def _halves(address: str) -> Sequence[str]:
    # More exact than the way to the bridge that the kernel has made, so that they count.
    network = address.rpartition(".")[0]
    return f"{network}.0/25", f"{network}.128/25"


def _rolls(way: str, kept: str, short_seconds: float = 0.0) -> Fault:
    uses = _KEPT if kept == "kept" else 1
    name, short = f"rolled-{way}-{kept}", partial(_rolled, most=1)
    return Fault(name, _rolled, 5.0, short_seconds, short_inject=short, way=way, uses=uses)


def _answers(name: str, service: str, status: HTTPStatus, seconds: float = 35.0, short_seconds: float = 0.0) -> Fault:
    return Fault(name, partial(_turned, service=service, mode=Mode.ERROR, status=status), seconds, short_seconds)


def _slow(name: str, settings: Mapping[str, str] | None = None) -> Fault:
    return Fault(name, partial(_turned, service="users", mode=Mode.SLOW), settings=settings or {})


MEASURES: Final = (
    Fault("healthy", _nothing, short_seconds=8.0),
    Fault("healthy-unhedged", _nothing, settings=_UNHEDGED),
)
"""Come first; what the others of the same settings cost is measured by them."""

FAULTS: Final = (
    Fault("dns-silent", partial(_names, mode=DnsMode.SILENT), 20.0, 6.0),
    Fault("dns-empty", partial(_names, mode=DnsMode.EMPTY), 20.0),
    Fault("dns-servfail", partial(_names, mode=DnsMode.SERVFAIL), 20.0),
    Fault("dns-garbage", partial(_names, mode=DnsMode.GARBAGE), 20.0),
    Fault("added", partial(_known, spare=True), 20.0, settle=SETTLED_SECONDS),
    Fault("removed", partial(_known, without=True), 20.0, settle=SETTLED_SECONDS),
    Fault("moved", partial(_known, without=True, spare=True), 20.0, 5.0, settle=SETTLED_SECONDS),
    Fault("redis-cut", _redis_cut, 15.0),
    Fault("redis-killed", _redis_killed, 15.0),
    _rolls("nginx", "kept"),
    _rolls("nginx", "new"),
    _rolls("haproxy", "kept"),
    _rolls("haproxy", "new", 0.5),
    # The services take turns, so that who has just been left alone for a while is back before the next one fails.
    _slow("slow"),
    Fault("killed", partial(_killed, service="orders")),
    Fault("hung", partial(_hung, service="products"), short_seconds=6.0),
    _answers("500", "users", HTTPStatus.INTERNAL_SERVER_ERROR, 40.0, 8.0),
    Fault("dropped", partial(_dropped, service="orders")),
    _answers("503", "products", HTTPStatus.SERVICE_UNAVAILABLE),
    _slow("slow-unhedged", _UNHEDGED),
)
"""Those after which calls are shared as before come first."""
