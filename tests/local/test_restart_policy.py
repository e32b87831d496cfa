"""When a component is started, stopped and started again."""

from deploy.local.restart_policy import Action, RestartDelays, RestartPolicy
from deploy.local.status import Phase


def _running(pauses: RestartDelays | None = None) -> RestartPolicy:
    keeping = RestartPolicy(pauses or RestartDelays())
    assert keeping.step(0, alive=False, hold=False, end=False) is Action.START
    return keeping


def _die(keeping: RestartPolicy, now: float) -> float:
    """Let it die and return the pause before it is started again."""
    assert keeping.step(now, alive=False, hold=False, end=False) is Action.WAIT
    assert keeping.phase is Phase.PAUSING
    assert keeping.next_start is not None
    pause = keeping.next_start - now
    assert keeping.step(now + pause - 0.01, alive=False, hold=False, end=False) is Action.WAIT
    assert keeping.step(now + pause, alive=False, hold=False, end=False) is Action.START
    return pause


def test_it_starts_at_once_and_then_leaves_alone_what_lives() -> None:
    """The first step starts the component; while it lives nothing is done."""
    keeping = _running()
    assert keeping.step(1, alive=True, hold=False, end=False) is Action.WAIT
    assert keeping.phase is Phase.RUNNING


def test_the_pause_doubles_while_it_keeps_dying() -> None:
    """Five seconds, then ten, twenty, and never more than thirty."""
    keeping, now, pauses = _running(), 0.0, []
    for _ in range(5):
        pauses.append(_die(keeping, now + 1))
        now += 1 + pauses[-1]
    assert pauses == [5, 10, 20, 30, 30]
    assert keeping.deaths == 5


def test_a_long_life_makes_the_next_pause_short_again() -> None:
    """A death after a steady minute counts as the first."""
    keeping = _running()
    assert _die(keeping, 1) == 5
    assert _die(keeping, 7) == 10
    assert _die(keeping, 17 + 60) == 5


def test_held_it_is_stopped_and_not_counted_as_dead() -> None:
    """What a person stops has not died, and stays stopped as long as the person wants."""
    keeping = _running()
    assert keeping.step(1, alive=True, hold=True, end=False) is Action.TERMINATE
    assert keeping.phase is Phase.STOPPING
    assert keeping.step(2, alive=False, hold=True, end=False) is Action.WAIT
    assert keeping.step(1000, alive=False, hold=True, end=False) is Action.WAIT
    assert (keeping.phase, keeping.deaths) == (Phase.HELD, 0)


def test_released_it_starts_without_a_pause() -> None:
    """Nobody waits for what was asked for, not even after deaths before."""
    keeping = _running()
    keeping.step(1, alive=False, hold=False, end=False)
    assert keeping.step(2, alive=False, hold=True, end=False) is Action.WAIT
    assert keeping.step(3, alive=False, hold=False, end=False) is Action.START


def test_released_while_stopping_it_stops_first() -> None:
    """A stop that has begun is finished before the next start."""
    keeping = _running()
    keeping.step(1, alive=True, hold=True, end=False)
    assert keeping.step(2, alive=True, hold=False, end=False) is Action.WAIT
    assert keeping.step(3, alive=False, hold=False, end=False) is Action.START


def test_what_does_not_stop_in_time_is_killed() -> None:
    """SIGTERM once, SIGKILL when the grace is over."""
    keeping = _running(RestartDelays(grace=4))
    assert keeping.step(10, alive=True, hold=False, end=True) is Action.TERMINATE
    assert keeping.step(13.9, alive=True, hold=False, end=True) is Action.WAIT
    assert keeping.step(14, alive=True, hold=False, end=True) is Action.KILL


def test_it_ends_after_its_component() -> None:
    """Asked to end, the keeper goes once nothing of the component is left."""
    keeping = _running()
    keeping.step(1, alive=True, hold=False, end=True)
    assert keeping.step(2, alive=False, hold=False, end=True) is Action.END


def test_asked_to_end_during_a_pause_it_starts_nothing() -> None:
    """An ending system does not bring a dead component back."""
    keeping = _running()
    keeping.step(1, alive=False, hold=False, end=False)
    assert keeping.step(100, alive=False, hold=False, end=True) is Action.END
