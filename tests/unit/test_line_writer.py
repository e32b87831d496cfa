"""Lines that gather for a moment are all written, in order and whole."""

import fcntl
import itertools
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.observing import metrics
from shared.observing.line_writer import LineWriter, parcels
from tests.fixtures.processes import ROOT
from tests.fixtures.small_disk import SmallDisk

Pipe = tuple[int, "list[bytes]", threading.Thread]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """The end to write to, what has come out of the other so far, and who reads it until the end."""
    reading, writing = os.pipe()
    taken: list[bytes] = []

    def read() -> None:
        while data := os.read(reading, 65_536):
            taken.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    yield writing, taken, reader
    if reader.is_alive():
        os.close(writing)
        reader.join()
    os.close(reading)


@pytest.mark.parametrize("number", [0, 1, 999, 1_000, 1_001, 2_500])
def test_closing_writes_every_line_that_was_put(pipe: Pipe, number: int) -> None:
    """However many fit into one gathering, in the order in which they came, however short they have gathered."""
    writing, taken, reader = pipe
    writer = LineWriter(writing)
    lines = [f"line {place}\n".encode() for place in range(number)]
    for line in lines:
        writer.put(line)
    writer.close(timeout=60)
    os.close(writing)
    reader.join()
    assert b"".join(taken) == b"".join(lines)


def test_lines_are_written_without_closing(pipe: Pipe) -> None:
    """A line that stands alone does not wait for others; nor does one that comes later."""
    writing, taken, _ = pipe
    writer = LineWriter(writing)
    for line in (b"first\n", b"second\n"):
        writer.put(line)
        while not b"".join(taken).endswith(line):
            threading.Event().wait(0.001)
    writer.close(timeout=60)
    assert b"".join(taken) == b"first\nsecond\n"


@given(st.lists(st.integers(1, 60).map(lambda size: b"x" * (size - 1) + b"\n")), st.integers(1, 50))
def test_a_parcel_is_of_whole_lines_and_not_too_large(lines: list[bytes], most: int) -> None:
    """All lines in order; only one that is longer by itself makes a parcel longer, and no two parcels fit into one."""
    made = list(parcels(b"".join(lines), most))
    assert b"".join(made) == b"".join(lines)
    assert all(len(parcel) <= most or parcel in lines for parcel in made)
    for one, other in itertools.pairwise(made):
        assert len(one) + other.index(b"\n") + 1 > most


_CROWD = """
import sys
from shared.observing.line_writer import LineWriter
writer = LineWriter(1, capacity=1_000_000)
sizes = [int(size) for size in sys.argv[2:]]
for number in range(2_000):
    writer.put(sys.argv[1].encode() * sizes[number % len(sizes)] + b"\\n")
writer.close(60)
"""


@pytest.mark.parametrize("sizes", [(300,), (10, 700, 90), (2_000, 4_095), (4_095,)])
def test_processes_that_share_a_pipe_break_no_line(sizes: tuple[int, ...]) -> None:
    """However little room there is in it."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, select.PIPE_BUF)
    crowd = [
        subprocess.Popen([sys.executable, "-c", _CROWD, name, *map(str, sizes)], cwd=ROOT, stdout=writing)
        for name in "abc"
    ]
    os.close(writing)
    with os.fdopen(reading, "rb") as lines:
        found = list(lines)
    assert [process.wait() for process in crowd] == [0, 0, 0]
    assert len(found) == 6_000
    for line in found:
        assert line.rstrip(b"\n") == line[:1] * (len(line) - 1)
        assert len(line) - 1 in sizes


def test_what_is_written_in_part_is_finished() -> None:
    """A descriptor that does not wait takes some of it, and the rest later."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    writing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    writer = LineWriter(writing.fileno())
    lines = [f"{number} ".encode() * 20_000 + b"\n" for number in range(20)]
    for line in lines:
        writer.put(line)
    taken = bytearray()
    while len(taken) < sum(map(len, lines)):
        taken += reading.recv(65_536)
    writer.close(60)
    assert taken == b"".join(lines)
    reading.close()
    writing.close()


@pytest.mark.parametrize("size", [100, 1_500, 3_000, 5_000, 70_000])
def test_a_disk_that_is_full_breaks_no_other_line(small_disk: SmallDisk, size: int) -> None:
    """What was begun is not the beginning of a later line; what is lost is counted."""
    log = small_disk.path / "log"
    with log.open("ab", buffering=0) as file:
        small_disk.fill()
        writer = LineWriter(file.fileno())
        dropped = metrics.log_lines_dropped._value.get()
        small_disk.free(8_192)
        lost = [b"a" * size + b"\n" for _ in range(20_000 // size + 2)]
        for line in lost:
            writer.put(line)
        while metrics.log_lines_dropped._value.get() == dropped:
            threading.Event().wait(0.001)
        small_disk.free()
        later = [letter * size + b"\n" for letter in (b"b", b"c", b"d")]
        for line in later:  # each is written by itself
            writer.put(line)
            while not log.read_bytes().endswith(line):
                threading.Event().wait(0.001)
        writer.close(60)
    lines = log.read_bytes().splitlines(keepends=True)
    assert lines[-3:] == later
    assert all(set(line) <= {ord("a"), ord("\n")} for line in lines[:-3])
    whole = sum(line == lost[0] for line in lines[:-3])
    assert len(lines) - 3 - whole <= 1
    assert metrics.log_lines_dropped._value.get() - dropped == len(lost) - whole


def test_a_pipe_is_left_as_it_was() -> None:
    """Who shares it is not to find that it waits for nobody any more."""
    reading, writing = os.pipe()
    writer = LineWriter(writing)
    for _ in range(100):
        writer.put(b"x" * 2_000 + b"\n")
    assert os.get_blocking(writing)
    while not select.select([reading], [], [], 0)[0]:
        threading.Event().wait(0.001)
    taken = 0
    while taken < 200_100:
        taken += len(os.read(reading, 65_536))
    writer.close(60)
    assert os.get_blocking(writing)
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)
