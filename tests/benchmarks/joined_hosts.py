"""A process of its own that leaves for a network of hosts and tells what it finds there; root must run it."""

import asyncio
import socket
import tempfile
from pathlib import Path

from benchmarks.chaos.hosts.network import OWN_ADDRESS, Host, Network, name_server
from benchmarks.common.dns_server import DnsServer, address
from shared.cancellation import cancel_and_wait

_PORT = 8001


async def _reached(one: Host, other: Host) -> str:
    """The address that ``other`` sees when ``one`` calls it; nothing where it cannot."""
    with other.listen(_PORT) as listening:
        listening.setblocking(False)
        loop = asyncio.get_running_loop()
        accepting = asyncio.create_task(loop.sock_accept(listening))
        try:
            with one.new_socket() as calling:
                calling.setblocking(False)
                await loop.sock_connect(calling, (other.address, _PORT))
            connection, (who, _) = await accepting
            connection.close()
        except OSError:
            await cancel_and_wait(accepting)
            return "nobody"
    return str(who)


async def _find(network: Network) -> None:
    one, other = network.hosts.values()
    found = [await _reached(one, other)]
    await one.cut(other.address)
    found.append(await _reached(one, other))
    await one.join(other.address)
    found.append(await _reached(one, other))
    for name in ("users.chaos.test", "orders.chaos.test"):  # one stage after the other
        with tempfile.TemporaryDirectory() as folder, name_server(OWN_ADDRESS, Path(folder)):
            async with DnsServer(OWN_ADDRESS, 53) as dns:
                dns.say(name, address(other.address))
                found.append(await asyncio.to_thread(socket.gethostbyname, name))
    print(*found)  # noqa: T201


with Network(["one", "other"]) as network:
    asyncio.run(_find(network))
