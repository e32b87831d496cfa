"""When an aggregate that is looked at is looked into."""

from hypothesis import given
from hypothesis import strategies as st

from bff.streams.pace import MIN_SECONDS, Need, Pace

NEEDS = st.lists(st.tuples(st.floats(0, 3), st.sampled_from([Need.LOOK, Need.LOAD]), st.booleans()), min_size=1)


@given(NEEDS)
def test_clients_are_told_once_a_second_at_most(asked: list[tuple[float, Need, bool]]) -> None:
    """However often it is asked for; and nothing that was asked for is forgotten."""
    pace, now, told_at = Pace(), 0.0, -MIN_SECONDS
    for step, need, told in asked:
        now += step
        pace.ask(need)
        wait = pace.wait(now)
        assert wait is not None
        now += wait
        assert now >= told_at + MIN_SECONDS - 1e-9
        pace.begin()
        assert pace.take() is need
        assert pace.end(now, need, told=told, whole=True) is None
        if told:
            told_at = now
        assert pace.wait(now) is None


def test_the_first_change_after_a_quiet_second_is_not_kept_waiting() -> None:
    """The next one waits for the rest of a second; what told nothing counts for nothing."""
    pace = Pace()
    pace.ask(Need.LOAD)
    assert pace.wait(10.0) == 0
    pace.begin()
    pace.take()
    pace.end(10.1, Need.LOAD, told=True, whole=True)
    pace.ask(Need.LOOK)
    assert pace.wait(10.6) == 0.5
    pace.begin()
    pace.take()
    pace.end(11.1, Need.LOOK, told=False, whole=True)
    pace.ask(Need.LOAD)
    assert pace.wait(11.2) == 0


def test_what_is_asked_for_meanwhile_is_done_afterwards() -> None:
    """The greater need of both; but not a look that was brought about by looking."""
    for done, meanwhile, then in (
        (Need.LOAD, Need.LOOK, Need.LOOK),
        (Need.LOAD, Need.LOAD, Need.LOAD),
        (Need.LOOK, Need.LOAD, Need.LOAD),
        (Need.LOOK, Need.LOOK, Need.NOTHING),
    ):
        pace = Pace()
        pace.ask(done)
        pace.begin()
        assert pace.take() is done
        pace.ask(meanwhile)
        assert pace.wait(0.0) is None
        pace.end(0.0, done, told=False, whole=True)
        assert pace.need is then


def test_what_is_asked_for_before_it_is_taken_is_done_with_it() -> None:
    """A purge tells of the entry first, and then of its tag: that is one thing to do, not two."""
    pace = Pace()
    pace.ask(Need.LOOK)
    pace.begin()
    pace.ask(Need.LOAD)
    assert pace.wait(0.0) is None
    assert pace.take() is Need.LOAD
    pace.end(0.0, Need.LOAD, told=True, whole=True)
    assert pace.wait(10.0) is None


def test_what_is_not_whole_is_tried_again_less_and_less_often() -> None:
    """From a second to half a minute; anew when all has been well."""
    pace = Pace()

    def tried(*, whole: bool) -> float | None:
        pace.ask(Need.LOAD)
        pace.begin()
        pace.take()
        return pace.end(0.0, Need.LOAD, told=False, whole=whole)

    assert [tried(whole=False) for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert tried(whole=True) is None
    assert tried(whole=False) == 1.0
