"""Signals that ask a command to end."""

import signal
from collections.abc import Iterator

import pytest

from deploy.local import signals
from deploy.local.errors import Interrupted


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """This process keeps its own handlers."""
    before = {number: signal.getsignal(number) for number in signals.ENDING}
    signals.install()
    yield
    for number, action in before.items():
        signal.signal(number, action)
    signals._came.clear()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_becomes_an_exception_with_its_exit_status(number: signal.Signals, status: int) -> None:
    """The shell learns what ended the command."""
    with pytest.raises(Interrupted) as interruption:
        signal.raise_signal(number)
    assert interruption.value.exit_status == status


def test_a_signal_that_was_swallowed_is_raised_at_the_next_check() -> None:
    """Python drops an exception that comes up in a finalizer."""
    signals.check()
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Interrupted):
        signals.check()


def test_a_deferred_signal_comes_afterwards() -> None:
    """What must not be cut in two is done first."""
    done: list[str] = []

    def work() -> None:
        with signals.deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("whole")

    with pytest.raises(Interrupted):
        work()
    assert done == ["whole"]


def test_ignored_signals_never_come() -> None:
    """Cleaning up is finished whatever happens meanwhile."""
    with signals.ignored():
        signal.raise_signal(signal.SIGINT)
    signals.check()


def test_what_was_ignored_on_purpose_stays_ignored() -> None:
    """A command under nohup outlives its terminal."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals.install()
    with signals.deferred():
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
