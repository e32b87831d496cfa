"""What became of a run, in words."""

from collections.abc import Iterator, Mapping
from typing import Final

from benchmarks.chaos.hostile.run import Result

_FAULTS_SHOWN: Final = 12


def text(result: Result) -> str:
    """Sums, then every kind of failure with examples, then the verdict."""
    return "\n".join(_lines(result))


def _lines(result: Result) -> Iterator[str]:
    failures = result.failures
    requests = sum(result.statuses.values())
    yield f"answers     {_listed({str(status): count for status, count in sorted(result.statuses.items())})}"
    if result.intrusions:
        yield f"intruders   {_listed({str(status): count for status, count in sorted(result.intrusions.items())})}"
    yield f"calls       {_listed(result.calls)}"
    most = {name: round(value) for name, value in result.most.items()}
    yield f"at most     {_listed(most)}"
    counts = failures.journal.counts
    yield f"faults      {counts.total()} of {len(counts)} kinds; {_listed(dict(counts.most_common(_FAULTS_SHOWN)))} …"
    yield f"logged      {_listed(dict(result.logged.most_common(_FAULTS_SHOWN))) or 'nothing above info'}"
    yield f"took        {result.seconds:.1f} s, {requests / result.seconds:.0f} honest answers a second"
    shares = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)]
    waits = [f"{name} {result.waits[int(share * requests)] * 1000:.0f} ms" for name, share in shares]
    yield f"waited      {', '.join(waits)}, max {result.waits[-1] * 1000:.0f} ms"
    for kind, examples in failures.examples.items():
        yield f"\n{kind}, {failures.counts[kind]} times, such as:"
        yield from examples.values()
    if failures.counts:
        yield f"\nFAIL: {_listed(failures.counts)} (--seed {failures.seed})"
    else:
        yield f"PASS: {requests} honest answers were true while everybody misbehaved (--seed {failures.seed})."


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
