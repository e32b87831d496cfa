"""Commands: passed on strictly, answered with what came of them, and seen in the caller's own next read."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
import pytest
from prometheus_client import REGISTRY

from shared.errors import AttemptTimeout, CircuitOpen, NotConnected, Overloaded, Unreachable, UpstreamError
from shared.upstream.call import Call, Reply
from tests.fixtures.edge_on import SHOWN_TEXT
from tests.fixtures.fake_services import JSON, FakeServices, user
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.issuer import Issuer
from tests.fixtures.log_lines import heard
from tests.fixtures.openapi import Described
from tests.kit.wire import Wire

PROFILE: Final = "/api/profile/user1"
ORDERS: Final = "/api/orders"
ITEM: Final = {"product_id": "p1", "quantity": 2, "price": 10.5}
ORDER: Final = {"user_id": "user1", "items": [ITEM]}
PATCH: Final = {"full_name": "Ada Lovelace"}
KEY: Final = "5a1f0c"
TYPES: Final = {"PATCH": "application/merge-patch+json", "POST": "application/json"}
COMMANDS: Final[Mapping[str, tuple[str, str, dict[str, Any]]]] = {
    "change_profile": ("PATCH", PROFILE, PATCH),
    "place_order": ("POST", ORDERS, ORDER),
}
SERVICE: Final = {"change_profile": "users", "place_order": "orders"}
each_command = pytest.mark.parametrize("name", COMMANDS)


async def command(
    gateway: Gateway, name: str, body: object = None, *, path: str = "", key: str | None = KEY, **headers: str
) -> Any:
    """What a command of this name is answered; without a ``body`` that of the tests."""
    method, usual, own = COMMANDS[name]
    data = body if isinstance(body, bytes) else orjson.dumps(own if body is None else body)
    fields = {"Content-Type": TYPES[method], "Idempotency-Key": key}
    fields |= {field.replace("_", "-"): value for field, value in headers.items()}
    shown = {field: value for field, value in fields.items() if value is not None}
    send = getattr(gateway.client, method.lower())
    return await send(path or usual, content=data, headers=shown)


def _count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("early", ["true", "false"])
async def test_a_changed_profile_is_seen_by_the_next_read(start_gateway: StartGateway, early: str) -> None:
    """Whole and as a view; what is answered is the user as the contract has it."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    paths = (PROFILE, f"{PROFILE}?view=card")
    for path in paths:
        assert (await gateway.get(path)).json()["user"]["full_name"] == "Ada Example"
        assert (await gateway.get(path)).json()["metadata"]["cached"] is True
    answer = await command(gateway, "change_profile")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json() == {name: one for name, one in {**user("user1"), **PATCH}.items() if name != "password_hash"}
    for path in paths:
        assert (await gateway.get(path)).json()["user"]["full_name"] == "Ada Lovelace"


async def test_a_new_order_is_seen_by_the_next_read(start_gateway: StartGateway) -> None:
    """It is answered with 201 and the order, and stands first among the user's."""
    gateway = await start_gateway()
    await gateway.get(PROFILE)
    answer = await command(gateway, "place_order")
    assert (answer.status_code, answer.json()["user_id"], answer.json()["items"]) == (201, "user1", [ITEM])
    orders = (await gateway.get(PROFILE)).json()["orders"]
    assert [one["id"] for one in orders] == [answer.json()["id"], "o2", "o1"]


@pytest.mark.parametrize(
    ("name", "key", "sent"),
    [
        ("change_profile", None, ("PATCH", "application/merge-patch+json", "", PATCH)),
        ("change_profile", "a-b", ("PATCH", "application/merge-patch+json", "a-b", PATCH)),
        ("place_order", '"a-b"', ("POST", "application/json", '"a-b"', ORDER)),
        ("place_order", "!" * 255, ("POST", "application/json", "!" * 255, ORDER)),
    ],
)
async def test_the_service_is_sent_what_was_asked_for(
    start_gateway: StartGateway, name: str, key: str | None, sent: tuple[object, ...]
) -> None:
    """With the key, if there is one, and only the members that the command names."""
    gateway = await start_gateway(AUTH="off")
    assert (await command(gateway, name, key=key)).status_code in {200, 201}
    assert gateway.services.changes == [sent]


