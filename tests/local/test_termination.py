"""Ending what was recorded."""

import msgspec

from deploy.local import identity, termination
from tests.local.sessions import DEAF, family


def test_a_whole_session_is_ended() -> None:
    """The recorded process goes, and what it started goes with it."""
    with family() as found:
        assert termination.terminate([found.leader], grace=10) == 2
        found.process.wait()
        assert identity.session(found.leader) == []


def test_what_a_dead_leader_left_is_ended() -> None:
    """Workers whose main process was killed do not go on serving."""
    with family() as found:
        found.kill_leader()
        assert termination.terminate([found.leader], grace=10) == 1
        assert not identity.alive(found.child)


def test_what_ignores_sigterm_is_killed() -> None:
    """Nothing outlives the grace."""
    with family(DEAF) as found:
        termination.terminate([found.leader], grace=0.1)
        assert not identity.alive(found.child)


def test_another_process_of_a_recorded_number_is_left_alone() -> None:
    """A stale record never hits who has the number now."""
    with family() as found:
        stale = msgspec.structs.replace(found.leader, started="earlier")
        assert termination.terminate([stale], grace=0) == 0
        assert identity.alive(found.leader)
