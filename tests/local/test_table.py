"""The table of what runs where."""

import socket
from pathlib import Path

import pytest

from deploy.local import table
from deploy.local.component import Absent, Component, Plan
from deploy.local.identity import Identity
from deploy.local.status import Phase, Status

KEEPER = Identity(1, "a")
REDIS = Component("redis", "redis://127.0.0.1:1", "redis://127.0.0.1:1", (), {})


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "not started"),
        (Status(KEEPER, Phase.HELD), "stopped"),
        (Status(KEEPER, Phase.STOPPING), "stopping"),
        (Status(KEEPER, Phase.PAUSING, exit_status=-9, next_start=103.6), "ended (-9), starts in 4 s"),
        (Status(KEEPER, Phase.PAUSING, exit_status=1, next_start=99.0), "ended (1), starts in 0 s"),
    ],
)
def test_the_state_is_told_in_words(status: Status | None, words: str) -> None:
    """Each phase of a component reads as a person would say it."""
    assert table.state(REDIS, status, now=100.0) == words


def test_a_running_component_is_asked() -> None:
    """Running is not healthy: what the component itself says counts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"redis://127.0.0.1:{server.getsockname()[1]}"
    component = Component("redis", address, address, (), {})
    assert "refused" in table.state(component, Status(KEEPER, Phase.RUNNING), now=0.0)


def test_columns_are_as_wide_as_they_need_to_be() -> None:
    """Every cell of a column begins at the same place."""
    lines = table.draw(
        [
            table.Row("redis", "redis://127.0.0.1:6379", "12", "healthy", "redis.log"),
            table.Row("product-service", "http://127.0.0.1:8003", "12345", "stopped", "product-service.log"),
        ],
        Path("/some where"),
    )
    assert {line.find(word) for line, word in zip(lines, ("URL", "redis:", "http:"), strict=True)} == {17}
    assert lines[0].endswith("log (in /some where)")


def test_what_is_absent_is_listed_with_its_remedy() -> None:
    """Where there is one."""
    plan = Plan("/", (), (Absent("grafana", "not installed", "get it"), Absent("redis", "left out")))
    assert table.absent(plan) == ["grafana: not installed. get it", "redis: left out."]
