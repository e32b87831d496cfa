"""Whatever comes in, the answers are the same bytes whether hits in memory are answered early or not."""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import REGISTRY

from shared.observing.metrics import connections
from tests.fixtures.conversations import ServerSide
from tests.fixtures.fake_services import FakeServices, order, product, user
from tests.fixtures.gateway import Clock, Gateway, StartGateway
from tests.fixtures.log_lines import heard
from tests.fixtures.odd_requests import WITH_BODIES, Conversation, Ids, OddRequests
from tests.fixtures.same_bytes import told, without_what_must_differ

SEED: Final = 4711
CONVERSATIONS: Final = 3_000

UNHURRIED: Final = {
    "CACHE_TTL_SECONDS": "600",
    "CACHE_NEGATIVE_TTL_SECONDS": "600",
    "REQUEST_BUDGET_SECONDS": "30",
    "ATTEMPT_TIMEOUT_SECONDS": "30",
}
"""Nothing is reloaded in the background or cut short, at moments that would not be the same in both."""

IDS: Final = Ids(
    warm=("user1", "user1", "u", "A_b-9", "x" * 64, "0"),
    absent=("ghost", "nobody"),
    cold=tuple(f"cold{number}" for number in range(40)),
)

_OF_TIME: Final = re.compile(
    r"^(process_|python_|event_loop_|worker_|log_lines_|rate_limit_subjects)|_(bucket|sum|created)$"
)


@dataclass
class Seen:
    """What one gateway did: what clients got, what it counted, what it logged, and how often it answered early."""

    answers: list[bytes] = field(default_factory=list)
    early_in: "Counter[str]" = field(default_factory=Counter)
    counted: Mapping[str, float] = field(default_factory=dict)
    logged: list[Mapping[str, object]] = field(default_factory=list)

    def take_line(self, line: bytes) -> None:
        """Keep what is logged of a request; how often a token is told of depends on what was told before."""
        document = told(line)
        if document["event"] == "request":
            self.logged.append(document)


def _counted() -> dict[str, float]:
    return {
        f"{sample.name} {sorted(sample.labels.items())}": sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if not _OF_TIME.search(sample.name)
    }


def _services() -> FakeServices:
    names = sorted({*IDS.warm, *IDS.cold})
    return FakeServices(
        users={name: user(name) for name in names},
        orders={name: [order(f"o-{name}", name, "p1", "p2")] for name in names},
        products={name: product(name) for name in ("p1", "p2")},
    )


async def _warm(gateway: Gateway) -> list[str]:
    for name in IDS.absent:
        assert (await gateway.get(f"/api/profile/{name}")).status_code == 404
    return [(await gateway.get(f"/api/profile/{name}", connection="close")).headers["etag"] for name in IDS.warm]


def _conversations(tags: Sequence[str]) -> list[Conversation]:
    odd = OddRequests(SEED, IDS, tags)
    whole = [*odd.conversations(CONVERSATIONS)]
    for request in (odd.last(), odd.plain(), odd.last() + odd.last()):
        whole += odd.split_everywhere(request)
    for request in WITH_BODIES:
        whole += odd.split_everywhere(request)
        whole += odd.cut_off_everywhere(request)
    return whole


async def _run(start_gateway: StartGateway, server_side: ServerSide, early: str) -> tuple[list[Conversation], Seen]:
    asyncio.get_running_loop().set_debug(False)  # a record of who began what costs more than all the answers
    clock, seen, idle = Clock(), Seen(), connections._value.get()
    gateway = await start_gateway(_services(), clock=clock, EARLY_ANSWERS=early, **UNHURRIED)
    conversations = _conversations(await _warm(gateway))
    while connections._value.get() > idle:  # left open, it would be closed in the middle of a run that takes long
        await asyncio.sleep(0)
    before = _counted()
    with heard(seen.take_line):
        for conversation in conversations:
            clock.now += conversation.ages
            earlier = server_side.early
            stream = await server_side.converse(gateway.client.port, conversation.pieces)
            seen.answers.append(without_what_must_differ(stream))
            seen.early_in[conversation.kind] += server_side.early - earlier
    after = _counted()
    seen.counted = {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}
    return conversations, seen


async def test_thousands_of_requests_get_the_same_answers_either_way(
    start_gateway: StartGateway, server_side: ServerSide
) -> None:
    """Bytes, order and ends of connections, counts and log lines agree; a good part really was answered early."""
    conversations, early = await _run(start_gateway, server_side, "true")
    same, late = await _run(start_gateway, server_side, "false")
    assert conversations == same
    for conversation, ours, theirs in zip(conversations, early.answers, late.answers, strict=True):
        assert ours == theirs, conversation
    assert early.counted == late.counted
    assert early.logged == late.logged
    assert early.early_in.total() > len(early.logged) / 3
    assert early.early_in.keys() >= {"plain", "kept alive", "odd fields", "in pieces", "mutated", "split"}
    assert late.early_in.total() == 0
