"""Errors that repeat themselves."""

from shared.observing.log_deduplication import LogDeduplication


def test_the_same_error_is_told_five_times_a_minute_and_then_how_often_it_was_not() -> None:
    """A flood costs a few lines, and nothing is lost of how large it was."""
    now = [0.0]
    deduplication = LogDeduplication(lambda: now[0])
    assert [deduplication.suppressed("a") for _ in range(100)] == [0] * 5 + [None] * 95
    assert deduplication.suppressed("b") == 0
    now[0] = 59.9
    assert deduplication.suppressed("a") is None
    now[0] = 60.0
    assert [deduplication.suppressed("a"), deduplication.suppressed("a")] == [96, 0]


def test_it_is_bounded() -> None:
    """However many different errors there are."""
    deduplication = LogDeduplication(lambda: 0.0)
    for number in range(5_000):
        assert deduplication.suppressed(str(number)) == 0
    assert len(deduplication._windows) == 1_000