async def test_a_key_is_of_whoever_sends_it(
    start_gateway: StartGateway, issuer: Issuer, asks_for_tokens: Mapping[str, str]
) -> None:
    """The same one of somebody else is another one to the service; of the same one it is the same again."""
    gateway = await start_gateway(**asks_for_tokens)
    for subject in ("user1", "user1", "shop"):
        token = issuer.token(subject, scope="orders:write orders:write:any")
        assert (await command(gateway, "place_order", Authorization=f"Bearer {token}")).status_code == 201
    first, again, other = (key for _, _, key, _ in gateway.services.changes)
    assert first == again != other
    assert KEY not in {first, other}


async def test_what_could_be_read_in_two_ways_is_passed_on_in_one(start_gateway: StartGateway) -> None:
    """Of a member that stands twice the last one counts, for the gateway and for the service."""
    gateway = await start_gateway()
    twice = b'{"user_id":"user2","items":[{"product_id":"p1","quantity":1,"price":1.50}],"user_id":"user1"}'
    answer = await command(gateway, "place_order", twice)
    assert (answer.status_code, answer.json()["user_id"]) == (201, "user1")
    assert gateway.services.changes[0][3]["user_id"] == "user1"


@pytest.mark.parametrize("price", ["0", "0.10", "99.990", "1000000", "12e2", "0.000000000000000000000000001"])
async def test_amounts_keep_their_digits(start_gateway: StartGateway, price: str) -> None:
    """On their way to the service."""
    sent: list[bytes] = []

    def take(call: Call[Any]) -> Reply:
        sent.append(call.body or b"")
        return Reply(201, JSON, orjson.dumps(FakeServices()._place(ORDER, "")))

    services = FakeServices.with_profile()
    services.replies["orders"] = take
    gateway = await start_gateway(services)
    body = f'{{"user_id":"user1","items":[{{"product_id":"p1","quantity":1,"price":{price}}}]}}'.encode()
    assert (await command(gateway, "place_order", body)).status_code == 201
    assert sent == [body]


def _item(**changed: object) -> bytes:
    return orjson.dumps({**ORDER, "items": [{**ITEM, **changed}]})


HOSTILE: Final[Mapping[str, tuple[str, bytes, int]]] = {
    "nothing": ("change_profile", b"", 400),
    "no JSON": ("change_profile", b"{", 400),
    "two texts": ("change_profile", b"{}{}", 400),
    "no UTF-8": ("change_profile", b'{"full_name":"\xff"}', 400),
    "not a number": ("place_order", _item(price=0).replace(b":0}", b":NaN}"), 400),
    "too deep": ("change_profile", b'{"full_name":' + b"[" * 30_000, 422),
    "a list": ("change_profile", b"[]", 422),
    "null": ("change_profile", b"null", 422),
    "null in a member": ("change_profile", b'{"full_name":null}', 422),
    "an empty name": ("change_profile", b'{"full_name":""}', 422),
    "a name without end": ("change_profile", orjson.dumps({"full_name": "x" * 201}), 422),
    "a name that breaks lines": ("change_profile", b'{"full_name":"a\\nb"}', 422),
    "no address": ("change_profile", b'{"email":"nobody"}', 422),
    "what nobody may change": ("change_profile", b'{"id":"user2"}', 422),
    "what is not theirs": ("change_profile", b'{"is_active":true}', 422),
    "a member too many": ("place_order", orjson.dumps({**ORDER, "status": "paid"}), 422),
    "a member too many within": ("place_order", _item(discount=1), 422),
    "no items": ("place_order", b'{"user_id":"user1","items":[]}', 422),
    "too many items": ("place_order", orjson.dumps({**ORDER, "items": [ITEM] * 101}), 422),
    "nobody": ("place_order", orjson.dumps({"items": [ITEM]}), 422),
    "no id": ("place_order", orjson.dumps({**ORDER, "user_id": "../user2"}), 422),
    "an id with an end of line": ("place_order", orjson.dumps({**ORDER, "user_id": "user1\n"}), 422),
    "a product that is no id": ("place_order", _item(product_id="p 1"), 422),
    "none of it": ("place_order", _item(quantity=0), 422),
    "less than none": ("place_order", _item(quantity=-1), 422),
    "half of one": ("place_order", _item(quantity=0.5), 422),
    "a number as text": ("place_order", _item(quantity="1"), 422),
    "a price as text": ("place_order", _item(price="1.5"), 422),
    "a price below nothing": ("place_order", _item(price=-0.01), 422),
    "a price too high": ("place_order", _item(price=1_000_000.01), 422),
    "a price beyond numbers": ("place_order", _item(price=0).replace(b":0}", b":1e999}"), 422),
    "a price without end": ("place_order", _item(price=0).replace(b":0}", b":0." + b"1" * 50 + b"}"), 422),
    "too much": ("change_profile", orjson.dumps({"full_name": "x" * 70_000}), 413),
}


