"""What a fault between hosts cost, and what must hold then."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.chaos.hosts.standstill import Standstills
from benchmarks.chaos.measure import Figures, Stretch, figures
from benchmarks.common.kinds import Kind


@dataclass(frozen=True)
class HostFigures:
    """What is measured from the beginning of a fault until the system has recovered.

    Attributes:
        common: as without hosts.
        open_circuits: how many answers lacked something because of an open breaker.
        shares: calls that each instance got once a change had settled, as a multiple of its fair share of the service.
        left: how many calls instances got then that the name of their service did not have.
        stood_still: seconds for which nothing ran.
    """

    common: Figures
    open_circuits: int
    shares: Mapping[str, float]
    left: int
    stood_still: float

    @property
    def degraded(self) -> float:
        """Share of answers with a part that was not fresh."""
        return self.common.shares[Kind.STALE] + self.common.shares[Kind.PARTIAL]

    @property
    def least(self) -> float:
        """The smallest of the shares."""
        return min(self.shares.values())

    @property
    def most(self) -> float:
        """The greatest of the shares."""
        return max(self.shares.values())


@dataclass(frozen=True, kw_only=True)
class HostObjectives:
    """What must hold from the beginning of a fault until the system has recovered.

    Attributes:
        available: least share of answers with status 200.
        degraded: greatest share of answers with a part that was not fresh.
        failed: greatest share of requests without an honest answer.
        open_circuits: most answers that lacked something because of an open breaker.
        p99_factor: greatest 99th percentile, as a multiple of that of a healthy system.
        p99_seconds: the same, in seconds.
        recover_seconds: longest time to recover.
        least_share, most_share: of the calls that each instance gets, as a multiple of its fair share.
        left_calls: most calls that instances get which the name of their service does not have.
    """

    available: float
    degraded: float
    failed: float
    open_circuits: float
    p99_factor: float
    p99_seconds: float
    recover_seconds: float
    least_share: float
    most_share: float
    left_calls: float

    def broken(self, got: HostFigures, healthy: Figures) -> Iterator[str]:
        """Each objective that does not hold, with the figure and the bound."""
        common = got.common
        if common.available < self.available:
            yield f"available {common.available:.2%} < {self.available:.2%}"
        if common.recover is None:
            yield "never recovered"
        for name, share in got.shares.items():
            if not self.least_share <= share <= self.most_share:
                yield f"share of {name} {share:.2f} is not {self.least_share:g} to {self.most_share:g}"
        most = (
            ("degraded", got.degraded, self.degraded, "{:.2%}"),
            ("failed", common.shares[Kind.FAILED], self.failed, "{:.2%}"),
            ("open circuits", got.open_circuits, self.open_circuits, "{:g}"),
            (f"p99 over {healthy.p99:.3f} s", common.p99 / healthy.p99, self.p99_factor, "{:.2f}"),
            ("p99", common.p99, self.p99_seconds, "{:.2f} s"),
            ("recover", common.recover or 0.0, self.recover_seconds, "{:.1f} s"),
            ("calls of those that left", got.left, self.left_calls, "{:g}"),
        )
        for name, figure, bound, form in most:
            if figure > bound:
                yield f"{name} {form.format(figure)} > {form.format(bound)}"


@dataclass(frozen=True)
class Counted:
    """Calls at instances, from when a change had settled until it was undone.

    Attributes:
        calls: how many each got.
        members: those that the name of each service had.
    """

    calls: Mapping[str, int]
    members: Mapping[str, Sequence[str]]

    @property
    def left(self) -> int:
        """How many all others got."""
        return sum(self.calls.values()) - sum(self.calls[name] for names in self.members.values() for name in names)

    def shares(self) -> dict[str, float]:
        """As multiples of fair shares; of a service that was not called, 0."""
        shares: dict[str, float] = {}
        for members in self.members.values():
            whole = sum(self.calls[name] for name in members)
            shares |= {name: self.calls[name] * len(members) / whole if whole else 0.0 for name in members}
        return shares


def host_figures(stretch: Stretch, counted: Counted, still: Standstills) -> HostFigures:
    """Sum up a stretch with at least one record, without those that say of a standstill more than of the system."""
    records = still.without(stretch.records) or stretch.records
    judged = replace(stretch, records=records, calls=stretch.calls * len(records) / len(stretch.records))
    reasons = Counter(reason for record in judged.records for reason in record.reasons)
    return HostFigures(
        common=figures(judged),
        open_circuits=reasons["circuit_open"],
        shares=counted.shares(),
        left=counted.left,
        stood_still=still.seconds(stretch.begun, stretch.over),
    )
