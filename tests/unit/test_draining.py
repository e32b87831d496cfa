"""How long a process goes on after it was told to stop: as long as it was set, whoever is there."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.serving.draining import SETTLE_SECONDS, Draining
from tests.fixtures.jumping_loop import now, run

_BACKLOG_OFFSET = 28
"""Where ``tcpi_sacked`` stands in struct tcp_info; of a listening socket it is how many may wait."""


async def _lasts(draining: Draining) -> float:
    started = now()
    await draining.wait()
    return now() - started


@given(st.floats(0.001, 300))
def test_a_drain_lasts_as_long_as_it_was_set(seconds: float) -> None:
    """Nobody has to be connected; whoever waits to be accepted then is."""
    assert run(_lasts(Draining(seconds))) == pytest.approx(seconds + SETTLE_SECONDS)


def test_without_a_drain_nothing_is_waited_for() -> None:
    """It was set to nothing."""
    assert run(_lasts(Draining(0))) == 0


@pytest.mark.parametrize("is_owned", [True, False])
def test_a_queue_ends_with_the_process_that_owns_it(is_owned: bool) -> None:
    """What other processes listen on as well takes further connections."""
    with socket.create_server(("127.0.0.1", 0), backlog=10) as listening:
        run(Draining(1, listening if is_owned else None).wait())
        information = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BACKLOG_OFFSET + 4)
        assert struct.unpack_from("I", information, _BACKLOG_OFFSET)[0] == (0 if is_owned else 10)
