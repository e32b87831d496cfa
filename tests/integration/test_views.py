"""``GET /api/profile/{user_id}?view=card``: a declared reduction of an aggregate."""

import re
from typing import Any

import orjson
import pytest

from bff.aggregates.profile import PROFILE as PROFILE_KIND
from bff.answer import read_answer
from bff.representation import representations
from shared.errors import Unreachable
from shared.upstream.call import Reply
from tests.fixtures.fake_services import JSON, FakeServices, order
from tests.fixtures.gateway import Clock, Gateway, StartGateway
from tests.fixtures.log_lines import heard

PROFILE, CARD = "/api/profile/user1", "/api/profile/user1?view=card"


@pytest.fixture(params=["true", "false"])
def early(request: pytest.FixtureRequest) -> str:
    """Whether plain requests are answered early."""
    early: str = request.param
    return early


def _called(gateway: Gateway) -> list[str]:
    return sorted(service for service, _ in gateway.services.calls)


def _facts(answer: Any) -> tuple[object, ...]:
    metadata = answer.json()["metadata"]
    return metadata["cached"], metadata["view"], metadata["partial"]


async def test_a_card_has_the_name_and_the_latest_orders(start_gateway: StartGateway, early: str) -> None:
    """Two of them, without items; and nobody is asked what the products are."""
    services = FakeServices.with_profile()
    services.orders["user1"].insert(0, order("o3", "user1", "p2"))
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    answer = await gateway.get(CARD)
    document = answer.json()
    assert document["user"] == {"full_name": "Ada Example"}
    assert document["orders"] == [
        {"id": name, "status": "shipped", "total_amount": total, "created_at": "2026-01-02T03:04:05Z"}
        for name, total in (("o3", 10.5), ("o2", 21.0))
    ]
    metadata = document["metadata"]
    assert (metadata["user_id"], metadata["view"], metadata["orders_count"]) == ("user1", "card", 3)
    assert metadata["parts"] == {"user": {"status": "fresh"}, "orders": {"status": "fresh"}}
    assert "products_count" not in metadata
    assert list(document) == ["user", "orders", "metadata"]
    assert _called(gateway) == ["orders", "users"]
    assert re.fullmatch(r"user;dur=\S+, orders;dur=\S+, total;dur=\S+", answer.headers["server-timing"])


async def test_a_card_is_kept_as_bytes_of_its_own(start_gateway: StartGateway, early: str) -> None:
    """The second one is a hit with the same tag, and so is a request that has it already."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    first = await gateway.get(CARD)
    second = await gateway.get(CARD)
    assert second.text == first.text.replace('"cached":false', '"cached":true')
    assert second.headers["cache-status"].startswith("memory; hit")
    assert (await gateway.get(CARD, If_None_Match=second.headers["etag"])).status_code == 304
    assert len(gateway.services.calls) == 2


async def test_parts_are_shared_with_the_whole(start_gateway: StartGateway) -> None:
    """After a card the whole lacks products alone; after the whole a card lacks nothing."""
    gateway = await start_gateway()
    card = await gateway.get(CARD)
    whole = await gateway.get(PROFILE)
    assert _called(gateway) == ["orders", "products", "users"]
    assert card.headers["etag"] != whole.headers["etag"]
    other = await start_gateway()
    await other.get(PROFILE)
    assert _facts(await other.get(CARD)) == (False, "card", False)
    assert len(other.services.calls) == 3


async def test_a_card_of_parts_at_hand_is_no_younger_than_these(start_gateway: StartGateway) -> None:
    """It expires with the whole that they came with."""
    clock = Clock()
    gateway = await start_gateway(clock=clock)
    await gateway.get(PROFILE)
    clock.now += 12
    await gateway.get(CARD)
    answer = await gateway.get(CARD)
    left = int(answer.headers["cache-control"].rpartition("=")[2]) - int(answer.headers["age"])
    assert _facts(answer) == (True, "card", False)
    assert left <= 18


@pytest.mark.parametrize(
    "query", ["view=", "view", "view=whole", "view=Card", "view=card&view=card", "view=card&view="]
)
@pytest.mark.parametrize("path", [PROFILE, "/api/profile/nobody"])
async def test_another_view_is_refused(start_gateway: StartGateway, early: str, path: str, query: str) -> None:
    """400 that names those there are; no service is asked."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    answer = await gateway.get(f"{path}?{query}")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "view must be card, once, or be left out."
    assert gateway.services.calls == []


