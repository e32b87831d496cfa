"""When a silence has lasted too long."""

import pytest

from shared.pulse import Silence


def test_seconds_without_a_word_add_up() -> None:
    """A word begins them anew."""
    silence = Silence(3)
    assert [silence.look(1, heard=False) for _ in range(3)] == [False, False, True]
    assert not silence.look(1, heard=True)
    assert [silence.look(1, heard=False) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("away", [30.0, 3600.0, 1e9])
def test_who_was_away_blames_nobody(away: float) -> None:
    """After a machine was suspended, or all of a program stopped, there is time to say something."""
    silence = Silence(30)
    assert not silence.look(away, heard=False)
    assert not silence.look(1, heard=False)
    assert not silence.look(away, heard=True)
    assert silence.seconds == 0


def test_looking_often_makes_it_no_longer() -> None:
    """What counts is time."""
    silence = Silence(3)
    assert not any(silence.look(0.001, heard=False) for _ in range(1000))
