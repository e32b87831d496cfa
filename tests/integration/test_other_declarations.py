"""Services that are not like the samples: nothing but declarations and settings differs."""

import uuid
from dataclasses import replace
from typing import Any, Final

import msgspec
import orjson
import pytest

from bff.aggregates.kind import AggregateKind
from bff.aggregates.profile import PROFILE
from bff.app import create_app
from bff.parts.keyed import keyed
from bff.parts.part import Aggregate
from bff.parts.single import single
from bff.parts.sources import Sources
from bff.settings import GatewaySettings
from bff.sources.orders import ORDERS
from shared import ids
from shared.settings.loading import load
from shared.upstream.call import Call
from shared.upstream.service import Service
from tests.fixtures.edge_on import shown_to
from tests.fixtures.fake_services import FakeServices, user
from tests.fixtures.gateway import StartGateway
from tests.fixtures.log_lines import heard
from tests.fixtures.recording_service import RecordingService
from tests.fixtures.suite_settings import ANSWER_SECONDS, suite_settings

TOKEN: Final = "what-only-they-know"
SOMEBODY: Final = "7f3c1e9a-0b0d-4c3b-9a55-000000000001"


class Article(msgspec.Struct, frozen=True, gc=False):
    """A product as another team has it: numbered, and with field names of its own."""

    number: int
    title: str = msgspec.field(name="label")


class Member(msgspec.Struct, frozen=True, gc=False):
    """A user as another team has it."""

    key: uuid.UUID


class Award(msgspec.Struct, frozen=True, gc=False):
    """What somebody has earned, or nobody yet."""

    to: Member | None


class Banner(msgspec.Struct, frozen=True, gc=False):
    """What everybody is shown."""

    text: str


ARTICLE_SERVICE = Service("article_service", url="http://127.0.0.1:8004")
MEMBER_SERVICE = Service("member_service", url="http://127.0.0.1:8005")
ARTICLES = keyed(
    "articles", ARTICLE_SERVICE, Article, post="/articles", ids_as="numbers", key="number", id_type=ids.INTEGER
)
TOOLS = keyed("tools", MEMBER_SERVICE, Member, post="/tools", key="key", id_type=ids.UUID)
MEMBER = single("member", MEMBER_SERVICE, Member, "/members/{member_id}", owner="member_id", about=lambda one: one.key)
BANNER = single("banner", MEMBER_SERVICE, Banner, "/banner")
NOTES = single(
    "notes",
    MEMBER_SERVICE,
    list[Member],
    "/members/{member_id}/notes?limit=3&lang={lang}",
    owner="member_id",
    about=lambda one: one.key,
)


async def load_shelf(shelf_id: str, sources: Sources) -> Aggregate:
    """Articles by the numbers in the name of a shelf."""
    return Aggregate({"articles": await sources.take(ARTICLES, map(int, shelf_id.split("-")))})


async def load_labels(shelf_id: str, sources: Sources) -> Aggregate:
    """Articles by whatever stands in the name of a shelf."""
    return Aggregate({"articles": await sources.take(ARTICLES, shelf_id.split("-"))})


async def load_box(_box_id: str, sources: Sources) -> Aggregate:
    """The same tool, twice."""
    return Aggregate({"tools": await sources.take(TOOLS, [SOMEBODY.upper(), SOMEBODY])})


async def load_member(member_id: str, sources: Sources) -> Aggregate:
    """A member, the notes in English, and what everybody is shown."""
    member, notes, banner = await sources.together(
        sources.take(MEMBER, member_id), sources.take(NOTES, member_id, lang="en"), sources.take(BANNER)
    )
    return Aggregate({"member": member, "notes": notes, "banner": banner})


SHELF = AggregateKind("shelf", "/api/shelf", "shelf_id", load_shelf, parts=(ARTICLES,), counted=(ARTICLES,))
BOX = AggregateKind("box", "/api/box", "box_id", load_box, parts=(TOOLS,))
MEMBERS = AggregateKind(
    "member", "/api/member", "member_id", load_member, parts=(MEMBER, NOTES, BANNER), id_type=ids.UUID
)


def _articles(call: Call[Any]) -> object:
    assert call.body is not None
    return [{"number": one, "label": f"No {one}"} for one in orjson.loads(call.body)["numbers"] if one != 9]


