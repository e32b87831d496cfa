"""Sifting refused ids out of a batch: whatever is refused, the others are known, after few enough requests."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from bff.parts.batch_bisection import BatchBisection, Bisected
from bff.parts.batches import Terms
from shared.errors import AttemptTimeout, BadResponse, Refused, Unreachable, UpstreamError

CALLS_MOST = 32
_IDS = [f"p{number}" for number in range(100)]


class _Service:
    """Refuses some ids, knows some, fails for some."""

    def __init__(self, refused: Collection[str], known: Collection[str], failing: Collection[str] = ()) -> None:
        self.refused = set(refused)
        self.known = set(known)
        self.failing = set(failing)
        self.error: UpstreamError = Unreachable("gone")
        self.asked: list[Sequence[str]] = []
        self.at_once = self.most_at_once = 0

    async def __call__(self, batch: Sequence[str], _terms: Terms) -> Mapping[str, int]:
        self.asked.append(batch)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.refused & set(batch):
            raise Refused("status 422", status=422)
        if self.failing & set(batch):
            raise self.error
        return {one: 1 for one in batch if one in self.known}


def _terms(slots: int = 100) -> Terms:
    return Terms(1000.0, lambda: 0.0, wanted_until=lambda: 1000.0, slots=asyncio.Semaphore(slots))


def _bisect(
    service: _Service, batch: Sequence[str], slots: int = 100, bisection: BatchBisection[int] | None = None
) -> Bisected[int]:
    return asyncio.run((bisection or BatchBisection(service)).ask(batch, _terms(slots)))


@settings(deadline=None)
@given(data=st.data(), size=st.integers(1, 100), slots=st.integers(1, 3))
def test_all_that_can_be_known_is_known(data: st.DataObject, size: int, slots: int) -> None:
    """Each id is known, unknown, refused or lost, as the service says; few refused ones are all found."""
    batch = _IDS[:size]
    refused = data.draw(st.sets(st.sampled_from(batch), max_size=size - 1))
    known = data.draw(st.sets(st.sampled_from(batch))) - refused
    service = _Service(refused, known)
    result = _bisect(service, batch, slots)
    assert result.known.keys() | result.failed.keys() == set(batch)
    assert not result.known.keys() & result.failed.keys()
    assert {one for one in result.known if result.known[one] is not None} == known - result.failed.keys()
    assert set(result.refused) == refused - result.failed.keys()
    assert all(isinstance(error, BadResponse) for error in result.failed.values())
    assert len(service.asked) <= CALLS_MOST
    assert service.most_at_once <= slots
    if len(refused) <= 2:
        assert not result.failed


@settings(deadline=None)
@given(size=st.integers(2, 100), warm=st.booleans())
def test_who_refuses_everything_has_another_complaint(size: int, warm: bool) -> None:
    """Then nothing is known of any id; where the service has given something before, two requests tell."""
    service = _Service([], _IDS)
    bisection: BatchBisection[int] = BatchBisection(service)
    if warm:
        _bisect(service, ["other"], bisection=bisection)
        service.known.add("other")
        _bisect(service, ["other"], bisection=bisection)
    service.refused = {*_IDS, "other"}
    del service.asked[:]
    result = _bisect(service, _IDS[:size], bisection=bisection)
    assert not result.known
    assert result.failed.keys() == set(_IDS[:size])
    assert len(service.asked) <= (2 if warm else CALLS_MOST)


def test_one_id_alone_is_taken_at_the_services_word() -> None:
    """Unless the service has given that very thing, or does not take what it has given."""
    service = _Service(["p1"], ["p2"])
    bisection: BatchBisection[int] = BatchBisection(service)
    assert _bisect(service, ["p1"], bisection=bisection).known == {"p1": None}
    assert _bisect(service, ["p2"], bisection=bisection).known == {"p2": 1}
    assert _bisect(service, ["p1"], bisection=bisection).known == {"p1": None}
    service.refused.add("p2")
    assert _bisect(service, ["p1"], bisection=bisection).failed.keys() == {"p1"}
    assert _bisect(service, ["p2"], bisection=bisection).failed.keys() == {"p2"}


def test_ids_that_are_none_are_refused_for_what_they_are() -> None:
    """Even if nothing else was asked for."""
    assert _bisect(_Service(["a b", "\u00e9"], []), ["a b", "\u00e9"]).refused == ["a b", "\u00e9"]


@settings(deadline=None)
@given(data=st.data(), late=st.booleans())
def test_other_failures_cost_those_who_were_asked_with_them(data: st.DataObject, late: bool) -> None:
    """While a refused batch is being split, a half that fails otherwise is lost for that reason and not split."""
    refused = data.draw(st.sets(st.sampled_from(_IDS), min_size=1, max_size=2))
    failing = data.draw(st.sets(st.sampled_from(_IDS), min_size=1, max_size=2)) - refused
    service = _Service(refused, _IDS, failing)
    service.error = AttemptTimeout("slow") if late else Unreachable("gone")
    result = _bisect(service, _IDS)
    assert failing <= result.failed.keys()
    assert result.known.keys() | result.failed.keys() == set(_IDS)
    assert {error.reason for error in result.failed.values()} <= {service.error.reason, "bad_response"}
    assert len(service.asked) <= CALLS_MOST


def test_what_is_wrong_in_part_is_known_in_part() -> None:
    """The rest of an answer is taken, also of things that the service does not know."""

    async def ask(_batch: Sequence[str], _terms: Terms) -> Mapping[str, int]:
        raise BadResponse("odd", rest={"p1": 1, "p2": None})

    result = asyncio.run(BatchBisection(ask).ask(["p1", "p2", "p3"], _terms()))
    assert result.known == {"p1": 1, "p2": None}
    assert result.failed.keys() == {"p3"}
