"""Lists of records about several things: whatever is among them, each thing has its own record, or none."""

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadResponse, Refused, WrongSubject
from shared.upstream.call import Reply
from shared.upstream.records import Records

_JSON: Final = {"content-type": "application/json"}
_ASKED: Final = ("a", "b", "c", "d")


class Thing(msgspec.Struct, frozen=True):
    """A record."""

    name: str
    size: int


_things = Records(Thing, "name")
_folded = Records(Thing, "name", str.casefold)

_good = st.builds(lambda name, size: {"name": name, "size": size}, st.sampled_from(_ASKED), st.integers(0, 9))
_stray = st.just({"name": "z", "size": 1})
_spoilt = st.builds(lambda name: {"name": name, "size": "big"}, st.sampled_from(_ASKED))
_nameless: st.SearchStrategy[object] = st.sampled_from([None, 7, [], {}, {"size": 1}, {"name": 1, "size": 1}])


def _read(records: Records[Thing], said: object) -> Mapping[str, Thing | None]:
    """All that is known, None for what the service does not know."""
    try:
        found = records.about(_ASKED)(Reply(200, _JSON, json.dumps(said).encode()))
    except BadResponse as error:
        return error.rest or {}
    return {name: found.get(name) for name in _ASKED}


@given(said=st.lists(_good | _stray | _spoilt | _nameless, max_size=8))
def test_each_thing_has_its_own_record_or_none(said: list[Any]) -> None:
    """What is known is right; a thing without a record is unknown only if no record may have been its own."""
    known = _read(_things, said)
    named = [record for record in said if isinstance(record, dict) and isinstance(record.get("name"), str)]
    spoilt = {record["name"] for record in named if record["size"] == "big"}
    told = {record["name"]: record["size"] for record in named} if named else {}
    whole = len(named) == len(said) and "z" not in told
    for name in _ASKED:
        if name in spoilt:
            assert name not in known
        elif name in told:
            assert known[name] == Thing(name, told[name])
        else:
            assert (name in known) is whole
            assert known.get(name) is None


@given(said=st.lists(_good, max_size=4), strays=st.integers(0, 2), nameless=st.integers(0, 2))
def test_what_is_raised_says_what_it_is(said: list[Any], strays: int, nameless: int) -> None:
    """Anything about something else is a wrong subject, whatever else is wrong; a service that gives nothing fails."""
    body = json.dumps([*said, *[{"name": "z", "size": 1}] * strays, *[{}] * nameless]).encode()
    read = _things.about(_ASKED)
    if not strays and not nameless:
        assert set(read(Reply(200, _JSON, body))) == {record["name"] for record in said}
        return
    with pytest.raises(WrongSubject if strays else BadResponse) as raised:
        read(Reply(200, _JSON, body))
    assert isinstance(raised.value, WrongSubject) is bool(strays)
    assert raised.value.is_failure is (not said)
    assert (raised.value.rest is None) is (not said)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"null", b"7", b'"a"', b'{"name":"a","size":1}', b"[" * 200_000, b'[{"name":"a","size":"big"},',
        b'[{"name":"a","size":"big"}]]', b'[7,{"name":"a","size":NaN}]', b'[7,{"name":"\xff"}]', b'[7,"\\ud800"]',
        b'[{"name":' + b"[" * 200_000,
    ],
    ids=lambda body: repr(body[:30]),
)  # fmt: skip
def test_what_is_no_list_is_no_answer(body: bytes) -> None:
    """Nothing of it is taken, wherever it breaks off, and it speaks against the service."""
    with pytest.raises(BadResponse) as raised:
        _things.about(_ASKED)(Reply(200, _JSON, body))
    assert (raised.value.rest, raised.value.is_failure) == (None, True)


@pytest.mark.parametrize("record", [0, {}, {"name": "a", "size": "big"}])
def test_a_flood_of_wrong_records_is_not_looked_through(record: object) -> None:
    """A body full of them costs no more than reading it."""
    body = json.dumps([{"name": "a", "size": 1}] + [record] * 8).encode()
    with pytest.raises(BadResponse) as raised:
        _things.about(_ASKED)(Reply(200, _JSON, body))
    assert (raised.value.rest, raised.value.is_failure) == (None, True)


def test_one_spoilt_record_alone_says_nothing_about_the_service() -> None:
    """It may be the only one that there is of its kind."""
    with pytest.raises(BadResponse) as raised:
        _things.about(["a"])(Reply(200, _JSON, b'[{"name":"a","size":"big"}]'))
    assert (raised.value.rest, raised.value.is_failure) == (None, False)


@given(names=st.lists(st.sampled_from(["A", "a", "B", "b", "z"]), max_size=5))
def test_a_service_may_fold_case(names: list[str]) -> None:
    """Where that is declared a record is of whatever is the same to the service, and asked for under either name."""
    said = [{"name": name, "size": 1} for name in names]
    folded = {name.casefold() for name in names}
    known = _read(_folded, said)
    assert {name for name in _ASKED if known.get(name)} == {name for name in _ASKED if name in folded}
    assert set(known) == (set(_ASKED) if "z" not in folded else folded & set(_ASKED))
    both = _folded.about(["a", "A"])(Reply(200, _JSON, b'[{"name":"A","size":1}]'))
    assert both.keys() == {"a", "A"}


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_refusal_is_told_from_other_errors(status: int) -> None:
    """By the statuses that are about the question; it carries the status, and says nothing about the service."""
    with pytest.raises(Refused) as raised:
        _things.about(_ASKED)(Reply(status, _JSON, b"{}"))
    assert (raised.value.status, raised.value.is_failure, raised.value.reason) == (status, False, "bad_response")


class Numbered(msgspec.Struct, frozen=True):
    """A record that has a number, under another name in JSON."""

    number: int = msgspec.field(name="no")
    size: int = 0


class Marked(msgspec.Struct, frozen=True):
    """A record that has a UUID."""

    mark: uuid.UUID
    size: int = 0


_MARKS: Final = [str(uuid.UUID(int=number)) for number in range(4)]


@pytest.mark.parametrize(
    ("records", "field", "names"),
    [(Records(Numbered, "number"), "no", [1, 2, 3, 4]), (Records(Marked, "mark"), "mark", _MARKS)],
    ids=["numbers", "UUIDs"],
)
def test_things_may_be_told_apart_by_other_than_text(records: Records[Any], field: str, names: list[Any]) -> None:
    """They are asked for by its text; one that is wrong, or about something else, costs itself alone."""
    asked = [str(name) for name in names[:3]]
    read = records.about(asked)
    found = read(Reply(200, _JSON, json.dumps([{field: name} for name in names[:2]]).encode()))
    assert list(found) == asked[:2]
    with pytest.raises(BadResponse) as spoilt:
        read(Reply(200, _JSON, json.dumps([{field: names[0]}, {field: names[1], "size": "big"}]).encode()))
    assert spoilt.value.rest is not None
    assert spoilt.value.rest.keys() == {asked[0], asked[2]}
    with pytest.raises(WrongSubject):
        read(Reply(200, _JSON, json.dumps([{field: names[3]}]).encode()))
