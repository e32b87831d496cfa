"""What events outdate is declared beside the parts, and held against what it may be."""

from dataclasses import replace
from typing import Any

import pytest

from bff.aggregates.profile import PROFILE
from bff.catalogue import catalogue
from bff.parts.invalidates import MAX_TAGS, Invalidates, WrongTags
from bff.parts.keyed import keyed
from bff.parts.single import single
from bff.settings import GatewaySettings
from bff.sources.orders import ORDERS
from bff.sources.products import PRODUCTS, Product
from bff.sources.users import USER, USER_SERVICE, User
from shared.errors import DeclarationError, SettingsError
from shared.events.cloud_event import CloudEvent
from shared.settings.loading import load

TYPE = "com.example.changed"
CHANGED = Invalidates(TYPE, lambda event: [f"thing:{event.subject}"])
ODD: list[Any] = [CHANGED, [TYPE], (TYPE, CHANGED), None, {TYPE: CHANGED}, "ab"]
WRONG: list[Any] = [
    *(
        "thing:1",
        ["thing:*"],
        ["thing:"],
        ["thing"],
        ["Thing:1"],
        [":1"],
        ["thing:a b"],
        ["thing:" + "x" * 65],
        ["thing:1\n"],
        [1],
    ),
    *(None, 1, [None], [b"thing:1"], [[]], [f"thing:{number}" for number in range(MAX_TAGS + 1)]),
]


def event(**more: Any) -> CloudEvent:
    """An event with these attributes."""
    return CloudEvent(**{"specversion": "1.0", "id": "1", "source": "/", "type": TYPE, **more})


def declare_single(outdated_by: Any) -> Any:
    """A part of one call."""
    return single(
        "extra",
        USER_SERVICE,
        User,
        "/extra/{user_id}",
        about=lambda user: user.id,
        owner="user_id",
        outdated_by=outdated_by,
    )


def declare_keyed(outdated_by: Any) -> Any:
    """A part of items."""
    return keyed("extra", USER_SERVICE, Product, post="/extra", outdated_by=outdated_by)


@pytest.mark.parametrize("declare", [declare_single, declare_keyed])
@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_what_is_no_declaration_is_refused(declare: Any, odd: Any) -> None:
    """Of either sort of parts, when they are declared; a list will do."""
    with pytest.raises(DeclarationError, match="part 'extra': what it is outdated by is no tuple"):
        declare(odd)
    assert declare([CHANGED]).outdated_by == [CHANGED]


@pytest.mark.parametrize("kind", ["", "a\n", "x" * 1025, None, 5])
def test_a_type_is_one_that_events_can_have(kind: Any) -> None:
    """Else it would never come."""
    with pytest.raises(DeclarationError, match="no event can be of the type"):
        Invalidates(kind, lambda _: [])


@pytest.mark.parametrize("tags_of", [None, lambda: (), lambda _one, _two: [], ["thing:1"]], ids=range(4))
def test_tags_are_found_by_a_function_of_an_event(tags_of: Any) -> None:
    """Nothing else is called."""
    with pytest.raises(DeclarationError, match="tags are found by no function"):
        Invalidates(TYPE, tags_of)


def test_no_two_declarations_are_of_one_type() -> None:
    """Each event has one meaning; the same declaration may stand beside two parts."""
    same = (replace(ORDERS, outdated_by=(CHANGED,)), replace(USER, outdated_by=(CHANGED, CHANGED)))
    assert catalogue([_with(*same)]).events == {TYPE: CHANGED}
    other = (replace(ORDERS, outdated_by=(CHANGED,)), replace(USER, outdated_by=(Invalidates(TYPE, CHANGED.tags_of),)))
    with pytest.raises(DeclarationError, match=f"two declarations are of events of the type '{TYPE}'"):
        catalogue([_with(*other)])


def _with(*parts: Any) -> Any:
    async def load(_id: str, _sources: Any) -> Any:
        raise NotImplementedError

    return replace(PROFILE, load=load, parts=parts, counted=(), views=())


@pytest.mark.parametrize("tags", WRONG, ids=range(len(WRONG)))
def test_other_tags_are_refused(tags: Any) -> None:
    """Those of no form, too many, and text in the place of a list."""
    with pytest.raises(WrongTags):
        Invalidates(TYPE, lambda _: tags).tags(event())


def test_an_event_that_does_not_say_what_is_expected_is_refused() -> None:
    """Without a subject, or without the data that would have to be there."""
    with pytest.raises(WrongTags):
        CHANGED.tags(event())
    odd: list[Any] = [None, {}, {"user_id": None}, [], {"user_id": "a b"}]
    for data in odd:
        with pytest.raises(WrongTags):
            ORDERS.outdated_by[0].tags(event(data=data))


def test_each_sample_tells_whom_it_is_about() -> None:
    """The subject, or what the data of an order says; each tag once."""
    assert USER.outdated_by[0].tags(event(subject="user1")) == ["user:user1"]
    assert PRODUCTS.outdated_by[0].tags(event(subject="prod1")) == ["product:prod1"]
    assert ORDERS.outdated_by[0].tags(event(subject="order1", data={"user_id": "user1"})) == ["user:user1"]
    twice = Invalidates(TYPE, lambda event: (f"{name}:{event.subject}" for name in ("a", "b", "a")))
    assert twice.tags(event(subject="1")) == ["a:1", "b:1"]
    assert catalogue([PROFILE]).events.keys() == {
        "com.example.user.changed.v1",
        "com.example.product.changed.v1",
        "com.example.order.placed.v1",
    }


def test_a_start_looks_back_as_long_as_anything_is_current() -> None:
    """As all is, or as one part is declared to be."""
    assert catalogue([PROFILE]).longest_fresh(30) == 30
    assert catalogue([_with(replace(USER, ttl=5.0), replace(ORDERS, ttl=90.0))]).longest_fresh(30) == 90


@pytest.mark.parametrize(
    ("stream", "namespace", "good"),
    [
        *(("bff:events", "bff", True), ("bff:events", "shop", True), ("elsewhere", "bff", True), ("b", "bff", True)),
        *(("bff:revocations", "bff", False), ("bff:generation", "bff", False), ("shop:x", "shop", False)),
    ],
)
def test_events_do_not_stand_where_the_cache_has_its_own(stream: str, namespace: str, good: bool) -> None:
    """Revocations, the generation, stamps, entries: whoever deleted them as no stream would do harm."""
    environment = {"EVENTS_STREAM": stream, "CACHE_NAMESPACE": namespace}
    if good:
        assert load(GatewaySettings, environment).events_stream == stream
    else:
        with pytest.raises(SettingsError, match="EVENTS_STREAM"):
            load(GatewaySettings, environment)
