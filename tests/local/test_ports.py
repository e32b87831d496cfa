"""Which port each component gets."""

import socket
import subprocess
import sys

import pytest

from deploy.local import port_owner, ports
from deploy.local.errors import Refused

EVERYTHING = tuple(ports.PORTS)


def _choose(*taken: int, names: tuple[str, ...] = EVERYTHING, **environment: str) -> ports.Choice:
    return ports.choose(names, environment, lambda port: port not in taken, lambda port: f"process 7 ({port})")


def test_the_usual_ports_are_taken_where_they_are_free() -> None:
    """Nothing set and nothing in use: every component is where its documentation says."""
    choice = _choose()
    assert choice.ports == {name: port.usual for name, port in ports.PORTS.items()}
    assert choice.notes == ()


@pytest.mark.parametrize("name", ["api-gateway", "user-service", "order-service", "product-service"])
def test_an_essential_port_in_use_is_refused(name: str) -> None:
    """The message names the port, who wants it, who holds it, and the variable that moves it."""
    port = ports.PORTS[name]
    with pytest.raises(Refused) as refusal:
        _choose(port.usual)
    (line,) = refusal.value.lines
    assert line.startswith(f"Port {port.usual} is in use by process 7 ({port.usual}), and {name} needs it.")
    assert line.endswith(f"or choose another port: {port.variable}={port.usual + 10}")


def test_one_that_needs_rights_is_not_proposed() -> None:
    """Whoever may not listen on port 80 may not on 90 either."""
    with pytest.raises(Refused, match=r"GATEWAY_PORT=1024$"):
        _choose(80, GATEWAY_PORT="80")


def test_all_faults_are_told_at_once() -> None:
    """Whoever mends the first need not meet the second."""
    with pytest.raises(Refused) as refusal:
        _choose(8000, 8003, ORDER_SERVICE_PORT="eight")
    assert len(refusal.value.lines) == 3


@pytest.mark.parametrize("name", ["redis", "prometheus", "alertmanager", "grafana", "node-exporter", "redis-exporter"])
def test_what_stands_beside_moves_to_the_next_free_port(name: str) -> None:
    """Packages start services of their own on these ports, which is no reason not to start."""
    usual = ports.PORTS[name].usual
    choice = _choose(usual, usual + 1)
    assert choice.ports[name] == usual + 2
    assert choice.notes == (f"Port {usual} is in use by process 7 ({usual}); {name} uses {usual + 2}.",)


def test_a_port_that_was_asked_for_does_not_move() -> None:
    """A variable that cannot be obeyed is a fault, not a wish."""
    with pytest.raises(Refused, match="Port 9999 is in use by process 7"):
        _choose(9999, PROMETHEUS_PORT="9999")


def test_an_own_port_wins_over_one_that_can_move() -> None:
    """A gateway that was put on Prometheus' usual port keeps it."""
    choice = _choose(GATEWAY_PORT="9090")
    assert (choice.ports["api-gateway"], choice.ports["prometheus"]) == (9090, 9091)
    assert choice.notes == ("Port 9090 is in use by api-gateway; prometheus uses 9091.",)


def test_two_components_on_one_port_are_refused() -> None:
    """Both names are in the message."""
    with pytest.raises(Refused, match=r"Port 8000 is wanted by api-gateway and by user-service \(USER_SERVICE_PORT\)"):
        _choose(USER_SERVICE_PORT="8000")


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80.5", "http", "\u0663"])
def test_what_is_no_port_is_refused(text: str) -> None:
    """Only whole numbers from 1 to 65535 are ports."""
    with pytest.raises(Refused, match=r"GATEWAY_PORT=.* is no port"):
        _choose(GATEWAY_PORT=text)


def test_components_that_do_not_run_want_no_port() -> None:
    """What was left out neither gets a port nor stands in the way."""
    assert _choose(9090, names=("api-gateway",)).ports == {"api-gateway": 8000}


@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_a_port_that_is_listened_on_is_not_free(address: str) -> None:
    """Whether it is listened on at the loopback address or at all addresses."""
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
    assert ports.is_free(port)


def test_the_holder_of_a_port_is_found() -> None:
    """This very process is named when it is the one that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert port_owner.describe(server.getsockname()[1]).startswith("process ")


def test_the_holder_is_named_in_one_line() -> None:
    """Even where its command has lines."""
    script = "import socket, sys\nserver = socket.create_server(('127.0.0.1', 0))\n"
    script += "print(server.getsockname()[1], flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        words = port_owner.describe(int(process.stdout.readline()))
        process.communicate()
    assert words.startswith(f"process {process.pid} (")
    assert "\n" not in words


def test_an_unknown_holder_is_another_process() -> None:
    """Where nobody is found the sentence still reads well."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert port_owner.describe(port) == "another process"
