"""The addresses of clients: those of their connections, or what a trusted proxy says of them.

A proxy writes down who has connected to it at the right end of ``X-Forwarded-For``, or of ``Forwarded`` (RFC 7239).
What stands to the left of that it was told, maybe by the client. So the field is read from the right, for as long as
whoever has said the next is trusted, and no further than it can be read.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple

from shared.edge.settings import UNIX

_MAX_HOPS: Final = 32
_MAX_TEXT: Final = 64
_REMEMBERED: Final = 4_096
_UNKNOWN: Final = "unknown"
_SPACE: Final = " \t"


class Client(NamedTuple):
    """Where a request comes from.

    Attributes:
        address: what its client is told from others by: an IPv4 address, or the /64 of an IPv6 address.
        is_local: whether it comes from this machine, for certain.
    """

    address: str
    is_local: bool


class _Hop(NamedTuple):
    client: Client
    is_trusted: bool


class ClientAddresses:
    """Finds out who a request comes from."""

    def __init__(self, trusted: Iterable[str], header: str = "x-forwarded-for") -> None:
        """``trusted`` are addresses and networks, or ``unix``, whose word counts; ``header`` is where they say it."""
        every = set(trusted)
        self.header: Final = header
        self._networks = [ip_network(text, strict=False) for text in every - {UNIX}]
        self._unix = _Hop(Client(UNIX, is_local=False), UNIX in every)
        self._node_in: Callable[[str], str | None] = _node_of if header == "forwarded" else str
        self._hop = lru_cache(_REMEMBERED)(self._read)

    def trusts(self, peer: str) -> bool:
        """Whether the word of ``peer`` counts: an address as asyncio gives it, or "" of a socket in the file system."""
        return self._peer(peer).is_trusted

    def client(self, peer: str, forwarded: str | None = None) -> Client:
        """Who a request on a connection of ``peer`` comes from.

        ``forwarded`` is the field of proxies, its lines joined by commas. Whoever says that something was forwarded is
        not the client, believed or not; and what is local to another machine is not to this one.
        """
        hop = self._peer(peer)
        if forwarded is None:
            return hop.client
        if not hop.is_trusted:
            return hop.client._replace(is_local=False)
        is_here = hop.client.is_local or hop is self._unix
        nodes = forwarded.rsplit(",", _MAX_HOPS)
        for text in reversed(nodes if len(nodes) <= _MAX_HOPS else nodes[1:]):
            element = text.strip(_SPACE)
            if not element:  # nothing, in a list (RFC 9110 §5.6.1.2)
                continue
            node = self._node_in(element)
            further = None if node is None or len(node) > _MAX_TEXT else self._hop(node)
            if further is None:
                return hop.client._replace(is_local=False)
            hop = further
            is_here = is_here and hop.client.is_local
            if not hop.is_trusted:
                break
        else:
            is_here = is_here and len(nodes) <= _MAX_HOPS
        return hop.client._replace(is_local=is_here and hop.client.is_local)

    def says_https(self, peer: str, proto: str | None) -> bool:
        """Whether ``X-Forwarded-Proto`` says, by somebody who is trusted, that the client has used TLS."""
        return proto is not None and proto.rpartition(",")[2].strip(_SPACE).lower() == "https" and self.trusts(peer)

    def _peer(self, peer: str) -> _Hop:
        if peer in {"", UNIX}:
            return self._unix
        hop = self._hop(peer) if len(peer) <= _MAX_TEXT else None
        return _Hop(Client(_UNKNOWN, is_local=False), is_trusted=False) if hop is None else hop

    def _read(self, text: str) -> _Hop | None:
        address = _address(text)
        if address is None:
            return None
        return _Hop(
            Client(_key(address), address.is_loopback),
            any(address in network for network in self._networks),
        )


def _node_of(element: str) -> str | None:
    """Who a proxy was asked by, from its element of ``Forwarded`` (RFC 7239 §4).

    A comma in quotes has cut the element in two: neither half is read.
    """
    nodes = [
        value.strip(_SPACE)
        for name, _, value in (pair.partition("=") for pair in element.split(";"))
        if name.strip(_SPACE).lower() == "for"
    ]
    if len(nodes) != 1 or element.count('"') % 2:
        return None
    (node,) = nodes
    return node[1:-1] if len(node) > 1 and node[0] == node[-1] == '"' else node


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in ``text``, with or without brackets, zone and port; one that stands for an IPv4 address as that."""
    host, port = text, ""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return None
        port = port[1:] or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        port = port or ":"
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _key(address: IPv4Address | IPv6Address) -> str:
    """What the client is told from others by: whoever has one address of a /64 has all of them."""
    if isinstance(address, IPv4Address) or address.is_loopback:
        return str(address)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"
