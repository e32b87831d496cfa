"""``python -m benchmarks.streams``: every measurement from end to end, what clients take for a change, wrong usage."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.common.process import CannotRun
from benchmarks.streams.audience import Audience
from benchmarks.streams.figures import Figure, markdown

ROOT = Path(__file__).resolve().parents[2]
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def _run(*arguments: str | Path, path: str | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.streams", *arguments],
        cwd=ROOT,
        env=None if path is None else {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


STATE = _chunk(b'event: part\ndata: {"name":"a"}\n\n') + _chunk(b"event: complete\nid: 1\ndata: {}\n\n")
CHANGE = _chunk(b'event: part\ndata: {"name":"mark"}\n\nevent: complete\nid: 2\ndata: {}\n\n')


@asynccontextmanager
async def _server(pieces: Sequence[bytes]) -> AsyncIterator[int]:
    """The port of one that sends these, each by itself, to whoever asks, and waits till they leave."""
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            await reader.read()
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, serving))


@settings(max_examples=20, deadline=None)
@given(cuts=st.sets(st.integers(1, len(HEAD + STATE + CHANGE) - 1), max_size=6))
def test_a_change_is_seen_however_it_is_cut(cuts: set[int]) -> None:
    """The kernel may hand over the bytes of a stream in any pieces."""
    sent = HEAD + STATE + CHANGE
    edges = [0, *sorted(cuts), len(sent)]
    pieces = [sent[begin:end] for begin, end in pairwise(edges)]

    async def look() -> int:
        async with _server(pieces) as port, Audience(port) as audience:
            audience.mark = b'"mark"'
            joining = asyncio.create_task(audience.join(["/"]))
            while not audience.members:
                await asyncio.sleep(0)
            coming = audience.expect(b'"mark"', audience.members)
            await joining
            await audience.told(coming)
            return audience.members[0].bytes

    assert asyncio.run(look()) == len(sent)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "is refused"),
        (b"HTTP/1.1 429 Too Many Requests\r\n\r\n", "is refused"),
    ],
)
def test_a_refused_stream_is_nothing_to_measure(sent: bytes, why: str) -> None:
    """It is said which one, and with what."""

    async def look() -> None:
        async with _server([sent]) as port, Audience(port) as audience:
            await audience.join(["/somebody"])

    with pytest.raises(CannotRun, match=f"/somebody {why}"):
        asyncio.run(look())


def test_slack_widens_what_depends_on_the_machine_alone() -> None:
    """That a stream is lost is as wrong on a busy machine as on a quiet one."""
    slow, lost = Figure("slow", 9.0, "ms", 5.0), Figure("lost", 1.0, "", 0, rough=False)
    assert [figure.holds(1.0) for figure in (slow, lost)] == [False, False]
    assert [figure.holds(2.0) for figure in (slow, lost)] == [True, False]
    assert [line.split("|")[-2].strip() for line in markdown([slow, lost], 2.0).splitlines()[2:]] == ["PASS", "FAIL"]


@pytest.mark.wrk
@pytest.mark.parametrize("name", ["first-part", "changes"])
def test_everything_is_measured_and_nobody_is_lost(name: str, tmp_path: Path) -> None:
    """Streams stay, every answer is whole, and the figures are written; how good they are is for a quiet machine."""
    figures = tmp_path / "figures.json"
    done = _run("--short", "--streams", "60", "--only", name, "--json", figures)
    assert done.returncode in {0, 1}, done.stderr
    found = json.loads(figures.read_text())["figures"]
    assert len(found) == len(done.stdout.split("\n\n")[0].splitlines()) - 2
    assert {one["value"] for one in found if not one["rough"]} <= {0}
    assert all(one["value"] > 0 for one in found if one["name"].endswith(("first part of a stream", "for a hit")))


def test_without_wrk_it_says_what_to_install(tmp_path: Path) -> None:
    """Nothing is started, and the message names the Debian package."""
    done = _run("--only", "idle", path=str(tmp_path))
    assert done.returncode == 3
    assert "apt install wrk" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--only", "nothing"), "invalid choice"),
        (("--streams", "49"), "50 at least"),
        (("--minutes", "0"), "above 0"),
        (("--json", "/nowhere/figures.json"), "cannot be written"),
    ],
)
def test_wrong_usage_is_refused(arguments: tuple[str, ...], what: str) -> None:
    """Exit status 2, and a sentence that says what was expected."""
    done = _run(*arguments)
    assert done.returncode == 2
    assert what in done.stderr