@pytest.mark.parametrize(("name", "body", "status"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_body_that_is_not_as_it_should_be_reaches_nobody(
    start_gateway: StartGateway, name: str, body: bytes, status: int
) -> None:
    """It is a problem, which never repeats what was sent; nothing is outdated."""
    gateway = await start_gateway()
    await gateway.get(PROFILE)
    calls = len(gateway.services.calls)
    answer = await command(gateway, name, body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert len(answer.content) < 500
    assert len(gateway.services.calls) == calls
    assert (await gateway.get(PROFILE)).json()["metadata"]["cached"] is True


async def test_the_name_of_an_unknown_member_is_not_repeated(start_gateway: StartGateway) -> None:
    """It is whatever the client likes, as long as a body may be."""
    answer = await command(await start_gateway(), "change_profile", {"x" * 10_000: 1})
    assert answer.json()["detail"] == "Object contains unknown member."


@each_command
@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/json, text/plain", "*/*"],
)
async def test_another_type_of_body_is_refused(start_gateway: StartGateway, name: str, media_type: str) -> None:
    """415 names those that are taken (RFC 9110 §15.5.16)."""
    gateway = await start_gateway()
    answer = await command(gateway, name, Content_Type=media_type)
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:problem:unsupported-media-type")
    assert answer.headers["accept"].split(", ")[-1] == "application/json"
    assert gateway.services.calls == []


@each_command
async def test_a_coded_body_is_refused(start_gateway: StartGateway, name: str) -> None:
    """Nobody here would decode it."""
    answer = await command(await start_gateway(), name, Content_Encoding="gzip")
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json", "application/json ;a=b"],
)
async def test_json_is_taken_as_a_merge_patch(start_gateway: StartGateway, media_type: str) -> None:
    """Whatever parameters it has; the service is sent a merge patch."""
    gateway = await start_gateway()
    assert (await command(gateway, "change_profile", Content_Type=media_type)).status_code == 200
    assert gateway.services.changes[0][1] == "application/merge-patch+json"


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "a\tb", '"', '""', '"a', 'a"', 'a"b', "a\\b"])
@each_command
async def test_a_key_that_is_none_is_refused(start_gateway: StartGateway, name: str, key: str) -> None:
    """Before anything is asked for."""
    gateway = await start_gateway()
    answer = await command(gateway, name, key=key)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:problem:invalid-input")
    assert answer.json()["detail"].startswith("Idempotency-Key must be ")
    assert gateway.services.calls == []


async def test_an_order_needs_a_key_and_only_one(start_gateway: StartGateway) -> None:
    """Without it, nobody could send it again; with two, nobody knows which counts."""
    gateway = await start_gateway()
    assert (await command(gateway, "place_order", key=None)).status_code == 400
    two = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), ("Content-Type", "application/json")]
    answer = await gateway.client.post(ORDERS, content=orjson.dumps(ORDER), headers=two)
    assert (answer.status_code, gateway.services.calls) == (400, [])


@pytest.mark.parametrize("path", ["/api/profile/a.b", "/api/profile/x%20y", f"/api/profile/{'x' * 65}"])
async def test_an_id_that_is_none_is_refused(start_gateway: StartGateway, path: str) -> None:
    """As of a read."""
    gateway = await start_gateway()
    answer = await command(gateway, "change_profile", path=path)
    assert (answer.status_code, gateway.services.calls) == (400, [])


def _says(status: int, body: bytes = b"{}", media_type: str = "application/json") -> Callable[[Call[Any]], Reply]:
    return lambda _call: Reply(status, {"content-type": media_type}, body)


REFUSALS: Final = {
    ("change_profile", 404): (404, "not-found"),
    ("change_profile", 422): (422, "unprocessable"),
    ("place_order", 422): (422, "unprocessable"),
    ("place_order", 409): (409, "conflict"),
    ("change_profile", 400): (503, "service-unavailable"),
    ("change_profile", 401): (503, "service-unavailable"),
    ("place_order", 404): (503, "service-unavailable"),
    ("place_order", 415): (503, "service-unavailable"),
}


@pytest.mark.parametrize(
    ("name", "said", "status", "kind"), [(*asked, *told) for asked, told in REFUSALS.items()], ids=str
)
async def test_a_refusal_of_the_service_is_told_in_words_of_our_own(
    start_gateway: StartGateway, name: str, said: int, status: int, kind: str
) -> None:
    """Nothing of what it says gets out, and nothing is outdated: it was not done."""
    services = FakeServices.with_profile()
    gateway = await start_gateway(services)
    await gateway.get(PROFILE)
    services.replies[SERVICE[name]] = _says(
        said, b'{"detail":"at http://10.0.0.7:8001/users"}', "application/problem+json"
    )
    answer = await command(gateway, name)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:problem:{kind}")
    assert b"10.0.0.7" not in answer.content
    assert ("retry-after" in answer.headers) == (status == 503)
    assert (await gateway.get(PROFILE)).json()["metadata"]["cached"] is True


async def test_a_404_of_somebody_in_between_is_no_answer_of_the_service(start_gateway: StartGateway) -> None:
    """It says nothing about whether there is such a user; but nothing was done."""
    services = FakeServices.with_profile()
    services.replies["users"] = _says(404, b"<html>", "text/html")
    assert (await command(await start_gateway(services), "change_profile")).status_code == 503


NOT_DONE: Final = [
    NotConnected("down", retryable=True),
    CircuitOpen("open"),
    Overloaded("full"),
    AttemptTimeout("none"),
]


@each_command
@pytest.mark.parametrize("failure", NOT_DONE, ids=lambda one: type(one).__name__)
async def test_what_has_not_left_was_not_done(start_gateway: StartGateway, name: str, failure: UpstreamError) -> None:
    """503 with Retry-After says so, and nothing is outdated."""
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, RETRIES="0")
    await gateway.get(PROFILE)
    services.failures[SERVICE[name]] = failure
    before = _count("commands_total", command=name, outcome="not_done")
    answer = await command(gateway, name)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["detail"].startswith("Nothing was changed")
    assert _count("commands_total", command=name, outcome="not_done") == before + 1
    assert (await gateway.get(PROFILE)).json()["metadata"]["cached"] is True


def _raises(error: Exception) -> Callable[[Call[Any]], Reply]:
    def fail(_call: Call[Any]) -> Reply:
        raise error

    return fail


UNKNOWN: Final[Mapping[str, Callable[[Call[Any]], Reply]]] = {
    "timeout": _raises(AttemptTimeout("no answer")),
    "broken": _raises(Unreachable("the connection broke")),
    "503": _raises(Unreachable("status 503", status=503)),
    "500": _raises(Unreachable("status 500", status=500)),
    "no JSON": _says(200, b"{"),
    "another shape": _says(201, b"{}"),
    "another type": _says(200, b"{}", "text/html"),
    "no content": _says(204, b""),
}


@pytest.mark.parametrize("key", [KEY, None])
@each_command
@pytest.mark.parametrize("reply", UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_what_may_have_been_done_is_told_as_that(
    start_gateway: StartGateway, name: str, reply: Callable[[Call[Any]], Reply], key: str | None
) -> None:
    """504; the next read sees whatever there is, and who has a key is told what it is good for."""
    if name == "place_order" and key is None:
        return
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, RETRIES="0")
    await gateway.get(PROFILE)
    services.replies[SERVICE[name]] = reply
    before = _count("commands_total", command=name, outcome="unknown")
    answer = await command(gateway, name, key=key)
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:problem:outcome-unknown")
    assert "retry-after" not in answer.headers
    safe = name == "place_order"
    assert ("Sent again with the same Idempotency-Key, it is done once." in answer.json()["detail"]) == safe
    assert _count("commands_total", command=name, outcome="unknown") == before + 1
    services.replies.clear()
    services.users["user1"]["full_name"] = "Done After All"
    assert (await gateway.get(PROFILE)).json()["user"]["full_name"] == "Done After All"


@each_command
async def test_an_answer_about_somebody_else_is_none(start_gateway: StartGateway, name: str) -> None:
    """It is shown to nobody, and counted by itself."""
    services = FakeServices.with_profile()
    other = user("user2") if name == "change_profile" else FakeServices()._place({**ORDER, "user_id": "user2"}, "")
    services.replies[SERVICE[name]] = _says(200 if name == "change_profile" else 201, orjson.dumps(other))
    gateway = await start_gateway(services)
    labels = {"service_name": f"{SERVICE[name][:-1]}_service", "outcome": "wrong_subject"}
    before = _count("upstream_calls_total", **labels)
    answer = await command(gateway, name)
    assert answer.status_code == 504
    assert b"user2" not in answer.content
    assert _count("upstream_calls_total", **labels) == before + 1


async def test_reads_are_answered_from_memory_until_it_is_done(start_gateway: StartGateway) -> None:
    """What is outdated is so when the service has answered, and before the client is told."""
    services, gate = FakeServices.with_profile(), asyncio.Event()
    gateway = await start_gateway(services, REQUEST_BUDGET_SECONDS="30", ATTEMPT_TIMEOUT_SECONDS="30")
    await gateway.get(PROFILE)
    services.late["users"] = gate
    changing = asyncio.create_task(command(gateway, "change_profile"))
    while not services.changes:
        await asyncio.sleep(0)
    assert (await gateway.get(PROFILE)).json()["metadata"]["cached"] is True
    gate.set()
    assert (await changing).status_code == 200
    read = (await gateway.get(PROFILE)).json()
    assert (read["metadata"]["cached"], read["user"]["full_name"]) == (False, "Ada Lovelace")


@each_command
async def test_whoever_leaves_does_not_stop_it(start_gateway: StartGateway, name: str) -> None:
    """It is seen through, and what it outdates is outdated."""
    services, gate = FakeServices.with_profile(), asyncio.Event()
    gateway = await start_gateway(services, REQUEST_BUDGET_SECONDS="30", ATTEMPT_TIMEOUT_SECONDS="30")
    await gateway.get(PROFILE)
    services.late[SERVICE[name]] = gate
    method, path, body = COMMANDS[name]
    data = json.dumps(body).encode()
    done = _count("commands_total", command=name, outcome="done")
    async with Wire(gateway.client.port) as wire:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\n{SHOWN_TEXT}Idempotency-Key: {KEY}\r\n"
            f"Content-Type: {TYPES[method]}\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        wire.send(head.encode() + data)
        while not services.changes:
            await asyncio.sleep(0)
    gate.set()
    while _count("commands_total", command=name, outcome="done") == done:
        await asyncio.sleep(0)
    assert (await gateway.get(PROFILE)).json()["metadata"]["cached"] is False


async def test_the_document_is_true_of_commands(start_gateway: StartGateway) -> None:
    """Of what is done, and of each way in which it is not."""
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, RETRIES="0")
    described = Described((await gateway.get("/openapi.json")).json())
    described.assert_valid()
    for where, schema, value in described.examples():
        described.assert_fits(schema, value, where)
    statuses = set()
    for name, (method, path, _) in COMMANDS.items():
        template = path.replace("user1", "{user_id}")
        answers = [
            await command(gateway, name),
            await command(gateway, name, b"{"),
            await command(gateway, name, {"other": 1}),
            await command(gateway, name, key="a b"),
            await command(gateway, name, Content_Type="text/plain"),
        ]
        for said in (404, 409, 422, 401):
            services.replies[SERVICE[name]] = _says(said)
            answers.append(await command(gateway, name))
        services.replies[SERVICE[name]] = UNKNOWN["timeout"]
        answers.append(await command(gateway, name))
        for answer in answers:
            described.assert_tells_of(method, template, answer)
            statuses.add(answer.status_code)
    assert statuses == {200, 201, 400, 404, 409, 415, 422, 503, 504}


@each_command
async def test_commands_are_shed_like_everything_else(start_gateway: StartGateway, name: str) -> None:
    """503 with Retry-After, before the service is asked."""
    services, gate = FakeServices.with_profile(), asyncio.Event()
    services.gates["products"] = gate
    gateway = await start_gateway(
        services, MAX_REQUESTS_IN_FLIGHT="1", REQUEST_BUDGET_SECONDS="30", ATTEMPT_TIMEOUT_SECONDS="30"
    )
    waiting = asyncio.create_task(gateway.get(PROFILE))
    while not services.batches:
        await asyncio.sleep(0)
    answer = await command(gateway, name)
    gate.set()
    assert ((await waiting).status_code, answer.status_code, services.changes) == (200, 503, [])
    assert answer.json()["type"] == "urn:problem:overloaded"


async def test_nothing_of_a_body_is_logged(start_gateway: StartGateway) -> None:
    """Nor the key, nor of whom it is; what fails is told by its template."""
    services = FakeServices.with_profile()
    services.replies["users"] = UNKNOWN["timeout"]
    gateway = await start_gateway(services, RETRIES="0")
    lines: list[bytes] = []
    with heard(lines.append):
        await command(gateway, "change_profile")
        await command(gateway, "place_order")
    told = b"".join(lines)
    assert b'"path":"/users/{user_id}"' in told
    assert not any(secret in told for secret in (b"Ada", b"user1", KEY.encode()))


async def test_the_same_order_is_placed_once(start_gateway: StartGateway) -> None:
    """With the same key the service gives the same answer, and so does the gateway."""
    gateway = await start_gateway()
    answers = [await command(gateway, "place_order") for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert len((await gateway.get(PROFILE)).json()["orders"]) == 3


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("subject", "scopes", "status"),
    [
        ("user1", "{}:write", "done"),
        ("user1", "openid {}:write profile:read", "done"),
        ("user1", "", 403),
        ("user1", "{}:writex", 403),
        ("user1", "{}:read", 403),
        ("user2", "{}:write", 403),
        ("user2", "", 403),
        ("USER1", "{}:write", 403),
        ("shop", "{}:write:any", "done"),
        ("shop", "{}:write:any {}:write", "done"),
        (None, "", 401),
    ],
)
async def test_it_is_for_its_owner(
    start_gateway: StartGateway,
    issuer: Issuer,
    asks_for_tokens: Mapping[str, str],
    *,
    name: str,
    subject: str | None,
    scopes: str,
    status: object,
) -> None:
    """Or for whoever may do so for anybody, whether the path or the body tells whose it is; else nobody is asked."""
    gateway = await start_gateway(**asks_for_tokens)
    scope = scopes.replace("{}", {"change_profile": "profile", "place_order": "orders"}[name])
    shown = {} if subject is None else {"Authorization": f"Bearer {issuer.token(subject, scope=scope)}"}
    answer = await command(gateway, name, **shown)
    done = {"change_profile": 200, "place_order": 201}[name]
    assert answer.status_code == (done if status == "done" else status)
    assert len(gateway.services.changes) == (status == "done")
    if status != "done":
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_refusals_of_owners_are_counted(
    start_gateway: StartGateway, issuer: Issuer, asks_for_tokens: Mapping[str, str]
) -> None:
    """Also where only the body tells whose it is."""
    gateway = await start_gateway(**asks_for_tokens)
    token = issuer.token("user2", scope="orders:write profile:write")
    counted: list[float] = []
    for name in COMMANDS:
        before = sum(sample.value for one in REGISTRY.collect() if one.name == "auth_refused" for sample in one.samples)
        await command(gateway, name, Authorization=f"Bearer {token}")
        after = sum(sample.value for one in REGISTRY.collect() if one.name == "auth_refused" for sample in one.samples)
        counted.append(after - before)
    assert counted == [1, 1]


async def test_a_quota_counts_commands(start_gateway: StartGateway) -> None:
    """Like everything else; who has none left changes nothing."""
    gateway = await start_gateway(RATE_LIMIT_ADDRESS="2/3600", AUTH="off")
    statuses = [(await command(gateway, name)).status_code for name in (*COMMANDS, *COMMANDS)]
    assert statuses == [200, 201, 429, 429]
    assert len(gateway.services.changes) == 2


@pytest.mark.parametrize(("path", "method"), [(PROFILE, "PATCH"), (ORDERS, "POST")])
async def test_browsers_may_send_commands(start_gateway: StartGateway, path: str, method: str) -> None:
    """A preflight lets scripts of a known origin send the key and the body."""
    gateway = await start_gateway(CORS_ORIGINS="https://app.example.org")
    fields = {"Origin": "https://app.example.org", "Access-Control-Request-Method": method}
    answer = await gateway.client.options(path, headers=fields)
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    assert {"Idempotency-Key", "Content-Type"} <= {*answer.headers["access-control-allow-headers"].split(", ")}


async def test_the_index_leads_to_commands(start_gateway: StartGateway) -> None:
    """By their names, with their methods."""
    assert (await (await start_gateway()).get("/")).json()["commands"] == {
        "place_order": {"method": "POST", "path": "/api/orders"},
        "change_profile": {"method": "PATCH", "path": "/api/profile/{user_id}"},
    }


async def test_without_commands_there_are_none(start_gateway: StartGateway) -> None:
    """Neither routes nor links."""
    gateway = await start_gateway(commands=())
    assert "commands" not in (await gateway.get("/")).json()
    assert (await command(gateway, "place_order")).status_code == 404
    assert (await command(gateway, "change_profile")).status_code == 405
