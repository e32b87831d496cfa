"""The rules themselves: streams as they should be break none, and whoever breaks one is found."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.items import Event, Form, Item, Malformed
from tests.conformance.json_lines import JSON_LINES
from tests.conformance.rules import Rules
from tests.conformance.sse import SSE
from tests.conformance.transcripts import (
    FRESH,
    HEARTBEAT,
    LIVE,
    MISSING,
    ONE_SHOT,
    PROBLEM,
    RESUMED,
    anew,
    begin,
    complete,
    end,
    part,
)  # fmt: skip

FORMS: Final = pytest.mark.parametrize("form", [SSE, JSON_LINES], ids=["sse", "json_lines"])
WHOLE: Final = (part(), part("orders"), complete())
ANEW: Final = (anew(), part("orders"), complete())


def _broken(form: Form, items: Sequence[Item], *, live: bool, asked_with: str | None) -> list[str]:
    """What is found after the way over the wire."""
    read = form.items(b"".join(map(form.write, items)))
    return Rules(form, live=live, asked_with=asked_with).broken(read)


@FORMS
@pytest.mark.parametrize(
    ("items", "live", "asked_with"),
    [
        (ONE_SHOT, False, None),
        ((begin(), part("orders"), HEARTBEAT, part(), part("orders"), complete(), end()), False, None),
        ((begin(), part(), part("orders", MISSING), complete(None), end()), False, None),
        ((begin(), part("orders"), end("problem", problem=PROBLEM)), False, None),
        ((begin(), part("orders"), end("problem", problem=PROBLEM, retry=1234)), False, None),
        ((begin(), *ANEW, end()), False, "b2"),
        ((begin(), *ANEW, end()), False, None),
        (LIVE, True, None),
        (RESUMED, True, "a1"),
        ((begin(live=True), *ANEW, end("expired")), True, "b2"),
    ],
)
def test_streams_as_they_should_be_break_no_rule(
    form: Form, items: Sequence[Item], live: bool, asked_with: str | None
) -> None:
    """One-shot and live, whole and partial, from the beginning and resumed."""
    assert _broken(form, items, live=live, asked_with=asked_with) == []


WRONG: Final[Sequence[tuple[str, Sequence[Item]]]] = [
    ("5.1", ()),
    ("5.1", ONE_SHOT[:-1]),
    ("5.1", ONE_SHOT[1:]),
    ("5.1", (*ONE_SHOT, end())),
    ("5.1", (*ONE_SHOT, HEARTBEAT)),
    ("5.1", (HEARTBEAT, *ONE_SHOT)),
    ("5.1", (begin(), *ONE_SHOT)),
    ("5.1", (begin(), part(), complete(), end())),
    ("5.1", (begin(), part(), part("orders"), end())),
    ("5.1", (begin(), *WHOLE, part(), complete(), end())),
    ("5.1", (begin(), *WHOLE, HEARTBEAT, end())),
    ("5.1", (begin(), Event("update", None, b"{}"), *WHOLE, end())),
    ("5.1", (begin(), complete(unchanged=True), end())),
    ("5.2", (begin(parts=[]), *WHOLE, end())),
    ("5.2", (begin(parts=["user", "orders", "user"]), *WHOLE, end())),
    ("5.2", (begin(live=True), *WHOLE, end())),
    ("5.2", (begin(user_id=1), *WHOLE, end())),
    ("5.3", (begin(), part("products"), *WHOLE, end())),
    ("5.3", (begin(), part(provenance={}), *WHOLE, end())),
    ("5.3", (begin(), part(provenance={"status": "good"}), *WHOLE, end())),
    ("5.3", (begin(), part(provenance={"status": "stale"}), *WHOLE, end())),
    ("5.3", (begin(), part(provenance={**FRESH, "reason": "timeout"}), *WHOLE, end())),
    ("5.3", (begin(), part(), part("orders", MISSING, value=[]), complete(None), end())),
    ("5.4", (begin(), part(), part("orders"), complete(None), end())),
    ("5.4", (begin(), part(), part("orders"), complete(None, metadata={}), end())),
    ("5.4", (begin(), part(), part("orders", MISSING), complete(), end())),
    ("5.4", (begin(), part(), part("orders"), complete(of_state="b2"), end())),
    ("5.4", (begin(), part(), part("orders"), complete(etag='"a1"'), end())),
    ("5.4", (begin(), part(), part("orders"), complete(etag=None), end())),
    ("5.4", (begin(), part(), part("orders", MISSING), complete(None, etag='W/"a1"'), end())),
    ("5.4", (begin(), part()._replace(id="a1"), *WHOLE, end())),
    ("5.4", (begin(), part(), part("orders"), complete(unchanged=True), end())),
    ("5.5", (begin(), *WHOLE, end("limit"))),
    ("5.5", (begin(), *WHOLE, end("whim"))),
    ("5.5", (begin(), *WHOLE, end("problem"))),
    ("5.5", (begin(), *WHOLE, end(problem=PROBLEM))),
    ("5.6", (begin(), *WHOLE, end("drain"))),
    ("6.4", (begin()._replace(id=""), *WHOLE, end())),
    ("6.4", (begin(), part(), part("orders"), complete()._replace(id=""), end())),
    ("6.4", (begin(), *WHOLE, end()._replace(id=""))),
]


@FORMS
@pytest.mark.parametrize(("section", "items"), WRONG)
def test_whoever_breaks_a_rule_is_found(form: Form, section: str, items: Sequence[Item]) -> None:
    """Each one-shot stream that is wrong in one way; what JSON lines have nothing for, they cannot break."""
    broken = _broken(form, items, live=False, asked_with=None)
    assert section in {one.partition(":")[0] for one in broken} or (section == "6.4" and form is JSON_LINES)


@pytest.mark.parametrize(
    ("section", "asked_with", "items"),
    [
        ("5.1", None, (begin(live=True), complete(unchanged=True), end("limit"))),
        ("5.1", "b2", (begin(live=True), complete(unchanged=True), end("limit"))),
        ("5.4", None, (begin(live=True), *WHOLE, complete(), end("limit"))),
        ("5.4", None, (begin(live=True), *WHOLE, anew(), complete("b2", unchanged=True), end("limit"))),
        ("5.5", None, (begin(live=True), *WHOLE, end())),
        ("5.6", None, (begin(live=True), *WHOLE, end("drain", retry=1234)._replace(retry=None))),
        ("5.6", None, (begin(live=True), *WHOLE, end("drain", retry=1234)._replace(retry=1235))),
        ("5.6", None, (begin(live=True), *WHOLE, end("limit")._replace(retry=1234))),
        ("5.6", None, (begin(live=True)._replace(retry=1234), *WHOLE, end("limit"))),
        ("6.4", "b2", (begin(live=True), *WHOLE, end("limit"))),
        ("6.4", None, (begin(live=True), *WHOLE, part(), complete("b2"), end("limit"))),
        ("6.4", "b2", (begin(live=True), part(), anew("orders"), complete(), end("limit"))),
    ],
)
def test_whoever_breaks_a_rule_of_live_streams_is_found(
    section: str, asked_with: str | None, items: Sequence[Item]
) -> None:
    """In Server-Sent Events, which have all that can be wrong."""
    assert section in {one.partition(":")[0] for one in _broken(SSE, items, live=True, asked_with=asked_with)}


@FORMS
@given(data=st.data())
def test_nothing_can_be_left_out_said_twice_or_said_in_another_order(form: Form, data: st.DataObject) -> None:
    """But for parts among themselves, whose order and number are free."""
    items = list(ONE_SHOT)
    at = data.draw(st.integers(0, len(items) - 1))
    change = data.draw(st.sampled_from(["leave out", "say twice", "swap"]))
    if change == "leave out":
        items.pop(at)
    elif change == "say twice":
        items.insert(at, items[at])
    else:
        other = data.draw(st.integers(0, len(items) - 1))
        items[at], items[other] = items[other], items[at]
    told = [item[0] for item in items]
    are_free = sorted(told, key=["begin", "part", "complete", "end"].index) == told and {*told} == {
        "begin", "part", "complete", "end",
    } and len(told) - told.count("part") == 3 and {*ONE_SHOT} == {*items}  # fmt: skip
    assert (_broken(form, items, live=False, asked_with=None) == []) == are_free


@FORMS
@given(data=st.data())
def test_nothing_is_read_that_would_be_written_otherwise(form: Form, data: st.DataObject) -> None:
    """A byte less or another one anywhere is found, or is of what an event says."""
    written = bytearray(b"".join(map(form.write, LIVE)))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at : at + 1] = data.draw(st.sampled_from([b"", b"\r", b"\n", b"\0", b"\xef\xbb\xbf", b" ", b":", b"}"]))
    try:
        read = form.items(bytes(written))
    except Malformed:
        return
    assert b"".join(map(form.write, read)) == bytes(written)
