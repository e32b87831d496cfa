"""HAProxy as a balancer on layer 4: it sees connections and no requests, and asks servers whether they are ready."""

import csv
import io
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fixtures.processes import free_port, log_text, wait_until
from tests.proxies.proxies import installed

_CONFIGURATION: Final = """
global
    log stdout format raw local0 info
    stats socket {folder}/stats level user
    nbthread 1
    maxconn 1000

defaults
    mode tcp
    timeout client 60s
    timeout server 60s
    timeout connect 5s
    # A connection that is refused is a failure.
    retries 0

listen gateways
    bind 127.0.0.1:{port}
    option httpchk GET /health/ready
    timeout check 10s
    default-server check inter {milliseconds}ms fall 3 rise 2
"""


@dataclass(frozen=True)
class Balancer:
    """A running balancer, on ``port``; its servers are called by their ports."""

    port: int
    stats: Path

    def states(self) -> Mapping[str, str]:
        """What it takes each of its servers for: ``UP``, ``DOWN``, or on its way from one to the other."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(self.stats))
            asking.sendall(b"show stat\n")
            told = b"".join(iter(lambda: asking.recv(65_536), b""))
        rows = csv.DictReader(io.StringIO(told.decode().removeprefix("# ")))
        return {row["svname"]: row["status"] for row in rows if row["svname"].isdigit()}

    def wait_for(self, port: int, state: str) -> None:
        """Wait until it takes the server on ``port`` for this."""
        wait_until(lambda: self.states()[str(port)] == state, f"the balancer does not find out that it is {state}")


@contextmanager
def balancing(folder: Path, ports: Sequence[int], *, check_seconds: float) -> Iterator[Balancer]:
    """HAProxy before servers on ``ports``, which it asks every so often; the third answer in a row is believed."""
    program, port = installed("haproxy"), free_port()
    milliseconds = int(check_seconds * 1000)
    text = _CONFIGURATION.format(folder=folder, port=port, milliseconds=milliseconds)
    servers = "".join(f"    server {one} 127.0.0.1:{one}\n" for one in ports)
    configuration, output = folder / "balancer.cfg", folder / "balancer.log"
    configuration.write_text(text + servers)
    balancer = Balancer(port, folder / "stats")
    with (
        output.open("wb") as out,
        subprocess.Popen([program, "-db", "-f", str(configuration)], stdout=out, stderr=out) as process,
    ):
        try:
            wait_until(balancer.stats.exists, "the balancer does not start:\n{}", output)
            for one in ports:
                balancer.wait_for(one, "UP")
            yield balancer
        finally:
            process.terminate()
            print(log_text(output))  # noqa: T201 - shown with a failure
