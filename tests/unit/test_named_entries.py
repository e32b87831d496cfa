"""Names of entries as they stand in keys, and lives as they are asked for."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.crc import key_slot

from shared.cache.entry import LONGEST_SECONDS
from shared.cache.keys import Keys
from shared.cache.named import NAMED, escaped, ttl_seconds

KEYS = Keys("bff", [NAMED])
_names = st.text(st.one_of(st.sampled_from("{}%a:*\ud800\udc00\x00\r\n"), st.characters(codec=None)), max_size=8)


@given(_names, _names)
@example("\ud800\udc00", "\U00010000")
@example("{", "%7B")
@example("", "%")
def test_no_two_names_become_one(one: str, other: str) -> None:
    """Whatever is in them, braces and halves of characters included."""
    assert (escaped(one) == escaped(other)) == (one == other)


@given(_names, _names)
def test_beginnings_stay_beginnings(beginning: str, rest: str) -> None:
    """All names that begin alike can be found by how they begin."""
    assert escaped(beginning + rest) == escaped(beginning) + escaped(rest)


@given(_names.filter(bool))
def test_a_key_is_utf_8_and_on_the_node_of_its_lease(name: str) -> None:
    """The hash tag is all of the name, so what is said of it stands in one place of a cluster."""
    key = KEYS.entry(NAMED.name, escaped(name))
    assert KEYS.subject(key) == escaped(name)
    assert KEYS.kind(key) is NAMED
    assert key_slot(key.encode()) == key_slot(KEYS.lease(key).encode()) == key_slot(escaped(name).encode())


@pytest.mark.parametrize(
    ("asked", "given_"),
    [
        (None, LONGEST_SECONDS),
        (0, LONGEST_SECONDS),
        (0.0, LONGEST_SECONDS),
        (0.25, 0.25),
        (7, 7),
        (LONGEST_SECONDS + 1, LONGEST_SECONDS),
        (math.inf, LONGEST_SECONDS),
    ],
)
def test_a_life_is_what_is_asked_for_and_bounded(asked: float | None, given_: float) -> None:
    """None and 0 stand for as long as anything is kept, as aiocache says."""
    assert ttl_seconds(asked) == given_


@pytest.mark.parametrize("asked", [-1, -0.001, math.nan, -math.inf])
def test_what_is_no_life_is_refused(asked: float) -> None:
    """Nothing can be kept until before now."""
    with pytest.raises(ValueError, match="time to live"):
        ttl_seconds(asked)