async def test_ids_of_things_may_be_numbers(start_gateway: StartGateway) -> None:
    """Asked for and checked as numbers; in the document they are names, as JSON has them."""
    gateway = await start_gateway(FakeServices(documents={"article_service": {"/articles": _articles}}), kinds=[SHELF])
    for cached in (False, True):
        document = (await gateway.get("/api/shelf/3-7-9")).json()
        assert document["articles"] == {str(one): {"number": one, "label": f"No {one}"} for one in (3, 7)}
        assert (document["metadata"]["articles_count"], document["metadata"]["cached"]) == (2, cached)


async def test_an_id_that_is_no_number_costs_itself(start_gateway: StartGateway) -> None:
    """There is nothing of that id, so nobody is asked for it, and the others are there."""
    services = FakeServices(documents={"article_service": {"/articles": _articles}})
    gateway = await start_gateway(services, kinds=[replace(SHELF, load=load_labels)])
    document = (await gateway.get("/api/shelf/3-x-07")).json()
    assert [*document["articles"]] == ["3"]
    assert document["metadata"]["parts"]["articles"] == {"status": "fresh"}


async def test_things_may_have_uuids(start_gateway: StartGateway) -> None:
    """Written in whatever case, they are one, which is asked for and shown once."""
    asked: list[object] = []

    def tools(call: Call[Any]) -> object:
        asked.extend(orjson.loads(call.body or b"")["ids"])
        return [{"key": SOMEBODY}]

    gateway = await start_gateway(FakeServices(documents={"member_service": {"/tools": tools}}), kinds=[BOX])
    assert (await gateway.get("/api/box/1")).json()["tools"] == {SOMEBODY: {"key": SOMEBODY}}
    assert asked == [SOMEBODY]


def _members(*members: str) -> FakeServices:
    paths: dict[str, object] = {"/banner": {"text": "Hello"}}
    for one in members:
        paths[f"/members/{one}"] = {"key": one}
        paths[f"/members/{one}/notes?limit=3&lang=en"] = [{"key": one.upper()}]
    return FakeServices(documents={"member_service": paths})


@pytest.mark.parametrize("early", ["true", "false"])
async def test_ids_of_users_may_be_uuids(start_gateway: StartGateway, early: str) -> None:
    """In whatever case they are written, they are one; other texts are refused with a sentence."""
    gateway = await start_gateway(_members(SOMEBODY), kinds=[MEMBERS], EARLY_ANSWERS=early, ADMIN_TOKEN=TOKEN)
    answers = [await gateway.get(f"/api/member/{text}") for text in (SOMEBODY, SOMEBODY.upper(), SOMEBODY)]
    assert [answer.json()["metadata"]["cached"] for answer in answers] == [False, True, True]
    assert {answer.json()["metadata"]["member_id"] for answer in answers} == {SOMEBODY}
    assert answers[0].json()["notes"] == [{"key": SOMEBODY}]
    assert len(gateway.services.calls) == 3
    for text in ("user1", SOMEBODY[:-1], "0"):
        refused = await gateway.get(f"/api/member/{text}")
        assert (refused.status_code, refused.json()["detail"]) == (400, "member_id must be a UUID.")
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    purged = await gateway.client.delete(f"/api/cache/member/{SOMEBODY.upper()}", headers=bearer)
    assert purged.status_code == 204
    assert (await gateway.get(f"/api/member/{SOMEBODY}")).json()["metadata"]["cached"] is False


