"""What is said of a Redis that is not used, and when."""

from collections.abc import Iterator

import orjson
import pytest
from redis.exceptions import AuthenticationError, ClusterError, NoPermissionError, ResponseError

from shared.cache.link import LinkLost
from shared.cache.redis_errors import NodeRefused, StateLog, reason
from tests.fixtures.log_lines import heard

NOPERM = "NOPERM this user has no permissions to run the 'pexpire' command"


@pytest.fixture
def lines() -> Iterator[list[tuple[str, str | None]]]:
    """Each event, with the error."""
    said: list[tuple[str, str | None]] = []

    def take(line: bytes) -> None:
        document = orjson.loads(line)
        said.append((document["event"], document.get("error")))

    with heard(take):
        yield said


def caused(error: Exception, by: Exception) -> Exception:
    """An error that another one has led to."""
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "why", "refused"),
    [
        (NodeRefused("OOM no room"), "OOM no room", True),
        (ResponseError(NOPERM), NOPERM, True),
        (NoPermissionError(NOPERM[7:], status_code="NOPERM"), NOPERM, True),
        (AuthenticationError("invalid password", status_code="WRONGPASS"), "WRONGPASS invalid password", True),
        (caused(ClusterError("no node"), ResponseError(NOPERM)), NOPERM, True),
        (ResponseError(""), "ResponseError", True),
        (ResponseError("OOM " + "a" * 10_000), "OOM " + "a" * 236, True),
        (ResponseError("ERR unknown command 'SET', with args beginning with: 'key' 'value'"),
         "ERR unknown command 'SET'", True),
        (OSError("no route"), "no route", False),
        (TimeoutError(), "TimeoutError", False),
        (caused(LinkLost(), OSError("gone")), "OSError", False),
    ],
    ids=repr,
)  # fmt: skip
def test_the_words_are_those_of_redis(error: Exception, why: str, refused: bool) -> None:
    """Code and text, bounded, and without the values that it was sent."""
    assert reason(error) == (why, refused)


def test_a_line_for_each_change(lines: list[tuple[str, str | None]]) -> None:
    """Of state, and of what Redis refuses for; what cannot be reached is not said again in other words."""
    said = StateLog()
    for error in (
        OSError("one"),
        OSError("other"),
        NodeRefused("A"),
        NodeRefused("A"),
        OSError("one"),
        NodeRefused("A"),
    ):
        said.absent(error)
    for text in ("B", "B in other words", NOPERM, NOPERM, f"{NOPERM} either"):
        said.absent(NodeRefused(text))
    said.up(tracked=True)
    said.bypassed(NodeRefused("A"))
    for error in (NodeRefused("A"), TimeoutError("late"), NodeRefused("C")):
        said.absent(error)
    assert lines == [
        ("redis unavailable", "one"),
        ("redis unavailable", "A"),
        ("redis unavailable", "B"),
        ("redis unavailable", NOPERM),
        ("redis unavailable", f"{NOPERM} either"),
        ("redis tier up", None),
        ("redis tier bypassed", "A"),
        ("redis unavailable", "C"),
    ]
