"""The open loop: when requests are due, what is counted of them, what is believed; and a short run of it."""

import json
import random
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from math import exp
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.speed.__main__ import main
from benchmarks.speed.open_loop import plot, report
from benchmarks.speed.open_loop.answers import is_hit, is_right, is_whole
from benchmarks.speed.open_loop.curve import judged, rows
from benchmarks.speed.open_loop.figures import Figures, figures, quantile
from benchmarks.speed.open_loop.generator import Offer, offer
from benchmarks.speed.open_loop.ledger import Ledger
from benchmarks.speed.open_loop.point import Point
from benchmarks.speed.open_loop.schedule import schedule

ROOT = Path(__file__).resolve().parents[2]
QUIET = Point(
    share=0.5,
    rate=1000.0,
    figures=Figures(
        requests=5000, seconds=5.0, p50=0.001, p99=0.004, p999=0.008, most=0.01, over=0.003, lag=0.0001, hits=4500,
        unanswered=0, wrong=0,
    ),
    calls=0.2,
    cpu=0.00005,
    busy=0.5,
    others=0.0,
)  # fmt: skip


def _told(point: Point, **changed: Any) -> Point:
    return replace(point, figures=replace(point.figures, **changed))


def test_arrivals_are_a_poisson_process() -> None:
    """As many as there should be; gaps are as far apart as those of an exponential distribution."""
    due = schedule(1000.0, 20.0, misses=0.1, first=0, seed=7).due
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert len(due) == pytest.approx(20_000, rel=0.03)
    assert 0 < due[0] < due[-1] < 20.0
    assert pstdev(gaps) == pytest.approx(fmean(gaps), rel=0.03)
    assert sum(gap > 2 / 1000 for gap in gaps) / len(gaps) == pytest.approx(exp(-2), abs=0.01)


@settings(max_examples=30, deadline=None)
@given(
    rate=st.floats(1, 1000), misses=st.sampled_from([0.0, 0.1, 1.0]), first=st.integers(0, 10**9), seed=st.integers()
)
def test_a_schedule_is_the_same_for_the_same_seed(rate: float, misses: float, first: int, seed: int) -> None:
    """In order, within its time; each new user is asked for once, and those alone are new."""
    made = schedule(rate, 0.5, misses=misses, first=first, seed=seed)
    assert made == schedule(rate, 0.5, misses=misses, first=first, seed=seed)
    assert list(made.due) == sorted(made.due)
    new = [path.rpartition("/")[2] for path, is_new in zip(made.paths, made.new, strict=True) if is_new]
    assert new == [f"new-{first + 1 + number}" for number in range(len(new))]
    assert len(new) == sum("new-" in path for path in made.paths)
    assert misses not in {0.0, 1.0} or len(new) == misses * len(made.due)


def _served(due: Sequence[float], connections: int, *, at: float, until: float, takes: float) -> Ledger:
    """A server that takes so long for each request, one after the other, and stands still between two instants."""
    ledger = Ledger(due, connections)
    now, free_at = 0.0, 0.0
    answers: list[tuple[float, int]] = []
    while not ledger.is_over:
        while (taken := ledger.take(now)) is not None:
            begins = max(now, free_at)
            begins = until if at <= begins < until else begins
            free_at = begins + takes
            answers.append((free_at, taken[1]))
        now = min(ledger.next_due(), *(instant for instant, _ in answers), 1e9)
        for answer in [answer for answer in answers if answer[0] <= now]:
            answers.remove(answer)
            ledger.answered(answer[1], answer[0])
    return ledger


@pytest.mark.parametrize("connections", [1, 4, 1000])
def test_who_was_due_while_the_server_stood_still_has_waited(connections: int) -> None:
    """However few of them could be sent: a closed loop would have counted as many as it has connections."""
    due = [number / 100 for number in range(1000)]
    ledger = _served(due, connections, at=2.0, until=4.0, takes=0.001)
    for number in (200, 250, 300, 399):
        turn = number - 200 + 1
        assert ledger.latencies[number] == pytest.approx(4.0 + turn * 0.001 - due[number], abs=1e-6), number
    assert sum(latency > 1.0 for latency in ledger.latencies) in range(99, 125)
    assert ledger.latencies[999] == pytest.approx(0.001)
    assert max(ledger.lags) == 0.0
    assert ledger.give_up(99.0) == 0