async def test_what_all_share_is_asked_for_once(start_gateway: StartGateway) -> None:
    """A part without a parameter is the same for everybody, and stays when somebody is purged."""
    other = str(uuid.UUID(int=2))
    services = _members(SOMEBODY, other)
    gateway = await start_gateway(services, kinds=[MEMBERS], ADMIN_TOKEN=TOKEN)
    for one in (SOMEBODY, other):
        assert (await gateway.get(f"/api/member/{one}")).json()["banner"] == {"text": "Hello"}
    await gateway.client.delete(f"/api/cache/member/{SOMEBODY}", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (await gateway.get(f"/api/member/{SOMEBODY}")).json()["banner"] == {"text": "Hello"}
    assert [path for _, path in services.calls].count("/banner") == 1


async def test_the_log_tells_which_part_of_a_service_failed_and_why(start_gateway: StartGateway) -> None:
    """By its path as it is declared, so that no line names anybody."""
    services = _members(SOMEBODY)
    services.documents["member_service"][f"/members/{SOMEBODY}/notes?limit=3&lang=en"] = [{"id": SOMEBODY}]
    gateway = await start_gateway(services, kinds=[MEMBERS])
    lines: list[bytes] = []
    with heard(lines.append):
        document = (await gateway.get(f"/api/member/{SOMEBODY}")).json()
    assert document["metadata"]["parts"]["notes"] == {"status": "missing", "reason": "bad_response"}
    (told,) = [line for line in map(orjson.loads, lines) if line["event"] == "upstream failed"]
    assert (told["upstream"], told["reason"]) == ("member_service", "bad_response")
    assert told["path"] == "/members/{member_id}/notes?limit=3&lang={lang}"
    assert told["error"] == "Object missing required field `key` - at `$[0]`"
    assert not any(SOMEBODY.encode() in line for line in lines)


async def test_what_does_not_say_whom_it_is_about_costs_itself(start_gateway: StartGateway) -> None:
    """Where ``about`` fails on what has the shape, such as a field that may be null."""
    badge = single("badge", MEMBER_SERVICE, Award, "/members/{member_id}/badge", about=lambda one: one.to.key)

    async def load(member_id: str, sources: Sources) -> Aggregate:
        return Aggregate({"badge": await sources.take(badge, member_id)})

    services = FakeServices(documents={"member_service": {f"/members/{SOMEBODY}/badge": {"to": None}}})
    honours = AggregateKind("honours", "/api/honours", "member_id", load, parts=(badge,), id_type=ids.UUID)
    gateway = await start_gateway(services, kinds=[honours])
    answer = await gateway.get(f"/api/honours/{SOMEBODY}")
    assert answer.json()["metadata"]["parts"] == {"badge": {"status": "missing", "reason": "bad_response"}}


async def test_a_service_may_stand_below_a_path_and_want_a_token(sanic_client: Any) -> None:
    """Both are settings of it; no other service sees the token, and no line of the log has it."""
    documents = {"/users/user1": user("user1"), "/health": {}, "/orders/user/user1": []}
    below = {f"/v2/people{path}": document for path, document in documents.items()}
    async with RecordingService(below) as people, RecordingService(documents) as orders:
        environment = {
            "USER_SERVICE_URL": f"http://127.0.0.1:{people.port}/v2/people",
            "USER_SERVICE_TOKEN": TOKEN,
            "ORDER_SERVICE_URL": f"http://127.0.0.1:{orders.port}",
        }
        settings = load(GatewaySettings, suite_settings(environment))
        lines: list[bytes] = []
        with heard(lines.append):
            client = await sanic_client(
                create_app(settings), verify=False, timeout=ANSWER_SECONDS, headers=shown_to(environment)
            )
            answer = await client.get("/api/profile/user1")
            health = await client.get("/health")
            metrics = await client.get("/metrics")
    assert answer.json()["user"]["id"] == "user1"
    assert health.json()["services"]["user_service"] == "healthy"
    assert {head.split(b" ", 2)[1] for head in people.heads} == {b"/v2/people/users/user1", b"/v2/people/health"}
    bearer = f"authorization: bearer {TOKEN}\r\n".encode()
    assert all(bearer in head.lower() for head in people.heads)
    assert orders.heads
    assert not any(b"authorization" in head.lower() for head in orders.heads)
    told = [*lines, answer.content, health.content, metrics.content]
    assert not any(TOKEN.encode() in text for text in told)


async def test_the_same_parts_make_another_aggregate(start_gateway: StartGateway) -> None:
    """Below another path, with some of the parts; what one has asked for the other has at hand."""

    async def load_history(user_id: str, sources: Sources) -> Aggregate:
        return Aggregate({"orders": await sources.take(ORDERS, user_id)})

    history = replace(
        PROFILE, name="history", path="/api/history", load=load_history, parts=(ORDERS,), counted=(), views=()
    )
    gateway = await start_gateway(kinds=[PROFILE, history])
    await gateway.get("/api/profile/user1")
    calls = len(gateway.services.calls)
    assert len((await gateway.get("/api/history/user1")).json()["orders"]) == 2
    assert len(gateway.services.calls) == calls
