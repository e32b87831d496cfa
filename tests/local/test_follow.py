"""Following logs."""

from pathlib import Path

from deploy.local import follow
from deploy.local.follow import Tail


def test_only_what_is_new_and_whole_is_shown(tmp_path: Path) -> None:
    """What stood there before is passed over; half a line waits for its other half."""
    log = tmp_path / "log"
    log.write_bytes(b"old\n")
    tail = Tail(log)
    with log.open("ab") as file:
        file.write(b"one\ntwo\nthr")
    assert tail.lines() == [b"one", b"two"]
    with log.open("ab") as file:
        file.write(b"ee\n")
    assert tail.lines() == [b"three"]
    assert tail.lines() == []


def test_a_log_that_comes_later_is_followed(tmp_path: Path) -> None:
    """A component may not have written anything yet."""
    log = tmp_path / "log"
    tail = Tail(log)
    assert tail.lines() == []
    log.write_bytes(b"first\n")
    assert tail.lines() == [b"first"]


def test_a_log_that_was_emptied_is_followed_from_its_beginning(tmp_path: Path) -> None:
    """A log that had grown too long goes on at its start."""
    log = tmp_path / "log"
    log.write_bytes(b"a long line\n")
    tail = Tail(log)
    log.write_bytes(b"new\n")
    assert tail.lines() == [b"new"]


def test_a_flood_is_passed_over(tmp_path: Path) -> None:
    """Somebody who watches a load test sees the latest, not a backlog."""
    log = tmp_path / "log"
    log.touch()
    tail = Tail(log)
    with log.open("ab") as file:
        file.writelines(b"%d\n" % number for number in range(follow.BEHIND_BYTES))
    lines = tail.lines()
    assert lines[0] == b"..."
    assert lines[-1] == b"%d" % (follow.BEHIND_BYTES - 1)
    assert len(lines) < follow.BEHIND_BYTES // 10
