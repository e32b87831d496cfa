"""Which process is meant, and what belongs to it."""

import os
from pathlib import Path

import msgspec
import pytest

from deploy.local import identity
from tests.local.sessions import family


def test_a_process_is_known_until_it_ends() -> None:
    """The same while it lives, nobody afterwards."""
    with family() as found:
        assert identity.alive(found.leader)
        found.kill_leader()
        assert not identity.alive(found.leader)
        assert identity.identify(found.leader.pid) is None


def test_a_later_process_of_the_same_number_is_another_one() -> None:
    """Start and number together make the process."""
    with family() as found:
        earlier = msgspec.structs.replace(found.leader, started="earlier")
        assert not identity.alive(earlier)
        assert identity.session(earlier) == []


def test_a_session_holds_what_its_leader_started() -> None:
    """Leader and child are found, and nobody else."""
    with family() as found:
        assert set(identity.session(found.leader)) == {found.leader, found.child}


def test_a_session_outlives_its_leader() -> None:
    """What a killed process leaves behind is found by the session it opened."""
    with family() as found:
        found.kill_leader()
        assert identity.session(found.leader) == [found.child]


def test_processes_are_known_from_ps_where_there_is_no_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Number and start are read from its lines; ended processes that nobody collected are left out."""
    listing = tmp_path / "ps"
    listing.write_text(
        "#!/bin/sh\necho '  41 Ss   Mon Nov  2 08:00:00 2026    '\necho ' 42 Z+   Mon Nov 23 08:00:01 2026'\n"
    )
    listing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert list(identity._from_ps()) == [identity.Identity(41, "Mon Nov 2 08:00:00 2026")]
