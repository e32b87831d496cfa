"""Names looked up as the system does, in threads that nobody waits for."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from shared.upstream.lookup.failure import LookupFailed
from shared.upstream.lookup.names import Names
from tests.fixtures.jumping_loop import run

ROOT: Final = Path(__file__).resolve().parents[2]


class Slow:
    """Looks up only once it may; what it finds is how often it has been asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may = threading.Event()

    def __call__(self, name: str) -> list[str]:
        """Blocks the thread."""
        self.asked.append(name)
        self.may.wait()
        return [str(len(self.asked))]


@pytest.fixture
def slow() -> Iterator[Slow]:
    """Its threads end with the test."""
    slow = Slow()
    yield slow
    slow.may.set()


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "::1"])
async def test_names_are_those_of_the_system(loop: object, name: str) -> None:
    """Files such as /etc/hosts count; an address is its own."""
    found = await Names().addresses(name)
    assert found
    assert set(found) <= {"127.0.0.1", "::1"}


async def test_a_name_is_looked_up_once_at_a_time(loop: object, slow: Slow) -> None:
    """Whoever asks meanwhile is given the same; whoever asks then starts anew."""
    names = Names(slow)
    waiting = [asyncio.create_task(names.addresses("a")) for _ in range(3)]
    other = asyncio.create_task(names.addresses("b"))
    await asyncio.sleep(0)
    slow.may.set()
    assert len({tuple(await task) for task in waiting}) == 1
    await other
    assert sorted(slow.asked) == ["a", "b"]
    assert await names.addresses("a") == ["3"]


async def test_who_leaves_ends_nothing(loop: object, slow: Slow) -> None:
    """Others go on waiting for the same look-up, and so does who comes later."""
    names = Names(slow)
    leaving, staying = (asyncio.create_task(names.addresses("a")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})
    assert leaving.cancelled()
    late = asyncio.create_task(names.addresses("a"))
    await asyncio.sleep(0)
    slow.may.set()
    assert [await staying, await late] == [["1"], ["1"]]


async def test_every_failure_is_one_error(loop: object) -> None:
    """Each of those who wait has one of their own, and the next look-up is a new one."""

    def fail(name: str) -> list[str]:
        raise OSError(5, "no such luck") if name == "a" else KeyError(name)

    names = Names(fail)
    for _ in range(2):
        found = await asyncio.gather(*(names.addresses("a") for _ in range(2)), return_exceptions=True)
        assert [(type(error), str(error)) for error in found] == [(LookupFailed, "no such luck")] * 2
        assert found[0] is not found[1]
    with pytest.raises(KeyError):  # what nobody expects is not taken for it
        await names.addresses("b")


def test_a_look_up_that_outlives_the_loop_harms_nobody(slow: Slow) -> None:
    """What it finds is for nobody; the thread ends without a word."""

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await Names(slow).addresses("a")

    run(leave())
    slow.may.set()
    for thread in threading.enumerate():
        if thread.name == "look-up of a":
            thread.join()


ENDING: Final = """
import asyncio, threading
from shared.upstream.lookup.names import Names

async def main():
    asyncio.create_task(Names(lambda _: threading.Event().wait()).addresses("a"))
    await asyncio.sleep(0)
    print("ends", flush=True)

asyncio.run(main())
"""


def test_a_look_up_that_hangs_does_not_hold_up_the_end() -> None:
    """The process ends at once, and says nothing of it."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", ENDING], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ends\n", "")


BY_DNS: Final = """
import asyncio, fcntl, socket, struct
from benchmarks.common.dns_server import DnsServer, Mode, address
from shared.upstream.lookup.failure import LookupFailed
from shared.upstream.lookup.names import Names

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 0x41))  # SIOCSIFFLAGS: up, running

async def main():
    names = Names()
    async with DnsServer("127.0.0.1", 53) as server:
        server.say("users.test", address("10.0.0.1"), address("10.0.0.2"))
        print(sorted(await names.addresses("users")))
        server.say("users.test", address("10.0.0.3"))
        print(await names.addresses("users"))
        for mode in (Mode.EMPTY, Mode.NXDOMAIN, Mode.SERVFAIL):
            server.turn(mode)
            try:
                print(await names.addresses("users"))
            except LookupFailed:
                print(mode.name)

asyncio.run(main())
"""


def test_the_systems_name_server_is_asked_every_time(tmp_path: Path) -> None:
    """With its search domains; nothing is kept, and only what cannot be told is a failure."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        pytest.skip("needs root and unshare, from Debian's package util-linux")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\nsearch test\n")
    inside = 'mount --bind "$1" /etc/resolv.conf && exec "$2" -X dev -c "$3"'
    done = subprocess.run(
        [unshare, "--mount", "--net", "sh", "-c", inside, "sh", tmp_path / "resolv.conf", sys.executable, BY_DNS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "['10.0.0.1', '10.0.0.2']",
        "['10.0.0.3']",
        "[]",
        "[]",
        "SERVFAIL",
    ]
