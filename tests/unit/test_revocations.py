"""Which tokens are revoked, in whichever order and however often that is heard."""

import itertools
import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.revocations import KINDS, LIMIT, NoRoom, Revocation, Revocations
from shared.edge.settings import LONGEST_SECONDS
from shared.observing import metrics
from tests.fixtures.log_lines import heard

NOW, KEEP = 1_800_000_000.0, 86_400.0
NAMES = ("a", "b", "user1|ü", "\ud800")


class Clock:
    """The time that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """It is that time."""
        return self.now


def revocations(clock: Clock | None = None, limit: int = LIMIT) -> Revocations:
    """None are known yet."""
    return Revocations(KEEP, clock or Clock(), limit)


names = st.sampled_from(NAMES)
instants = st.floats(NOW - 100, NOW + 100)
ends = st.floats(NOW + 1, NOW + KEEP)
some = st.one_of(st.builds(Revocation.of_token, names, ends), st.builds(Revocation.of_subject, names, instants, ends))


@given(st.lists(some, max_size=12), st.randoms(use_true_random=False))
def test_order_and_number_do_not_matter(said: list[Revocation], chance: random.Random) -> None:
    """Whoever has heard the same knows the same, and says so in the same words."""
    one, other = revocations(), revocations()
    for revocation in said:
        one.add(revocation)
    again = [revocation.to_bytes() for revocation in said * 2]
    chance.shuffle(again)
    for record in again:
        assert other.learn([record]) == 0
    assert {*one.known()} == {*other.known()}
    third = revocations()
    assert third.learn(one.known()) == 0
    assert {*third.known()} == {*one.known()}


@given(st.lists(some, max_size=12), names, names, st.none() | instants)
def test_a_token_is_revoked_when_a_revocation_names_it(
    said: list[Revocation], token_id: str, subject: str, issued_at: float | None
) -> None:
    """By its id whenever it was issued; by its subject if it was issued before, or does not say when."""
    known = revocations()
    for revocation in said:
        known.add(revocation)
    by_id = Revocation.of_token(token_id, 0).digest in {one.digest for one in said if one.kind == "jti"}
    of_subject = [one for one in said if one[:2] == Revocation.of_subject(subject, 0, 0)[:2]]
    by_subject = any(issued_at is None or issued_at < one.not_before for one in of_subject)
    assert known.revokes(token_id, None, issued_at) == by_id
    assert known.revokes(None, subject, issued_at) == by_subject
    assert known.revokes(token_id, subject, issued_at) == (by_id or by_subject)
    assert not known.revokes(None, None, issued_at)


def test_a_token_of_the_very_instant_is_not_revoked() -> None:
    """Tokens issued before are: an instant that is given may be that of the first good one."""
    known = revocations()
    known.add(Revocation.of_subject("a", NOW, NOW + 1))
    assert [known.revokes(None, "a", at) for at in (math.nextafter(NOW, 0), NOW, NOW + 1)] == [True, False, False]


@given(st.lists(some, min_size=1, max_size=12))
def test_who_listens_hears_of_whatever_may_revoke_more(said: list[Revocation]) -> None:
    """And with nothing else: neither with what is known nor with a longer life of it."""
    known = revocations()
    changes: list[str] = []
    known.on_change(lambda: changes.append("more"))
    covered: dict[tuple[str, bytes], float] = {}
    for revocation in said:
        which = revocation.kind, revocation.digest
        changes.clear()
        news = revocation.not_before > covered.get(which, -math.inf)
        assert known.add(revocation) == news
        assert len(changes) == news
        covered[which] = max(covered.get(which, -math.inf), revocation.not_before)
    changes.clear()
    known.learn(one._replace(until=NOW + KEEP).to_bytes() for one in said)
    assert not changes


@given(st.lists(some, max_size=12), st.floats(0, KEEP + 1))
def test_each_ends_in_its_time(said: list[Revocation], seconds: float) -> None:
    """Nobody is told of it then, and nothing is revoked by it; whoever hears of it late does not begin with it."""
    clock = Clock()
    known = revocations(clock)
    for revocation in said:
        known.add(revocation)
    clock.now += seconds
    last = {
        name: max((one.until for one in said if one.digest == one.of_token(name, 0).digest), default=0)
        for name in NAMES
    }
    for name, until in last.items():
        assert known.revokes(name, None, None) == (until > clock.now)
    late = revocations(clock)
    late.learn(known.known())
    late.learn(one.to_bytes() for one in said if one.until <= clock.now)
    assert {*late.known()} == {*known.known()}


def test_what_has_ended_is_forgotten_and_begins_anew() -> None:
    """It takes no room, and the gauge tells."""
    clock, gauge = Clock(), metrics.auth_revocations_known.labels("jti")
    known = revocations(clock, limit=2)
    for name in "ab":
        known.add(Revocation.of_token(name, clock.now + KEEP))
    assert gauge._value.get() == 2
    clock.now += KEEP
    assert known.add(Revocation.of_token("a", clock.now + KEEP))
    assert gauge._value.get() == 1
    clock.now += KEEP
    known.learn(())
    assert gauge._value.get() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_forgotten_for_something_new(kind: str) -> None:
    """When there is no room, another one is refused; what others have taken meanwhile is known all the same."""
    make = {"jti": Revocation.of_token, "sub": lambda name, until: Revocation.of_subject(name, NOW, until)}[kind]
    known, counter = revocations(limit=3), metrics.auth_revocations.labels(kind, "no_room")
    ends = itertools.repeat(NOW + KEEP)
    said = list(map(make, map(str, range(2000)), ends))
    for one in said[:3]:
        known.add(one)
    before = counter._value.get()
    with pytest.raises(NoRoom):
        known.add(said[3])
    assert counter._value.get() == before + 1
    assert known.add(said[0]) is False
    lines: list[bytes] = []
    with heard(lines.append):
        assert known.learn(one.to_bytes() for one in said) == 0
    assert len({*known.known()}) == 1003
    assert counter._value.get() == before + 1 + len(said) - 1003
    assert sum(b"revoked tokens are let in" in line for line in lines) == 1


ROW = Revocation.of_subject("a", NOW, NOW + 1)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\0" * 35,
        ROW.to_bytes()[:-1],
        ROW.to_bytes() + b"\0",
        b"iss" + ROW.to_bytes()[3:],
        b"jti" + ROW.to_bytes()[3:],
        b"sub" + Revocation.of_token("a", NOW + 1).to_bytes()[3:],
        *(ROW._replace(not_before=odd).to_bytes() for odd in (math.nan, math.inf, -math.inf)),
        *(ROW._replace(until=odd).to_bytes() for odd in (math.nan, math.inf, NOW + LONGEST_SECONDS + 4000)),
        struct.pack(">3s16sdd", b"jti", bytes(16), math.nan, math.nan),
    ],
    ids=repr,
)
def test_what_is_no_revocation_is_counted_and_left(record: bytes) -> None:
    """Whatever stands around it is known all the same."""
    known = revocations()
    good = Revocation.of_token("b", NOW + 1).to_bytes()
    assert known.learn([record, good, record]) == 2
    assert [*known.known()] == [good]


@given(some)
def test_records_say_what_was_written(revocation: Revocation) -> None:
    """And nothing of an id as it is."""
    assert Revocation.from_bytes(revocation.to_bytes()) == revocation


@given(st.binary(max_size=40) | st.binary(min_size=35, max_size=35))
def test_any_bytes_are_a_revocation_or_none(data: bytes) -> None:
    """Nothing else comes of them."""
    revocations().learn([data])


def test_a_token_and_a_subject_of_one_name_are_two() -> None:
    """Neither revokes the other."""
    known = revocations()
    known.add(Revocation.of_token("a", NOW + 1))
    assert not known.revokes(None, "a", None)
    assert Revocation.of_token("a", 0).digest != Revocation.of_subject("a", 0, 0).digest