def test_the_generators_own_lateness_is_told_apart() -> None:
    """It is late from when a request was due and a connection free; waiting for a connection is the server's doing."""
    ledger = Ledger([1.0, 1.1, 1.2], 1)
    assert ledger.take(0.9) is None
    assert ledger.next_due() == 1.0
    assert ledger.take(1.05) == (0, 0)
    assert ledger.asking(0) == 0
    assert ledger.next_due() == float("inf")
    assert ledger.take(2.0) is None
    ledger.answered(0, 3.0)
    assert ledger.asking(0) is None
    assert ledger.take(3.25) == (1, 0)
    assert list(ledger.lags) == pytest.approx([0.05, 0.25])
    assert ledger.give_up(4.0) == 2
    assert list(ledger.latencies) == pytest.approx([2.0, 2.9, 2.8])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=30).map(sorted), st.integers(1, 5), st.randoms())
def test_every_request_is_sent_once_and_in_its_order(due: list[float], connections: int, draw: random.Random) -> None:
    """Whenever answers come, and whichever comes first; never two on one connection, none before it is due."""
    ledger, now = Ledger(due, connections), 0.0
    under_way: dict[int, int] = {}
    sent: list[int] = []
    while not ledger.is_over:
        now += draw.random()
        while (taken := ledger.take(now)) is not None:
            number, connection = taken
            assert due[number] <= now
            assert connection not in under_way
            under_way[connection] = number
            sent.append(number)
        if under_way and draw.random() < 0.7:
            connection = draw.choice(sorted(under_way))
            ledger.answered(connection, now)
            assert ledger.latencies[under_way.pop(connection)] >= 0
    assert sent == list(range(len(due)))


@given(st.lists(st.floats(0, 100), min_size=1), st.sampled_from([0.5, 0.99, 0.999, 1.0]))
def test_a_quantile_is_a_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    """By nearest rank: at least so many are not greater, and fewer are less."""
    found = quantile(sorted(values), share)
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_the_services_time_is_taken_off_those_who_waited_for_them() -> None:
    """Not off hits, nor off the latency itself."""
    latencies = [0.001] * 90 + [0.025] * 10
    told = figures(
        latencies, [0.0], [False] * 90 + [True] * 10, services=0.02, seconds=1.0, hits=90, unanswered=0, wrong=0
    )
    assert (told.p50, told.p99, told.most) == (0.001, 0.025, 0.025)
    assert told.over == pytest.approx(0.005)


def test_an_answer_is_told_by_its_bytes() -> None:
    """Whole only at its end, right only with the one who was asked for, a hit by its head alone."""
    body = b'{"user":{"id":"user1"},"metadata":{"partial":false},"x":"a; hit"}'
    head = b"HTTP/1.1 200 OK\r\nCache-Status: memory; hit\r\nContent-Length: %d\r\n\r\n" % len(body)
    whole = head + body
    assert [is_whole(whole[:end]) for end in (10, len(head), len(whole) - 1, len(whole))] == [False, False, False, True]
    assert is_right(whole, b'"user1"')
    assert not is_right(whole, b'"user2"')
    assert not is_right(whole.replace(b"200 OK", b"503 No"), b'"user1"')
    assert not is_right(whole.replace(b":false", b":true"), b'"user1"')
    assert is_hit(whole)
    assert not is_hit(whole.replace(b"memory; hit", b"memory; fwd"))
    with pytest.raises(ValueError, match="Content-Length"):
        is_whole(b"HTTP/1.1 200 OK\r\n\r\n")


