"""Clocks of the processors' time: of a server, of everything that loads it, and of the processors themselves."""

from typing import NamedTuple, Self

from benchmarks.speed.cores import Placement


class Clocks(NamedTuple):
    """Seconds, of which only differences mean anything."""

    wall: float
    server: float
    load: float
    on_gateway_cores: float
    on_all_cores: float

    def since(self, before: Self) -> "Clocks":
        """What has passed since then."""
        return Clocks(*(end - begin for begin, end in zip(before, self, strict=True)))

    def others(self, placement: Placement) -> float:
        """Of what has passed, the share of the server's processors that somebody else took."""
        if placement.shared:
            cores, busy, ours = placement.gateway | placement.load, self.on_all_cores, self.server + self.load
        else:
            cores, busy, ours = placement.gateway, self.on_gateway_cores, self.server
        return max(0.0, (busy - ours) / (self.wall * len(cores)))
