"""Commands are declared once, and what contradicts itself is refused with a sentence."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
import pytest

from bff.aggregates.profile import PROFILE
from bff.app import create_app
from bff.catalogue import catalogue
from bff.commands.kind import AnyCommand, Asked
from bff.commands.orders import PLACE_ORDER
from bff.commands.profile import CHANGE_PROFILE
from bff.endpoints.command_operation import first_access, operation_of
from bff.settings import GatewaySettings, settings_for
from shared import ids
from shared.edge.access import SIGNED_IN, Access
from shared.errors import DeclarationError
from shared.settings.loading import load
from shared.upstream.service import Service

ANY: Any = lambda _one: None  # noqa: E731 - what the types forbid where it stands
_OPEN: Final = msgspec.defstruct("Open", [("full_name", str)])
_OPEN_WITHIN: Final = msgspec.defstruct("Within", [("user_id", str), ("of", _OPEN)], forbid_unknown_fields=True)


@pytest.mark.parametrize(
    ("command", "changed", "sentence"),
    [
        (CHANGE_PROFILE, {"name": "Change"}, "nothing can be called 'Change'"),
        (CHANGE_PROFILE, {"path": "api/x/{user_id}"}, "'api/x/{user_id}' is no path"),
        (CHANGE_PROFILE, {"path": "/api/x/{user_id}/"}, "'/api/x/{user_id}/' is no path"),
        (CHANGE_PROFILE, {"path": "/api/x?of={user_id}"}, "'/api/x?of={user_id}' is no path"),
        (CHANGE_PROFILE, {"path": "/api/../{user_id}"}, "is no path that everybody reads as the same"),
        (CHANGE_PROFILE, {"to": "/users/{id}"}, "'/users/{id}' has the parameter 'id'"),
        (CHANGE_PROFILE, {"id_types": {"id": ids.UUID}}, "'id' is no parameter of '/api/profile/{user_id}'"),
        (CHANGE_PROFILE, {"subject": "email_id"}, "its subject 'email_id' is neither in the path nor in the body"),
        (CHANGE_PROFILE, {"statuses": ()}, "() are no statuses of success"),
        (CHANGE_PROFILE, {"statuses": (200, 404)}, "(200, 404) are no statuses of success"),
        (CHANGE_PROFILE, {"refusals": {401: "No."}}, "401 is no refusal"),
        (CHANGE_PROFILE, {"answer": dict}, "dict is no struct"),
        (CHANGE_PROFILE, {"request": _OPEN}, "Open, or something in it, takes members that it does not name"),
        (PLACE_ORDER, {"request": _OPEN_WITHIN}, "Within, or something in it, takes members that it does not name"),
        (CHANGE_PROFILE, {"asked_example": {"id": "user123"}}, "its examples do not fit it (WrongShape: "),
        (CHANGE_PROFILE, {"answer_example": {}}, "its examples do not fit it (WrongShape: "),
        (CHANGE_PROFILE, {"about": lambda user: user.key}, "its examples do not fit it (AttributeError: "),
        (CHANGE_PROFILE, {"outdates": ANY}, "its examples do not fit it (TypeError: "),
        (
            PLACE_ORDER,
            {"outdates": lambda _, order: [f"order:{order.id}"]},
            "its examples do not fit it (AttributeError: ",
        ),
        (CHANGE_PROFILE, {"outdates": lambda asked, _: [asked.subject]}, "'user123' is no tag"),
        (CHANGE_PROFILE, {"outdates": lambda *_: ["user:*"]}, "'user:*' is no tag"),
        (CHANGE_PROFILE, {"outdates": lambda *_: []}, "it outdates nothing"),
        (PLACE_ORDER, {"about": lambda order: order.id}, "its examples are not about the same"),
    ],
)
def test_what_contradicts_itself_is_refused(command: AnyCommand, changed: Mapping[str, Any], sentence: str) -> None:
    """Where it is declared."""
    with pytest.raises(DeclarationError) as refused:
        replace(command, **changed)
    assert sentence in str(refused.value)
    assert str(refused.value).startswith(f"command {changed.get('name', command.name)!r}: ")


@pytest.mark.parametrize(
    ("commands", "sentence"),
    [
        ([CHANGE_PROFILE, CHANGE_PROFILE], "2 commands have the name 'change_profile'"),
        (
            [CHANGE_PROFILE, replace(CHANGE_PROFILE, name="other")],
            "2 commands have the route 'PATCH /api/profile/{user_id}'",
        ),
        (
            [CHANGE_PROFILE, replace(PLACE_ORDER, service=Service("user_service", url="http://a"))],
            "two services are called",
        ),
        (
            [replace(CHANGE_PROFILE, outdates=lambda asked, _: [f"usr:{asked.subject}"])],
            "command 'change_profile': nothing carries a tag such as 'usr:user123'",
        ),
        (ANY, "the commands are no tuple; that of one has a comma: (ONE,)"),
    ],
)
def test_what_does_not_fit_the_others_is_refused(commands: Any, sentence: str) -> None:
    """Two of one name or route, two services of one name, and what outdates nothing that there is."""
    with pytest.raises(DeclarationError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        catalogue([PROFILE], commands)


@pytest.mark.parametrize("changed", [{"name": "index"}, {"method": "POST", "path": "/api/revocations", "to": "/x"}])
def test_a_route_of_the_gateway_itself_is_no_command(changed: Mapping[str, Any]) -> None:
    """Its name is taken, and its path."""
    command = replace(PLACE_ORDER, **changed)
    settings = load(GatewaySettings, {"ADMIN_TOKEN": "a-token-of-thirty-two-characters"})
    with pytest.raises(DeclarationError, match="two routes"):
        create_app(settings, commands=[command])


def test_a_service_of_a_command_alone_has_settings() -> None:
    """It is declared like any other."""
    own = replace(CHANGE_PROFILE, service=Service("change_service", url="http://127.0.0.1:8009"))
    settings = load(settings_for(catalogue([PROFILE], [own])), {"CHANGE_SERVICE_URL": "http://changes"})
    assert settings.services["change_service"].url == "http://changes"


def test_no_tag_is_made_of_what_cannot_be_one() -> None:
    """What a service has called so strangely is in no entry either."""
    command = replace(
        PLACE_ORDER, outdates=lambda asked, order: [f"user:{asked.subject}", f"order:{order and order.id}"]
    )
    answer = msgspec.convert({**PLACE_ORDER.answer_example, "id": "a b"}, dict[str, Any])  # type: ignore[dict-item]
    order = msgspec.json.decode(msgspec.json.encode(answer), type=command.answer)
    assert command.tags(Asked("user1", ANY), order) == ["user:user1"]


@pytest.mark.parametrize(
    ("command", "access", "first"),
    [
        (CHANGE_PROFILE, None, None),
        (CHANGE_PROFILE, Access(owner="sub", scope="a"), Access(owner="sub", scope="a")),
        (PLACE_ORDER, None, None),
        (PLACE_ORDER, SIGNED_IN, SIGNED_IN),
        (PLACE_ORDER, Access(scope="a"), Access(scope="a")),
        (PLACE_ORDER, Access(owner="sub"), SIGNED_IN),
        (PLACE_ORDER, Access(owner="sub", any_scope="b"), SIGNED_IN),
        (PLACE_ORDER, Access(owner="sub", scope="a", any_scope="b"), Access(scope="a", any_scope="b")),
    ],
)
def test_what_is_asked_for_first(command: AnyCommand, access: Access | None, first: Access | None) -> None:
    """Before the body is read: everything but whose it is, where only that tells it."""
    assert first_access(replace(command, access=access)) == first


@pytest.mark.parametrize("command", [CHANGE_PROFILE, PLACE_ORDER], ids=lambda one: one.name)
def test_a_key_is_asked_for_where_it_is_needed(command: AnyCommand) -> None:
    """The document says so."""
    (key,) = [one for one in operation_of(command).parameters if one.place == "header"]
    assert (key.name, key.required) == ("Idempotency-Key", command.method == "POST")
