"""Answers as bytes."""

import orjson
import pytest

from bff.answer import compose
from bff.parts.part import Aggregate, Part
from shared.http.conditional import matches

FACTS = {"user_id": "u1", "orders_count": 0}


def _aggregate(status: str = "fresh") -> Aggregate:
    part: Part[object] = _fresh(b'{"id":"u1"}') if status == "fresh" else Part.missing("timeout")
    return Aggregate({"user": part, "orders": _fresh(b"[]")})


def _fresh(json: bytes) -> Part[object]:
    return Part(object(), "fresh", json)


def test_both_variants_differ_in_cached_alone() -> None:
    """The stored body says cached, the sent one does not, and nothing else differs."""
    answer = compose(_aggregate(), FACTS, ttl=30, duration=0.0123, now=1_800_000_000.5)
    sent, stored = orjson.loads(answer.body), orjson.loads(answer.cached_body)
    assert sent["metadata"].pop("cached") is False
    assert stored["metadata"].pop("cached") is True
    assert sent == stored
    assert sent["metadata"]["aggregated_at"] == "2027-01-15T08:00:00.500Z"
    assert sent["metadata"]["aggregation_time_ms"] == 12.3


def test_a_partial_answer_has_no_entity_tag() -> None:
    """What must not be stored anywhere carries no validator."""
    answer = compose(_aggregate("missing"), FACTS, ttl=30, duration=0.1, now=0.0)
    assert answer.etag is None
    assert orjson.loads(answer.body)["user"] is None


def test_the_tag_follows_the_parts_and_not_the_time() -> None:
    """The same parts put together later are equivalent; other parts are not."""
    one = compose(_aggregate(), FACTS, ttl=30, duration=0.1, now=1.0)
    later = compose(_aggregate(), FACTS, ttl=30, duration=0.2, now=2.0)
    other = compose(Aggregate({"user": _fresh(b'{"id":"u2"}')}), {}, ttl=30, duration=0.1, now=1.0)
    assert one.etag == later.etag != other.etag


@pytest.mark.parametrize("header", ['W/"abc"', '"abc"', '"x", W/"abc"', "*", ' W/"abc" '])
def test_if_none_match_is_compared_weakly(header: str) -> None:
    """Any member of the list matches, strong or weak (RFC 9110 §13.1.2)."""
    assert matches(header, 'W/"abc"')


@pytest.mark.parametrize("header", [None, "", '"abcd"', "abc", ","])
def test_other_tags_do_not_match(header: str | None) -> None:
    """An absent, malformed or different tag gets the whole answer."""
    assert not matches(header, 'W/"abc"')
