"""When a silence has lasted too long, and what breaks it."""

import asyncio
import fcntl
import os
from multiprocessing import Pipe
from typing import Any

import pytest

from shared.serving.heartbeat import BEAT_SECONDS, SilenceTimer, beat_sender, has_beat, send_beats
from tests.fixtures.jumping_loop import now, run


def test_seconds_without_a_word_add_up() -> None:
    """A word begins them anew."""
    silence = SilenceTimer(3)
    assert [silence.update(1, has_beat=False) for _ in range(3)] == [False, False, True]
    assert not silence.update(1, has_beat=True)
    assert [silence.update(1, has_beat=False) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("away", [30.0, 3600.0, 1e9])
def test_who_was_away_blames_nobody(away: float) -> None:
    """After a machine was suspended, or all of a program stopped, there is time to say something."""
    silence = SilenceTimer(30)
    assert not silence.update(away, has_beat=False)
    assert not silence.update(1, has_beat=False)
    assert not silence.update(away, has_beat=True)
    assert silence.seconds == 0


def test_looking_often_makes_it_no_longer() -> None:
    """What counts is time."""
    silence = SilenceTimer(3)
    assert not any(silence.update(0.001, has_beat=False) for _ in range(1000))


def test_a_beat_waits_for_nobody() -> None:
    """Neither while nobody listens, however long, nor when there is nobody any more; what was sent is heard once."""
    reading, writing = Pipe(duplex=False)
    fcntl.fcntl(writing.fileno(), fcntl.F_SETPIPE_SZ, 4_096)
    os.set_blocking(reading.fileno(), False)
    beat = beat_sender(writing)
    assert not has_beat(reading)
    for _ in range(5_000):
        beat()
    assert [has_beat(reading), has_beat(reading)] == [True, False]
    beat()
    assert has_beat(reading)
    reading.close()
    beat()
    writing.close()


def test_a_loop_beats_as_long_as_it_turns() -> None:
    """From its first turn on, once a second."""
    heard_at: list[float] = []

    class App:
        def register_listener(self, begin: Any, _event: str, **_options: int) -> None:
            self.begin = begin

    async def main() -> None:
        app: Any = App()
        send_beats(app, lambda: heard_at.append(now()))
        await app.begin(app)
        await asyncio.sleep(10.5 * BEAT_SECONDS)

    run(main())
    assert heard_at == pytest.approx([number * BEAT_SECONDS for number in range(11)])