@pytest.mark.parametrize("query", ["view=c%61rd", "view=card&utm=1", "utm=1&view=card", "&view=card&"])
async def test_the_same_view_may_be_asked_for_in_other_words(start_gateway: StartGateway, query: str) -> None:
    """Percent-encoded, or beside what means nothing to us."""
    gateway = await start_gateway()
    await gateway.get(CARD)
    assert _facts(await gateway.get(f"{PROFILE}?{query}")) == (True, "card", False)


async def test_a_bad_id_is_refused_whatever_the_view(start_gateway: StartGateway, early: str) -> None:
    """By the sentence about ids."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    assert (await gateway.get("/api/profile/a.b?view=card")).json()["detail"].startswith("user_id must be")


@pytest.mark.parametrize(("failing", "missing"), [("users", "user"), ("orders", "orders")])
async def test_what_is_missing_is_null_on_a_card(start_gateway: StartGateway, failing: str, missing: str) -> None:
    """Unknown is not empty; the reason stands beside it, and nothing is kept."""
    services = FakeServices.with_profile()
    services.failures[failing] = Unreachable("down")
    gateway = await start_gateway(services)
    for _ in range(2):
        answer = await gateway.get(CARD)
        document = answer.json()
        assert document[missing] is None
        assert document["metadata"]["parts"][missing] == {"status": "missing", "reason": "unavailable"}
        assert _facts(answer) == (False, "card", True)
        assert answer.headers["cache-control"] == "no-store"


async def test_products_that_cannot_be_had_leave_a_card_whole(start_gateway: StartGateway) -> None:
    """It does not need them, so it is kept."""
    services = FakeServices.with_profile()
    services.failures["products"] = Unreachable("down")
    gateway = await start_gateway(services)
    await gateway.get(PROFILE)
    await gateway.get(CARD)
    assert _facts(await gateway.get(CARD)) == (True, "card", False)


async def test_nobody_and_nothing_are_told_as_of_the_whole(start_gateway: StartGateway, early: str) -> None:
    """404 for a user whom the user service does not know, 503 where there is nothing to give."""
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    for _ in range(2):
        assert (await gateway.get("/api/profile/nobody?view=card")).status_code == 404
    services.failures |= {"users": Unreachable("down"), "orders": Unreachable("down")}
    answer = await gateway.get(CARD)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_a_purge_drops_cards_too(start_gateway: StartGateway) -> None:
    """They belong to the user, whatever they show."""
    gateway = await start_gateway(ADMIN_TOKEN="a-secret-token")
    await gateway.get(CARD)
    purged = await gateway.client.delete("/api/cache/profile/user1", headers={"Authorization": "Bearer a-secret-token"})
    assert purged.status_code == 204
    assert _facts(await gateway.get(CARD)) == (False, "card", False)
    assert len(gateway.services.calls) == 4


async def test_the_log_tells_which_view_was_asked_for(start_gateway: StartGateway, early: str) -> None:
    """Of hits and misses alike, and of none where the whole was."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    lines: list[bytes] = []
    with heard(lines.append):
        for path in (CARD, CARD, PROFILE, PROFILE, CARD, PROFILE):
            await gateway.get(path)
    told = [line for line in map(orjson.loads, lines) if line["logger"] == "access"]
    assert [line.get("view") for line in told] == ["card", "card", None, None, "card", None]


@pytest.mark.parametrize("amount", ["1e5", "-0", "0.10", "12345678901234567890.12", '"7.10"'])
async def test_a_card_has_the_digits_that_the_service_wrote(start_gateway: StartGateway, amount: str) -> None:
    """As the whole has them, and as it is read back out of a cache."""
    services = FakeServices.with_profile()
    body = orjson.dumps(services.orders["user1"]).replace(b'"total_amount":21.0', b'"total_amount":' + amount.encode())
    services.replies["orders"] = lambda _: Reply(200, JSON, body)
    gateway = await start_gateway(services)
    written = b'"total_amount":%b,' % amount.strip('"').encode()
    whole, card = [(await gateway.get(path)).content for path in (PROFILE, CARD)]
    assert written in whole
    assert written in card
    _, view = representations(PROFILE_KIND)
    hit = (await gateway.get(CARD)).content
    assert hit == card.replace(b'"cached":false', b'"cached":true')
    assert read_answer(view, "user1", hit).body == hit
