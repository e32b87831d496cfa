"""Where one instance of a service is, as a look-up has found it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Location:
    """One instance.

    Attributes:
        base_url: ``scheme://host[:port][/path]``, before every path; its host is for ``Host`` and TLS alone.
        hosts: IP addresses at which it is reached: one, or one of each family, the better one first.
        port: where it listens.
    """

    base_url: str
    hosts: tuple[str, ...]
    port: int

    @property
    def label(self) -> str:
        """Its first address, as people write it: ``10.0.0.5:8001``, ``[::1]:8001``."""
        host = self.hosts[0]
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def instances(addresses: Iterable[str]) -> Sequence[tuple[str, ...]]:
    """The instances that a name has whose ``addresses`` these are, in the order of preference (RFC 6724).

    One address of each family are two ways to one instance, as with ``localhost``: which of them is taken is decided
    when it is connected to (RFC 8305). Of several, each of the family preferred is an instance.
    """
    found = tuple(dict.fromkeys(addresses))
    preferred = [host for host in found if (":" in host) == (":" in found[0])]
    if len(preferred) == 1 and len(found) <= 2:
        return [found]
    return [(host,) for host in preferred]
