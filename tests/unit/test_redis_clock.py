"""What is known of Redis's clock between two looks at it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cache.redis_clock import STEP_SECONDS, RedisClock
from tests.fixtures.gateway import Clock

EPOCH = 1_800_000_000.0


class _Scene:
    """A Redis whose clock differs from the machine's by so many seconds."""

    def __init__(self) -> None:
        self.machine = Clock()
        self.ahead = EPOCH
        self.clock = RedisClock(self.machine)

    @property
    def truth(self) -> float:
        """What Redis's clock says."""
        return self.machine.now + self.ahead

    def look(self, there: float = 0.0, back: float = 0.0) -> bool:
        """Ask; question and answer are so many seconds on their way."""
        asked_at = self.machine.now
        self.machine.now += there
        said = self.truth
        self.machine.now += back
        return self.clock.synchronize(asked_at, said)

    def assert_right(self) -> None:
        """The truth lies between the two ends."""
        assert self.clock.earliest_ms() / 1000 <= self.truth <= self.clock.latest_ms() / 1000


_delays = st.floats(0.0, 0.15)


@given(st.lists(st.tuples(_delays, _delays, st.floats(0.0, 20.0)), min_size=1, max_size=20))
def test_the_truth_is_always_between_both_ends(looks: list[tuple[float, float, float]]) -> None:
    """However long questions and answers are on their way, and however much later it is told."""
    scene = _Scene()
    for there, back, later in looks:
        assert not scene.look(there, back)
        scene.assert_right()
        scene.machine.now += later
        scene.assert_right()


@pytest.mark.parametrize("seconds", [0.11, 0.5, 1.0, 10.0, 3_600.0, 1e9])
@pytest.mark.parametrize("quick", [True, False])
def test_a_clock_that_was_set_back_is_noticed(seconds: float, quick: bool) -> None:
    """At the next look; from then on it is right again."""
    scene = _Scene()
    scene.look(0.001, 0.001)
    scene.machine.now += 0.5
    scene.ahead -= seconds
    assert scene.look(0.001, 0.001 if quick else 0.14)
    scene.assert_right()
    scene.machine.now += 0.5
    assert not scene.look(0.001, 0.001)


@pytest.mark.parametrize("late", [1.0, 60.0])
def test_a_clock_that_is_set_back_after_a_late_answer_is_noticed(late: float) -> None:
    """What was known before that answer still counts."""
    scene = _Scene()
    scene.look(0.001, 0.001)
    scene.machine.now += 0.5
    assert not scene.look(0.001, late)
    scene.ahead -= 0.5
    assert scene.look(0.001, 0.001)


@pytest.mark.parametrize("seconds", [0.05, 1.0, 3_600.0])
def test_a_clock_that_was_set_forward_makes_all_older(seconds: float) -> None:
    """Which harms nobody; at the next look it is right again."""
    scene = _Scene()
    scene.look(0.001, 0.001)
    scene.machine.now += 0.5
    scene.ahead += seconds
    assert not scene.look(0.001, 0.001)
    scene.assert_right()


@given(st.lists(st.floats(-STEP_SECONDS * 0.9, STEP_SECONDS * 0.9), max_size=30))
def test_a_clock_that_is_being_adjusted_is_followed(steps: list[float]) -> None:
    """By less than a step from one look to the next."""
    scene = _Scene()
    scene.look(0.001, 0.001)
    for step in steps:
        scene.machine.now += 0.5
        scene.ahead += step
        assert not scene.look(0.001, 0.001)
        scene.assert_right()


def test_an_answer_that_is_read_late_is_no_clock_set_back() -> None:
    """A process that was stopped meanwhile knows less, and takes nothing for younger than it is."""
    scene = _Scene()
    scene.look(0.001, 0.001)
    scene.machine.now += 0.5
    assert not scene.look(0.001, 60.0)
    scene.assert_right()
    stopped_first = _Scene()
    assert not stopped_first.look(0.001, 60.0)
    stopped_first.assert_right()
