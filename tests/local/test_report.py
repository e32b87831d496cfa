"""What a person is shown about a component that did not come up."""

from pathlib import Path

import pytest

from deploy.local import report
from deploy.local.progress import Failure
from deploy.local.rundir import RunDirectory

REASON = '{"event":"database unavailable","logger":"database","error":"file is not a database"}'
REQUEST = '{"event":"request","logger":"access","route":"/health/ready","status":503}'


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
