"""What a person is shown about a system, and about a component that did not come up."""

import shlex
from itertools import combinations
from pathlib import Path

import pytest

from deploy.local import report, table
from deploy.local.component import Component, Plan
from deploy.local.components import BUILDERS, DEMO, ISSUER, SERVICES
from deploy.local.progress import Failure
from deploy.local.run_directory import RunDirectory
from deploy.local.table import Row

REASON = '{"event":"database unavailable","logger":"database","error":"file is not a database"}'
REQUEST = '{"event":"request","logger":"access","route":"/health/ready","status":503}'
SCRIPT = "./start_with_monitoring.sh --run '/tmp/run here'"
NAMES = (*BUILDERS, DEMO)
DISPENSABLE = (*SERVICES, "redis", DEMO)
SOME = [(), *combinations(DISPENSABLE, 1), *combinations(DISPENSABLE, 2), DISPENSABLE]


def test_requests_do_not_push_the_reason_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However long a component was asked whether it is well, the end of its log tells what is wrong."""
    run = RunDirectory(tmp_path)
    run.log("user-service").write_text("\n".join([REASON, *[REQUEST] * 100]))
    assert report.failed([Failure("user-service", "answers 503")], run) == 1
    shown = capsys.readouterr().out
    assert REASON in shown
    assert REQUEST not in shown


def test_what_is_well_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing failed, nothing to say."""
    assert report.failed([], RunDirectory(tmp_path)) == 0
    assert capsys.readouterr().out == ""


def _lines(absent: tuple[str, ...] = (), stopped: tuple[str, ...] = (), data: str = "/a checkout/.data") -> list[str]:
    grafana = {"GF_SECURITY_ADMIN_USER": "admin"}
    names = [name for name in NAMES if name not in absent]
    plan = Plan(
        "/a checkout",
        tuple(Component(name, "http://x", "", (), grafana) for name in names),
        python="/v/python",
        data=data,
    )
    rows = [Row(name, "", "", table.STOPPED if name in stopped else table.HEALTHY, "") for name in names]
    return report.hints(plan, rows, SCRIPT)


def _hints(absent: tuple[str, ...] = (), stopped: tuple[str, ...] = ()) -> list[list[str]]:
    """The script's words in each hint that has them."""
    lines = [line.partition("./start") for line in _lines(absent, stopped)]
    return [shlex.split("".join(parts[1:])) for parts in lines if parts[1]]


@pytest.mark.parametrize("absent", SOME)
def test_every_hint_leads_to_this_system_and_to_what_it_has(absent: tuple[str, ...]) -> None:
    """The words that lead to it are kept, and no component is named that was left out."""
    words = _hints(absent)
    assert all(one[:3] == shlex.split(SCRIPT) for one in words)
    assert [one[3] for one in words][-2:] == ["--status", "--stop"]
    assert not {name for one in words for name in one[4:]} & set(absent)


def test_a_user_of_the_samples_is_asked_for_where_they_are() -> None:
    """Elsewhere the index tells what there is to ask for."""
    assert "  curl -i http://x/api/profile/user123" in _lines(absent=(ISSUER,))
    assert "  curl http://x/" in _lines(absent=tuple(SERVICES))
    assert not any("profile" in line for line in _lines(absent=tuple(SERVICES)))


@pytest.mark.parametrize(("data", "words"), [("/a checkout/.data", ""), ("/some where", " --data '/some where'")])
def test_where_tokens_are_asked_for_a_tour_of_three(data: str, words: str) -> None:
    """Without one, with one for somebody else, and with one's own, which an issuer of the same data prints."""
    lines = [line.partition("  #")[0] for line in _lines(data=data) if "profile" in line or "TOKEN" in line]
    shown = '-H "Authorization: Bearer $TOKEN"'
    assert lines == [
        "  curl -i http://x/api/profile/user123",
        f"  TOKEN=$(cd '/a checkout' && /v/python -m deploy.issuer token user123{words})",
        f"  curl -i http://x/api/profile/user456 {shown}",
        f"  curl -i http://x/api/profile/user123 {shown}",
    ]


@pytest.mark.parametrize("stopped", SOME)
def test_what_is_stopped_has_its_way_back(stopped: tuple[str, ...]) -> None:
    """Each is named with the command that starts it, and none is proposed to be stopped once more."""
    asked = [one[3:] for one in _hints(stopped=stopped)]
    assert [name for action, *name in asked if action == "--start"] == [[n] for n in NAMES if n in stopped]
    assert not [name for action, *name in asked if action == "--stop" and name and name[0] in stopped]
