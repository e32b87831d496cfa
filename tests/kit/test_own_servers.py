"""The tests' own servers: no two get the same port, and a stranger is not taken for one of them."""

from pathlib import Path

import pytest

from tests.fixtures.parallel import share
from tests.fixtures.processes import free_port
from tests.fixtures.redis_server import RedisServer

FAR = 10_000
DRAWN = 400
"""Of so many out of 10,000 some would be the same, were they not remembered."""


def test_a_port_is_given_once() -> None:
    """Neither a port nor one beside it is given again, although nothing listens there yet."""
    pairs = [free_port(FAR) for _ in range(DRAWN // 2)]
    given = [*pairs, *(port + FAR for port in pairs), *(free_port() for _ in range(DRAWN // 2))]
    assert len(set(given)) == len(given)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 16])
def test_processes_side_by_side_have_ports_of_their_own(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """None of one's ports, nor of those beside them, is another's; together they are nearly all there are."""
    ports: list[int] = []
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", str(count))
    for index in range(count):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{index}")
        ports.extend(share(range(11_000, 21_000)))
    beside = [port + FAR for port in ports]
    assert len({*ports, *beside}) == 2 * len(ports)
    assert len(ports) > 10_000 - count


def test_a_server_whose_port_is_taken_is_not_mistaken_for_its_neighbour(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """It ends at start, which is told at once, with its log."""
    second = RedisServer(redis_server.binary, tmp_path, redis_server.port)
    with pytest.raises(AssertionError, match="Address already in use"):
        second.start()
