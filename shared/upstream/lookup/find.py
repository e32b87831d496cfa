"""Finds the instances behind one target: the seam between looking up and doing so again and again."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from shared.upstream.lookup.address import By, Target
from shared.upstream.lookup.location import Location, instances
from shared.upstream.lookup.names import Names
from shared.upstream.lookup.srv import SrvRecords

Find = Callable[[Target], Coroutine[Any, Any, Sequence[Location]]]
"""The instances behind a target, none where there are none; raises ``LookupFailed``."""


class Finder:
    """Finds instances as the system does; one for all services of a process."""

    def __init__(self, names: Names | None = None, server: tuple[str, int] | None = None) -> None:
        """``server`` is an address and port to ask for SRV records instead of the system's name servers."""
        self._names = names or Names()
        self._records = SrvRecords(self._names, server)

    async def __call__(self, target: Target) -> Sequence[Location]:
        """The instances behind ``target``.

        Raises:
            LookupFailed: there is no telling.
        """
        match target.by:
            case By.ADDRESS:
                return [known(target)]
            case By.NAME:
                places = [(hosts, target.port) for hosts in instances(await self._names.addresses(target.host))]
            case By.SRV:
                places = await self._records.places(target.host)
        return [Location(target.base_url(port), hosts, port) for hosts, port in places]


def known(target: Target) -> Location:
    """The instance at a target that is an address."""
    return Location(target.url, (target.host,), target.port)
