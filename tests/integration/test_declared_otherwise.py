"""Loads that do not do what their declaration says: a sentence in the log, and an honest 500."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from bff.aggregates.profile import PROFILE, load_profile
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from bff.sources.users import USER
from tests.fixtures.gateway import StartGateway
from tests.fixtures.log_lines import heard


async def load_reversed(user_id: str, sources: Sources) -> Aggregate:
    """The same parts in another order."""
    profile = await load_profile(user_id, sources)
    return Aggregate(dict(reversed(list(profile.parts.items()))))


async def load_with_less(user_id: str, sources: Sources) -> Aggregate:
    """One part less, and one that nobody has declared."""
    profile = await load_profile(user_id, sources)
    return Aggregate({"user": profile.parts["user"], "bought": profile.parts["orders"]})


async def load_with_more_parameters(user_id: str, sources: Sources) -> Aggregate:
    """A part that is asked for with what its path has no place for."""
    return Aggregate({"user": await sources.take(USER, user_id, lang="en")})


async def test_parts_come_in_the_order_of_the_declaration(start_gateway: StartGateway) -> None:
    """In whatever order they were loaded."""
    gateway = await start_gateway(kinds=[replace(PROFILE, load=load_reversed)])
    document = (await gateway.get("/api/profile/user1")).json()
    assert [*document] == ["user", "orders", "products", "metadata"]
    assert [*document["metadata"]["parts"]] == ["user", "orders", "products"]


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (
            load_with_less,
            "aggregate 'profile': it is loaded with user, bought, and declared with user, orders, products",
        ),
        (load_with_more_parameters, "part 'user' takes user_id"),
    ],
)
@pytest.mark.parametrize("early", ["true", "false"])
async def test_a_contradiction_that_shows_late_is_told_in_the_log(
    start_gateway: StartGateway, load: Callable[[str, Sources], Awaitable[Aggregate]], sentence: str, early: str
) -> None:
    """The client hears nothing of it."""
    gateway = await start_gateway(kinds=[replace(PROFILE, load=load)], EARLY_ANSWERS=early)
    lines: list[bytes] = []
    with heard(lines.append):
        answer = await gateway.get("/api/profile/user1")
    assert answer.status_code == 500
    assert sentence not in answer.text
    (told,) = [line for line in map(json.loads, lines) if line["event"] == "unexpected error"]
    assert (told["error"], told["detail"]) == ("DeclarationError", sentence)
