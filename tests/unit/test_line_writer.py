"""Lines that gather for a moment are all written, in order."""

import os
import threading
from collections.abc import Iterator

import pytest

from shared.line_writer import LineWriter

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
