"""Which port each component gets.

The gateway and the services have ports that clients know, so they must be free. What stands beside them moves on to
the next free port, because Debian's packages start a Prometheus and exporters of their own on the usual ones; a port
that was asked for by its variable never moves.
"""

import errno
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from deploy.local.errors import Refused

LOOPBACK = "127.0.0.1"
SEARCHED = 100
# Below it, ports may need rights.
UNRESERVED = 1024


class Port(NamedTuple):
    """The port of one component.

    Attributes:
        variable: The environment variable that sets it.
        usual: What it is without.
        movable: Whether another may be taken where it is in use.
    """

    variable: str
    usual: int
    movable: bool


PORTS = {
    "api-gateway": Port("GATEWAY_PORT", 8000, movable=False),
    "user-service": Port("USER_SERVICE_PORT", 8001, movable=False),
    "order-service": Port("ORDER_SERVICE_PORT", 8002, movable=False),
    "product-service": Port("PRODUCT_SERVICE_PORT", 8003, movable=False),
    "issuer": Port("ISSUER_PORT", 8020, movable=True),
    "redis": Port("REDIS_PORT", 6379, movable=True),
    "redis-exporter": Port("REDIS_EXPORTER_PORT", 9121, movable=True),
    "node-exporter": Port("NODE_EXPORTER_PORT", 9100, movable=True),
    "prometheus": Port("PROMETHEUS_PORT", 9090, movable=True),
    "alertmanager": Port("ALERTMANAGER_PORT", 9093, movable=True),
    "grafana": Port("GRAFANA_PORT", 3000, movable=True),
}


class Choice(NamedTuple):
    """What was chosen.

    Attributes:
        ports: The port of each component.
        notes: Which ones moved, in words.
    """

    ports: dict[str, int]
    notes: tuple[str, ...]


def choose(
    names: Iterable[str],
    environment: Mapping[str, str],
    is_free: Callable[[int], bool],
    describe: Callable[[int], str],
) -> Choice:
    """Choose a port for each of these components.

    Args:
        names: The components that are to run.
        environment: Where the variables are looked up.
        is_free: Tells whether a port can be listened on.
        describe: Tells who holds a port.

    Raises:
        Refused: A value is no port, two components want the same one, or one that cannot move is in use.
    """
    chosen: dict[str, int] = {}
    notes: list[str] = []
    faults: list[str] = []
    for name in sorted(names, key=lambda name: _moves(name, environment)):
        setting = PORTS[name]
        wanted = _wanted(setting, environment, faults)
        if wanted is None:
            continue
        taken = {port: other for other, port in chosen.items()}
        port = wanted
        if _moves(name, environment):
            candidates = range(wanted, min(wanted + SEARCHED, 65536))
            port = next((one for one in candidates if one not in taken and is_free(one)), wanted)
        if port != wanted:
            notes.append(f"Port {wanted} is in use by {_holder(wanted, taken, describe)}; {name} uses {port}.")
        elif wanted in taken:
            faults.append(f"Port {wanted} is wanted by {taken[wanted]} and by {name} ({setting.variable}).")
        elif not is_free(wanted):
            faults.append(
                f"Port {wanted} is in use by {describe(wanted)}, and {name} needs it. End that process, "
                f"or choose another port: {setting.variable}={_spare(wanted, chosen, is_free)}"
            )
        chosen[name] = port
    if faults:
        raise Refused(*faults)
    return Choice(chosen, tuple(notes))


def is_free(port: int) -> bool:
    """Tell whether a port can be listened on, at every address that `localhost` may stand for."""
    return _can_bind(socket.AF_INET, LOOPBACK, port) and _can_bind(socket.AF_INET6, "::1", port)


def _can_bind(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # What a server does too: a connection of an earlier run in TIME_WAIT is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            probe.listen()
    except OSError as error:
        # A machine without IPv6 has no such address; a low port may need rights that nobody has asked for.
        return error.errno not in {errno.EADDRINUSE, errno.EACCES}
    return True


def _moves(name: str, environment: Mapping[str, str]) -> bool:
    return PORTS[name].movable and not environment.get(PORTS[name].variable)


def _wanted(setting: Port, environment: Mapping[str, str], faults: list[str]) -> int | None:
    text = environment.get(setting.variable) or str(setting.usual)
    if text.isascii() and text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    faults.append(f"{setting.variable}={text!r} is no port: a number from 1 to 65535 is expected.")
    return None


def _holder(port: int, taken: Mapping[int, str], describe: Callable[[int], str]) -> str:
    return taken.get(port) or describe(port)


def _spare(wanted: int, chosen: Mapping[str, int], is_free: Callable[[int], bool]) -> int:
    reserved = {*chosen.values(), *(setting.usual for setting in PORTS.values())}
    first = max(wanted + 10, UNRESERVED)
    candidates = range(first, min(first + SEARCHED, 65536))
    return next((one for one in candidates if one not in reserved and is_free(one)), wanted)
