"""What is made of the operations that routes declare."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from shared import codec, ids
from shared.edge.access import Access
from shared.edge.credentials import Credentials
from shared.errors import DeclarationError, NotFound
from shared.http.openapi.document import Info, document
from shared.http.openapi.operation import Answer, Body, Header, Operation, Parameter, Tag, example_of
from shared.http.openapi.security import NO_SECURITY, Security
from shared.http.routing import Route
from shared.settings.secret import Secret
from tests.fixtures.openapi import Described

INFO = Info("things", "1.2.3", "All *things*.")
THINGS = Tag("things", "What there is.")
ACCESS = Access(scope="things:read", any_scope="things:read:any", admin=True)
SECURITY = Security(tokens=True, admin=True, limited=True)


class Piece(msgspec.Struct):
    """A piece; ``price`` is what it costs."""

    price: Decimal
    weight: Decimal | None


class Thing(msgspec.Struct):
    """A thing."""

    id: str
    pieces: list[Piece]


THING = Thing("one", [Piece(Decimal("1.50"), None)])
ANSWER = Answer(200, "It.", Thing, examples=example_of(THING))


def _route(operation: Operation, *, method: str = "GET", template: str = "/things/<id>", name: str = "thing") -> Route:
    return Route(method, template, name, operation)


def _operation(**changes: Any) -> Operation:
    fields = {"summary": "One", "tag": THINGS, "answers": (ANSWER,), "parameters": (Parameter.in_path("id", ids.TEXT),)}
    return Operation(**{**fields, **changes})


def _of(*routes: Route, security: Security = NO_SECURITY) -> Described:
    described = Described(document(INFO, routes, security))
    described.assert_valid()
    return described


def test_it_tells_what_the_app_is() -> None:
    """Name, version and description, and that paths begin where the document is."""
    made = _of(_route(_operation())).document
    assert made["info"] == {"title": "things", "version": "1.2.3", "description": "All *things*."}
    assert (made["openapi"], made["servers"]) == ("3.1.1", [{"url": "/"}])
    assert made["tags"] == [{"name": "things", "description": "What there is."}]
    assert "jsonSchemaDialect" not in made


def test_decimals_are_numbers_and_docstrings_descriptions() -> None:
    """As they are sent, whatever msgspec would say by itself, inside unions too."""
    schemas = _of(_route(_operation())).document["components"]["schemas"]
    assert schemas["Piece"]["properties"]["price"] == {"type": "number"}
    assert {"type": "number"} in schemas["Piece"]["properties"]["weight"]["anyOf"]
    assert schemas["Piece"]["description"] == "A piece; ``price`` is what it costs."


def test_every_example_is_of_its_schema() -> None:
    """Of bodies both ways, and of problems."""
    body = Body(Thing, codec.encode(THING))
    described = _of(_route(_operation(body=body, problems=(NotFound("None."),)), method="POST"))
    examples = list(described.examples())
    for where, schema, value in examples:
        described.assert_fits(schema, value, where)
    assert {"POST /things/{id} application/json example", "POST /things/{id} application/problem+json not-found"} <= {
        where for where, _, _ in examples
    }


def test_a_problem_stands_under_its_status_with_its_header_fields() -> None:
    """One that the operation raises, with its own sentence, and what any request may meet."""
    seen = Header("Seen", "When it was there last.")
    operation = _operation(
        problems=(NotFound("There is no such thing."),), problem_headers={NotFound: (seen,)}, access=ACCESS
    )
    described = _of(_route(operation), security=SECURITY)
    responses = described.document["paths"]["/things/{id}"]["get"]["responses"]
    problem = responses["404"]["content"]["application/problem+json"]["examples"]["not-found"]["value"]
    assert (problem["type"], problem["detail"]) == ("urn:problem:not-found", "There is no such thing.")
    assert described.resolved(responses["401"]["headers"]["WWW-Authenticate"])["required"] is True
    assert [status for status, response in responses.items() if "Seen" in response.get("headers", {})] == ["404"]
    assert responses["500"] == {"$ref": "#/components/responses/InternalError"}
    assert set(responses) == {"200", "400", "401", "403", "404", "408", "413", "417", "429", "431", "500", "503"}


def test_what_is_secured_says_so_and_else_nobody_speaks_of_security() -> None:
    """The schemes are there where an operation needs them, each with the scopes that would do."""
    secured = _of(_route(_operation(access=ACCESS)), security=SECURITY).document
    assert secured["paths"]["/things/{id}"]["get"]["security"] == [
        {"admin_token": []},
        {"access_token": ["things:read"]},
        {"access_token": ["things:read:any"]},
    ]
    assert secured["components"]["securitySchemes"]["access_token"]["scheme"] == "bearer"
    assert "securitySchemes" not in _of(_route(_operation())).document["components"]


def test_an_answer_and_a_problem_may_share_a_status() -> None:
    """Each with its own media type."""
    answers = (ANSWER, Answer(503, "Not now.", Thing))
    response = _of(_route(_operation(answers=answers))).document["paths"]["/things/{id}"]["get"]["responses"]["503"]
    assert set(response["content"]) == {"application/json", "application/problem+json"}
    assert response["description"].startswith("Not now.")


def test_answers_of_one_status_are_alternatives() -> None:
    """Each with its examples; together they are what may come."""
    answers = (ANSWER, Answer(200, "Its pieces.", list[Piece], examples={"pieces": codec.encode(THING.pieces)}))
    described = _of(_route(_operation(answers=answers)))
    body = described.document["paths"]["/things/{id}"]["get"]["responses"]["200"]["content"]["application/json"]
    assert [*body["schema"]] == ["anyOf"]
    assert [*body["examples"]] == ["example", "pieces"]
    for where, schema, value in described.examples():
        described.assert_fits(schema, value, where)


@pytest.mark.parametrize("parameters", [(), ("other",), ("id", "other")])
def test_what_stands_in_the_path_is_declared(parameters: tuple[str, ...]) -> None:
    """Neither less nor more."""
    operation = _operation(parameters=[Parameter.in_path(name, ids.TEXT) for name in parameters])
    with pytest.raises(DeclarationError, match="route 'thing'"):
        document(INFO, [_route(operation)])


def test_two_things_of_one_name_are_no_document() -> None:
    """Such as a header field that is described in two ways."""
    answers = [Answer(status, "It.", headers=(Header("X", str(status)),)) for status in (200, 202)]
    with pytest.raises(DeclarationError, match="two headers called 'X'"):
        document(INFO, [_route(_operation(answers=answers))])


def test_ids_are_described_as_their_type_has_them() -> None:
    """Numbers as numbers."""
    operation = _operation(parameters=(Parameter.in_path("id", ids.INTEGER, "7"),))
    (parameter,) = _of(_route(operation)).document["paths"]["/things/{id}"]["get"]["parameters"]
    assert (parameter["schema"]["type"], parameter["example"], parameter["required"]) == ("integer", 7, True)
    assert parameter["description"] == "A whole number from 0, of at most 18 digits."


def test_other_bodies_have_other_media_types() -> None:
    """Each its own schema and example."""
    batch = Body(list[Thing], codec.encode([THING]), ("application/things+json",))
    body = Body(Thing, codec.encode(THING), others=(batch,))
    made = _of(_route(_operation(body=body), method="POST")).document["paths"]["/things/{id}"]["post"]
    contents = made["requestBody"]["content"]
    assert [*contents] == ["application/json", "application/things+json"]
    assert contents["application/json"]["schema"] == {"$ref": "#/components/schemas/Thing"}
    assert contents["application/things+json"]["schema"]["items"] == {"$ref": "#/components/schemas/Thing"}


def test_who_else_is_let_in_is_told() -> None:
    """By a token of their own, or a signature, where that is set."""
    access, key = Access(scope="things:write", admin=True), Secret("a-key-to-sign-with")
    for credentials, names in (
        (Credentials("events", Secret("a-token-of-events"), key), {"events_token", "events_signature"}),
        (Credentials("events", Secret(), key), {"events_signature"}),
        (Credentials("events", Secret(), Secret()), set()),
        (None, set()),
    ):
        operation = _operation(access=access, credentials=credentials)
        document = _of(_route(operation), security=SECURITY).document
        schemes = document["components"]["securitySchemes"]
        asked = {name for one in document["paths"]["/things/{id}"]["get"]["security"] for name in one}
        assert asked == {*schemes} == {"admin_token", "access_token"} | names
        if "events_signature" in names:
            found = {name: schemes["events_signature"][name] for name in ("type", "in", "name")}
            assert found == {"type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"}
