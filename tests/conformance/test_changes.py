"""Sections 3 to 8 of ``docs/streams.md`` that take services that are slow, fail and change: of this gateway alone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from shared.errors import AttemptTimeout, Unreachable
from tests.conformance.conftest import Target, named
from tests.conformance.items import Event, Form, Item
from tests.conformance.json_lines import JSON_LINES
from tests.conformance.rules import Rules
from tests.conformance.sse import SSE
from tests.fixtures.edge_on import shown_to
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import Gateway, StartGateway

FORMS: Final = pytest.mark.parametrize("form", [SSE, JSON_LINES], ids=["sse", "json_lines"])
WAYS: Final = pytest.mark.parametrize("early", ["true", "false"])
ADMIN: Final = {"Authorization": "Bearer open-sesame"}


@dataclass
class Reading:
    """A stream that is read as far as a test wants to, and held against the rules as far as it was read."""

    form: Form
    source: AsyncGenerator[Item]
    live: bool
    items: list[Item] = field(default_factory=list)

    async def until(self, name: str) -> list[Event]:
        """The events up to the next of that name."""
        found: list[Event] = []
        async for item in self.source:
            self.items.append(item)
            if isinstance(item, Event):
                found.append(item)
                if item.name == name:
                    assert Rules(self.form, live=self.live).broken(self.items, goes_on=name != "end") == []
                    return found
        raise AssertionError(f"it ended with {self.items}")


@dataclass
class Running:
    """The gateway, and what stands behind it."""

    gateway: Gateway
    target: Target

    @property
    def services(self) -> FakeServices:
        """They do as they are told."""
        return self.gateway.services

    @asynccontextmanager
    async def reading(self, form: Form, *, live: bool = False) -> AsyncIterator[Reading]:
        """A stream of the profile."""
        async with self.target.asked(form.media_type, "?live=true" if live else "") as answer:
            assert answer.head.status == 200
            async with aclosing(answer.items(form)) as source:
                yield Reading(form, source, live)

    async def purge(self) -> None:
        """Nothing of the user is current any more."""
        answer = await self.gateway.client.delete("/api/cache/profile/user1", headers=ADMIN)
        assert answer.status_code == 204


Run = Callable[..., Awaitable[Running]]


@pytest.fixture
def run(start_gateway: StartGateway) -> Run:
    """A function that starts a gateway over fake services."""

    async def start(services: FakeServices | None = None, **environment: str) -> Running:
        gateway = await start_gateway(services, ADMIN_TOKEN="open-sesame", **environment)
        target = Target("127.0.0.1", gateway.client.port, "/api/profile/user1", shown_to(environment))
        return Running(gateway, target)

    return start


def _told(events: list[Event]) -> dict[str, tuple[str, Any]]:
    """Status and value of each part, the newest of each."""
    parts = [event.document for event in events if event.name == "part"]
    return {part["name"]: (part["provenance"]["status"], part["value"]) for part in parts}


@FORMS
@WAYS
@pytest.mark.parametrize(("slow", "quick"), [("users", "orders"), ("orders", "user"), ("products", "orders")])
async def test_a_part_leaves_when_it_is_known(run: Run, form: Form, early: str, slow: str, quick: str) -> None:
    """§3.2: it waits for none that it does not follow from."""
    running = await run(EARLY_ANSWERS=early)
    running.services.gates[slow] = asyncio.Event()
    async with running.reading(form) as stream:
        told = await stream.until("part")
        while quick not in _told(told):
            told += await stream.until("part")
        running.services.gates[slow].set()
        await stream.until("end")


@FORMS
@WAYS
async def test_who_turns_out_not_to_exist_ends_the_stream(run: Run, form: Form, early: str) -> None:
    """§5.5: with the problem that would have been the answer."""
    running = await run(EARLY_ANSWERS=early)
    running.services.users.clear()
    running.services.gates["users"] = asyncio.Event()
    async with running.reading(form) as stream:
        await stream.until("part")
        running.services.gates["users"].set()
        *_, end = await stream.until("end")
    assert (end.document["reason"], end.document["problem"]["status"]) == ("problem", 404)


@FORMS
@WAYS
async def test_a_partial_state_has_no_id(run: Run, form: Form, early: str) -> None:
    """§5.4, §6.1: nor an entity tag; what is missing is null."""
    running = await run(EARLY_ANSWERS=early)
    running.services.failures["products"] = AttemptTimeout("late")
    async with running.reading(form) as stream:
        told = await stream.until("end")
    assert _told(told)["products"] == ("missing", None)
    (complete,) = named([*told], "complete")
    assert (complete.id, complete.document["etag"]) == (None, None)


@FORMS
@WAYS
async def test_nothing_to_give_is_a_status(run: Run, form: Form, early: str) -> None:
    """§3.1: 503, while it can be said so."""
    running = await run(EARLY_ANSWERS=early)
    running.services.failures |= {"users": Unreachable("gone"), "orders": Unreachable("gone")}
    for query in ("", "?live=true"):
        async with running.target.asked(form.media_type, query) as answer:
            assert (answer.head.status, answer.head.media_type) == (503, "application/problem+json")
            assert "retry-after" in answer.head.fields


@FORMS
@WAYS
async def test_a_change_is_told_where_it_is(run: Run, form: Form, early: str) -> None:
    """§7.1: the part that is another, and a complete with another id."""
    running = await run(EARLY_ANSWERS=early)
    async with running.reading(form, live=True) as stream:
        *_, first = await stream.until("complete")
        running.services.users["user1"]["full_name"] = "Ada Else"
        await running.purge()
        *parts, second = await stream.until("complete")
        assert [part.document["name"] for part in parts] == ["user"]
        assert _told(parts)["user"][1]["full_name"] == "Ada Else"
        assert second.id not in {None, first.id}
        assert second.id == await running.target.state()


@FORMS
@WAYS
async def test_what_has_stayed_the_same_is_told_to_be(run: Run, form: Form, early: str) -> None:
    """§7.1: a purge that changes nothing has been followed."""
    running = await run(EARLY_ANSWERS=early)
    async with running.reading(form, live=True) as stream:
        *_, first = await stream.until("complete")
        await running.purge()
        (second,) = await stream.until("complete")
        assert (second.id, second.document["unchanged"]) == (first.id, True)


@FORMS
@WAYS
async def test_what_fails_and_recovers_is_told(run: Run, form: Form, early: str) -> None:
    """§7.3: partial states as others."""
    running = await run(EARLY_ANSWERS=early)
    async with running.reading(form, live=True) as stream:
        *_, first = await stream.until("complete")
        running.services.failures["orders"] = AttemptTimeout("late")
        await running.purge()
        *parts, partial = await stream.until("complete")
        assert {name: status for name, (status, _) in _told(parts).items()}["orders"] in {"missing", "stale"}
        assert (partial.id, partial.document["etag"]) == (None, None)
        del running.services.failures["orders"]
        await running.purge()
        *_, last = await stream.until("complete")
        assert last.id == first.id


@FORMS
@WAYS
async def test_who_is_gone_ends_the_stream(run: Run, form: Form, early: str) -> None:
    """§7.3: with a problem."""
    running = await run(EARLY_ANSWERS=early)
    async with running.reading(form, live=True) as stream:
        await stream.until("complete")
        running.services.users.clear()
        await running.purge()
        *_, end = await stream.until("end")
    assert (end.document["reason"], end.document["problem"]["status"]) == ("problem", 404)


@FORMS
@WAYS
@pytest.mark.parametrize(("bound", "status"), [("STREAMS_MAX", 503), ("STREAMS_PER_SUBJECT", 429)])
async def test_there_are_as_many_as_may_be(run: Run, form: Form, early: str, bound: str, status: int) -> None:
    """§8.1, §8.2: whoever comes then is told when to come back; the JSON answer can be had."""
    running = await run(EARLY_ANSWERS=early, **{bound: "1"})
    async with running.reading(form, live=True) as stream:
        await stream.until("complete")
        async with running.target.asked(form.media_type, "?live=true") as answer:
            assert (answer.head.status, answer.head.media_type) == (status, "application/problem+json")
            assert "retry-after" in answer.head.fields
        await running.target.state()
