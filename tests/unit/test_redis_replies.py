"""What can be an answer to which command, and what news can be."""

from itertools import product
from typing import Any, Final

import pytest
from redis.exceptions import ResponseError

from shared.cache.answers import found_in, stamp_in
from shared.cache.replies import MOVING, OddReply, ReplyTypes, check, never, outdated_keys, reply_types
from shared.cache.stamps import NEVER

ERROR: Final = ResponseError("ERR what?")
ANSWERS: Final[list[Any]] = [
    b"OK", b"master", b"", None, True, False, 0, -2, 2**63 - 1, 1.5, float("nan"), [], [b"master", 0, []], [b"slave"],
    [None], [1], [[b"master"]],
    [b"1764096000", b"7"], [b"1764096000"], [b"1", b"2", b"3"], [b"-1", b"7"], [b"1", 7],
    [ERROR], {}, {b"a": 1}, "OK", ERROR,
]  # fmt: skip
FITTING: Final[dict[str, list[Any]]] = {
    "GET": [b"OK", b"master", b"", None],
    "SET": [b"OK", None],
    "PTTL": [0, -2, 2**63 - 1],
    "PEXPIRE": [0, -2, 2**63 - 1],
    "UNLINK": [0, -2, 2**63 - 1],
    "DBSIZE": [0, -2, 2**63 - 1],
    "INFO": [b"OK", b"master", b""],
    "CLIENT": [b"OK"],
    "ROLE": [
        [b"master", 0, []],
        [b"slave"],
        [b"1764096000", b"7"],
        [b"1764096000"],
        [b"1", b"2", b"3"],
        [b"-1", b"7"],
        [b"1", 7],
    ],
    "TIME": [[b"1764096000", b"7"]],
    "another": [b"OK", b"master", b""],
}


def _check(answer: Any, fits: ReplyTypes) -> None:
    wanted = fits.get(type(answer), never)
    if wanted is not None:
        check(answer, wanted)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(("command", "answer"), list(product(FITTING, ANSWERS)), ids=repr)
def test_an_answer_fits_its_command_or_is_none(command: str, answer: Any) -> None:
    """An error answers anything; a type that only looks alike (a boolean for a number) is another type."""
    (fits,) = reply_types([(command, "key")])
    if answer is ERROR or any(_same(answer, fit) for fit in FITTING[command]):
        _check(answer, fits)
    else:
        with pytest.raises(OddReply):
            _check(answer, fits)


RECORDS: Final[dict[str, list[Any]]] = {
    "XADD": [b"1764096000000-0", b"0-1", ERROR],
    "XRANGE": [[], [[b"1-0", []]], [[b"1-0", [b"r", b"a"]], [b"1-1", [b""]]], ERROR],
}
NO_RECORDS: Final[dict[str, list[Any]]] = {
    "XADD": [b"", b"1", b"1-", b"-1", b"a-b", b"1-0-1", "1-0", 1, None, []],
    "XRANGE": [
        *(None, b"", {}, [None], [[]], [[b"1-0"]], [[b"1-0", None]], [[b"1-0", []], [b"1-", []]]),
        *([record] for record in ([1, []], [b"1-0", [1]], [b"1-0", [], []], b"1-0")),
    ],
}


@pytest.mark.parametrize(
    ("command", "answer", "fits"),
    [
        (command, answer, fits)
        for answers, fits in ((RECORDS, True), (NO_RECORDS, False))
        for command in answers
        for answer in answers[command]
    ],
    ids=repr,
)
def test_records_have_an_id_and_fields(command: str, answer: Any, fits: bool) -> None:
    """All of them, and no more than that."""
    (types,) = reply_types([(command, "key")])
    if fits:
        _check(answer, types)
    else:
        with pytest.raises(OddReply):
            _check(answer, types)


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ([b"invalidate", None], None),
        ([b"invalidate", []], []),
        ([b"invalidate", [b"a", b"\xff"]], ["a", "\ufffd"]),
        ([b"message", 1, {}], []),
        ([b"subscribe"], []),
    ],
)
def test_news_name_keys_or_all(message: list[Any], names: list[str] | None) -> None:
    """News of another kind name none."""
    assert outdated_keys(message) == names


@pytest.mark.parametrize("message", [[], [None, None], [[b"invalidate"], None], [ERROR, None], [1]], ids=repr)
def test_news_without_a_kind_are_none(message: list[Any]) -> None:
    """They may be anything."""
    with pytest.raises(OddReply):
        outdated_keys(message)


@pytest.mark.parametrize(
    "names", [1, True, b"a", {}, ERROR, [None], [1], [b"a", 1], [[b"a"]], ["a"], [ERROR]], ids=repr
)
def test_news_of_what_is_no_key_are_none(names: Any) -> None:
    """Nor with more or less than that."""
    for message in ([b"invalidate", names], [b"invalidate"], [b"invalidate", None, None], [b"invalidate", [b"a"], []]):
        with pytest.raises(OddReply):
            outdated_keys(message)


@pytest.mark.parametrize(
    ("answer", "stamp"),
    [
        (None, None),
        (b"12345678", b"12345678"),
        (b"", bytes(8)),
        (b"123", b"123" + bytes(5)),
        (b"123456789", b"12345678"),
        *((ResponseError(f"{code} 1 127.0.0.1:1"), MOVING) for code in ("ASK", "TRYAGAIN")),
    ],
    ids=repr,
)
def test_whatever_stands_where_a_stamp_should_tells_before_from_after(answer: Any, stamp: Any) -> None:
    """It is as long as one; nothing is nothing, and what is being moved is not known."""
    assert stamp_in(answer, 8) == stamp


def test_a_stamp_of_another_type_is_no_absent_one() -> None:
    """Somebody has purged, and a list has taken the place of that: nothing from before it is believed."""
    odd = ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
    found = found_in([b"data", odd])
    assert (found.data, found.wrong_type) == (b"data", False)
    (stamp,) = found.stamps
    assert stamp != NEVER
    assert len(stamp) == len(NEVER)
