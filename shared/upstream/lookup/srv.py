"""Looks SRV records up (RFC 2782): the one module that imports dnspython.

Of several priorities the lowest number alone counts. Weights do not: who is asked how often is decided by how fast each
answers. Addresses of targets that come with the records are taken where they are of one family; else targets are looked
up as names, so that the system decides which family is preferred.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.IN.SRV import SRV

from shared.upstream.lookup.failure import LookupFailed
from shared.upstream.lookup.location import instances
from shared.upstream.lookup.names import Names

LIFETIME_SECONDS: Final = 5.0
"""After which no name server is waited for any more."""
_TRY_SECONDS: Final = 0.5
"""Before another name server is asked, or the same one again: a datagram may be lost."""
_AT_ONCE: Final = 8
"""Targets that are looked up as names at the same time, each in a thread."""

Place = tuple[tuple[str, ...], int]
"""Addresses (one, or one of each family) and port of an instance."""


class SrvRecords:
    """Looks up what SRV records lead to."""

    def __init__(self, names: Names, server: tuple[str, int] | None = None, lifetime: float = LIFETIME_SECONDS) -> None:
        """``server`` is an address and port to ask instead of the system's name servers, for ``lifetime`` seconds."""
        self._names = names
        self._server = server
        self._lifetime = lifetime

    async def places(self, name: str) -> list[Place]:
        """The instances of a service; none where there is no record, or none of its targets has an address.

        Raises:
            LookupFailed: there is no telling.
        """
        try:
            answer = await self._resolver().resolve(name, "SRV", search=True)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(str(error)) from error
        beside = _addresses_beside(answer.response)
        limit = asyncio.Semaphore(_AT_ONCE)
        found: list[list[Place] | BaseException] = await asyncio.gather(
            *(self._places_of(record, beside.get(record.target, ()), limit) for record in _best(answer)),
            return_exceptions=True,
        )
        places: list[Place] = []
        for some in found:
            if isinstance(some, BaseException):
                raise some
            places += some
        return places

    async def _places_of(self, record: SRV, addresses: Sequence[str], limit: asyncio.Semaphore) -> list[Place]:
        if len({":" in address for address in addresses}) != 1:
            async with limit:
                addresses = await self._names.addresses(record.target.to_text())
        return [(hosts, record.port) for hosts in instances(addresses)]

    def _resolver(self) -> dns.asyncresolver.Resolver:
        """A new one each time: resolv.conf may have changed, which the system's own look-ups notice too."""
        resolver = dns.asyncresolver.Resolver(configure=self._server is None)
        if self._server is not None:
            resolver.nameservers = [self._server[0]]
            resolver.port = self._server[1]
        resolver.timeout = _TRY_SECONDS
        resolver.lifetime = self._lifetime
        return resolver


def _best(records: Iterable[SRV]) -> list[SRV]:
    """Those of the lowest priority; a target "." says that there is no such service."""
    some = [record for record in records if record.target != dns.name.root and record.port]
    return [record for record in some if record.priority == min(one.priority for one in some)]


def _addresses_beside(answer: dns.message.Message) -> dict[dns.name.Name, list[str]]:
    """What the additional section says of targets."""
    found: defaultdict[dns.name.Name, list[str]] = defaultdict(list)
    for records in answer.additional:
        if records.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            found[records.name] += [str(record.address) for record in records]
    return found
