"""For how long an answer may be used again, as its headers say it (RFC 9111 §4.2)."""

import re
from typing import Any

import pytest

from tests.fixtures.fake_services import FakeServices, order, user
from tests.fixtures.gateway import Clock, StartGateway

PROFILE = "/api/profile/user1"


def _left(answer: Any) -> int:
    """Seconds for which a client may use it, by what it was told."""
    life = re.fullmatch(r"private, max-age=(\d+)", answer.headers["cache-control"])
    assert life is not None
    return int(life[1]) - int(answer.headers.get("age", "0"))


def _ttl(answer: Any) -> int:
    """Seconds that the cache nearest to the client says it keeps it for."""
    found = re.search(r"; ttl=(\d+)$", answer.headers["cache-status"])
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("early", ["true", "false"])
@pytest.mark.parametrize("is_known", [False, True], ids=["200", "304"])
@pytest.mark.parametrize("step", [0.3, 1.0, 7.9])
async def test_what_is_left_is_the_life_less_the_age(
    start_gateway: StartGateway, early: str, is_known: bool, step: float
) -> None:
    """At every moment of an entry's life, however it is answered; the life itself never changes."""
    clock = Clock()
    gateway = await start_gateway(clock=clock, CACHE_TTL_SECONDS="30", EARLY_ANSWERS=early)
    miss = await gateway.get(PROFILE)
    stored_at = clock.now
    assert _left(miss) == _ttl(miss) == 30
    tag = miss.headers["etag"]
    lives, ages, lefts = set(), [], []
    gateway.services.failures = {}
    while clock.now < stored_at + 22:  # before it is reloaded
        answer = await gateway.get(PROFILE, **({"If_None_Match": tag} if is_known else {}))
        assert answer.status_code == (304 if is_known else 200)
        lives.add(answer.headers["cache-control"])
        ages.append(int(answer.headers["age"]))
        lefts.append(_left(answer))
        assert _ttl(answer) == lefts[-1]
        over = clock.now - stored_at
        assert over - 1 < ages[-1] < over + 1
        assert 28.5 - over - 1 < lefts[-1] <= 30 - over
        clock.now += step
    assert len(lives) == 1
    assert ages == sorted(ages)
    assert lefts == sorted(lefts, reverse=True)


@pytest.mark.parametrize("early", ["true", "false"])
async def test_an_aggregate_of_older_parts_lives_as_long_as_they_do(start_gateway: StartGateway, early: str) -> None:
    """Its life is the rest of theirs, and its age begins when it is put together."""
    clock = Clock()
    services = FakeServices.with_profile()
    services.users["user2"] = user("user2")
    services.orders["user2"] = [order("o3", "user2", "p1")]
    gateway = await start_gateway(services, clock=clock, CACHE_TTL_SECONDS="30", EARLY_ANSWERS=early)
    await gateway.get(PROFILE)
    clock.now += 20
    miss = await gateway.get("/api/profile/user2")
    assert _left(miss) == _ttl(miss) <= 10
    clock.now += 3
    hit = await gateway.get("/api/profile/user2")
    assert 4 <= _left(hit) == _ttl(hit) <= 7


async def test_how_old_a_404_is(start_gateway: StartGateway) -> None:
    """That a user does not exist is said with its age, and for how long it is kept."""
    clock = Clock()
    gateway = await start_gateway(clock=clock, CACHE_NEGATIVE_TTL_SECONDS="10")
    await gateway.get("/api/profile/nobody")
    clock.now += 3
    answer = await gateway.get("/api/profile/nobody")
    assert (answer.status_code, answer.headers["age"] in {"2", "3"}) == (404, True)
    assert 5 <= _ttl(answer) <= 7
