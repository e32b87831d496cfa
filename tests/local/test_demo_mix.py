"""What the demo sends, and how it tells who is away."""

from itertools import islice

from deploy.demo.calls import Call, Target
from deploy.demo.mix import NEW_IN_A_CYCLE, rounds
from deploy.demo.reach import AWAY_SECONDS, Reach
from services.dataset import people

A_CYCLE = 25
PROFILE = "/api/profile/"


def _calls(cycles: int) -> list[Call]:
    return [call for one in islice(rounds(), cycles * A_CYCLE) for call in one]


def _new_users(cycles: int) -> list[str]:
    """Users who are asked for in pairs, one in each cycle."""
    return [one[0].path for one in islice(rounds(), cycles * A_CYCLE) if len(one) == 2 and one[0] == one[1]]


def test_a_cycle_has_every_kind() -> None:
    """Hits, misses, pairs, unknown users and routes, bad ids, conditional requests, HEAD, purges, changes."""
    calls = _calls(1)
    assert {call.target for call in calls} == set(Target)
    assert {call.method for call in calls} == {"GET", "HEAD", "POST", "PATCH", "DELETE"}
    assert calls.count(Call(Target.GATEWAY, f"{PROFILE}user123")) >= 3
    for path in (f"{PROFILE}nobody0", f"{PROFILE}not!an!id", "/no/such/route/0"):
        assert Call(Target.GATEWAY, path) in calls
    assert any(call.conditional for call in calls)
    assert [call.method for call in calls if call.admin] == ["DELETE"]
    assert len(_new_users(1)) == 1


def test_new_users_are_new_until_all_had_their_turn() -> None:
    """So that they are misses, however long it goes on; then it begins with the first again."""
    turns = people.COUNT // NEW_IN_A_CYCLE
    found = _new_users(turns + 1)
    assert len(set(found[:turns])) == turns
    assert found[turns] == found[0]


def test_one_lost_answer_makes_nobody_away() -> None:
    """Nor do several within a moment: a restart takes a moment."""
    reach = Reach()
    assert not reach.failed(100.0)
    assert not reach.failed(100.0 + AWAY_SECONDS / 2)
    assert reach.answered(100.0 + AWAY_SECONDS / 2) is None
    assert not reach.failed(100.0 + AWAY_SECONDS)


def test_away_and_back_are_told_once_each() -> None:
    """However many requests are lost meanwhile."""
    reach = Reach()
    told = [reach.failed(100.0 + AWAY_SECONDS * step / 4) for step in range(20)]
    assert told.count(True) == 1
    assert reach.answered(130.0) == 30.0
    assert reach.answered(130.1) is None
    assert not reach.failed(131.0)