@contextmanager
def _server(spoil: int) -> Iterator[tuple[int, "Counter[str]"]]:
    """Answers in two pieces; ends each connection after so many requests, instead of answering the last of them."""
    asked: Counter[str] = Counter()

    def converse(peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with peer, peer.makefile("rb") as lines:
            for number in range(1, spoil + 1):
                first = lines.readline().split()
                if not first or number == spoil:
                    return
                while lines.readline().strip():
                    pass
                user_id = first[1].rpartition(b"/")[2]
                asked[user_id.decode()] += 1
                body = b'{"id":"%b","partial":false}' % user_id
                peer.sendall(b"HTTP/1.1 200 OK\r\nCache-Status: memory; hit\r\n")
                peer.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def listen() -> None:
        with listener:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=converse, args=(peer,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    listening = threading.Thread(target=listen)
    listening.start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listening.join()


def test_a_connection_that_ends_costs_one_request() -> None:
    """It counts as a wrong answer, and another connection takes its place; all others are sent and answered."""
    with _server(spoil=11) as (port, asked):
        told = offer(Offer(port, 500.0, 0.4, misses=0.5, first=0, seed=3, connections=2, services=0.0))
    assert told.requests == len(schedule(500.0, 0.4, misses=0.5, first=0, seed=3).due)
    assert told.unanswered == 0
    assert asked.total() == told.hits == told.requests - told.wrong
    assert told.wrong == pytest.approx(told.requests / 11, abs=2)


def test_a_row_is_the_median_of_its_rounds() -> None:
    """The longest of all rounds, and every error of theirs."""
    slow = _told(QUIET, p99=0.4, most=2.0, wrong=3)
    (row,) = rows({0.5: [QUIET, slow, _told(QUIET, p99=0.005)]})
    assert (row.p99, row.most, row.errors) == (0.005, 2.0, 3)
    assert row.misses == pytest.approx(0.1)
    assert row.remarks == ("ERRORS",)


@pytest.mark.parametrize(
    ("point", "remarks"),
    [
        (QUIET, ()),
        (_told(QUIET, lag=0.0006), ("the load was late",)),
        (_told(QUIET, lag=0.0006, p99=0.1), ()),
        (_told(QUIET, seconds=5.5), ("falls behind",)),
        (_told(QUIET, unanswered=1), ("ERRORS",)),
        (replace(QUIET, others=0.1), ("noisy",)),
    ],
)
def test_remarks_say_why_a_rate_is_not_to_be_trusted(point: Point, remarks: tuple[str, ...]) -> None:
    """Lateness of the load counts beside the latency that it spoils."""
    assert rows({0.5: [point]})[0].remarks == remarks


@pytest.mark.parametrize(
    ("point", "holds", "word"),
    [
        (QUIET, True, "PASS"),
        (_told(QUIET, over=0.006), False, "FAIL"),
        (_told(QUIET, wrong=1), False, "FAIL"),
        (_told(QUIET, lag=0.002), None, "UNKNOWN"),
        (replace(_told(QUIET, over=0.006), others=0.2), None, "UNKNOWN"),
        (replace(QUIET, others=0.2), True, "PASS"),
        (replace(QUIET, share=0.25), None, "not measured"),
    ],
)
def test_the_latency_at_half_of_capacity_is_judged(*, point: Point, holds: bool | None, word: str) -> None:
    """Over the services' own time; a load that was late, or others on the processor, leave it open."""
    curve = rows({point.share: [point]})
    assert judged(curve, report.JUDGED_SHARE, 0.005) is holds
    assert word in report.verdict(curve, 0.005)


def test_the_figure_has_a_point_for_each_rate_and_percentile() -> None:
    """Hollow where the load was late; higher means longer."""
    curve = rows({0.25: [replace(QUIET, rate=500.0)], 0.5: [_told(QUIET, lag=0.01)]})
    drawn = ElementTree.fromstring(plot.svg(curve))  # noqa: S314 - we have just made it
    circles = [element for element in drawn.iter() if element.tag.endswith("circle")]
    assert len(circles) == 6
    assert sum("believed" in element.attrib["class"] for element in circles) == 3
    p50, p999 = (float(circles[number].attrib["cy"]) for number in (0, 4))
    assert p999 < p50


def _run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks.speed", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.wrk
def test_latency_is_measured_over_the_rate(tmp_path: Path) -> None:
    """Right answers before the load and under it, and misses among them; table, plot and figures are written."""
    table, drawn, told = tmp_path / "table.md", tmp_path / "plot.svg", tmp_path / "figures.json"
    where = ("--markdown", table, "--plot", drawn, "--json", told)
    done = _run("--open-loop", "--short", "--rates", "20,5", "--service-ms", "2", *where)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["[1/1] closed loop", "[1/1] 5%", "[1/1] 20%"]
    assert table.read_text().strip() == done.stdout.strip()
    assert ElementTree.parse(drawn).getroot().tag.endswith("svg")  # noqa: S314 - we have just written it
    document = json.loads(told.read_text())
    low, high = document["rates"]
    assert low["rate"] < high["rate"] < document["capacity"]
    assert (low["errors"], high["errors"]) == (0, 0)
    for one in (low, high):
        assert 0.0 < one["misses"] < 0.3
        assert one["measured"][0]["calls"] == pytest.approx(2 * one["misses"], abs=0.1)
        assert one["p50"] <= one["p99"] <= one["p999"] <= one["most"]
        assert one["over"] <= one["p99"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--open-loop", "--rates", "10,,20"), "percents from 1 to 200"),
        (("--open-loop", "--rates", "0"), "percents from 1 to 200"),
        (("--open-loop", "--misses", "101"), "from 0 to 100"),
        (("--open-loop", "--service-ms", "-1"), "a number above 0"),
        (("--open-loop", "--only", "hit"), "--only means nothing"),
        (("--open-loop", "--capacity"), "not allowed with"),
        (("--capacity", "--rates", "10"), "--rates means nothing"),
        (("--p99-ms", "5"), "--p99-ms means nothing"),
        (("--open-loop", "--assume", "peak=2"), "--assume means nothing"),
        (("--capacity", "--assume", "peak"), "from 1 to 24"),
        (("--capacity", "--assume", "nothing=2"), "NAME one of users, sessions"),
    ],
)
def test_wrong_usage_is_refused(arguments: tuple[str, ...], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and a sentence that says what was expected."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert what in capsys.readouterr().err
