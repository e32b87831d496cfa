"""The tables, and what must hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.chaos.measure import quantile
from benchmarks.common.kinds import Kind
from benchmarks.freshness.latency import Latencies, Sample
from benchmarks.freshness.stage import TTL_SECONDS
from benchmarks.freshness.trial import Outcome

_HEAD: Final = f"{'change':<12}{'changes':>9}{'at once':>9}{'answer':>18}{'stream':>18}"
_ROW: Final = "{:<12}{:>9}{:>8.0f}%{:>10} {:>7}{:>10} {:>7}"


@dataclass(frozen=True)
class Bounds:
    """What must hold: of each sort of change, in seconds, and the greatest share of requests without an answer."""

    median: float
    p99: float
    failed: float


LONG: Final = Bounds(median=0.02, p99=0.1, failed=0.0)
SHORT: Final = Bounds(median=0.5, p99=3.0, failed=0.01)
"""It runs on machines that are busy with other things, and stand still now and then."""


def latency_table(got: Latencies) -> Iterator[str]:
    """A line a sort of change; medians and 99th percentiles in milliseconds."""
    yield _HEAD
    for name, samples in got.samples.items():
        if samples:
            at_once = sum(sample.at_once for sample in samples) / len(samples) * 100
            cells = [_ms(value) for times in _times(samples).values() for value in (times[0], times[1])]
            yield _ROW.format(name, len(samples), at_once, *cells)
    yield f"answers to others meanwhile: {_answers(got.answers)}"
    yield f"left out: {got.left_out} changes, during which this machine stood still"


def late(got: Latencies, bounds: Bounds) -> Iterator[str]:
    """Each figure that is beyond its bound."""
    yield from _unanswered(got.answers, bounds)
    for name, samples in got.samples.items():
        if not samples:
            yield f"{name}: this machine stood still all the time"
            continue
        for where, (median, p99) in _times(samples).items():
            if median > bounds.median:
                yield f"{name}, {where}: median {_ms(median)} > {_ms(bounds.median)}"
            if p99 > bounds.p99:
                yield f"{name}, {where}: p99 {_ms(p99)} > {_ms(bounds.p99)}"


def trial_lines(got: Outcome) -> Iterator[str]:
    """What came of it, a line each."""
    ledger = got.ledger
    spells = ", ".join(f"{number} {name}" for name, number in sorted(got.spells.items()))
    yield f"changes       {got.made} ({got.repeated} asked for again); Redis away {got.spells.total()} times: {spells}"
    yield f"hard purges   {got.purged} answered with 204, {got.untold} with 503"
    yield f"answers       {_answers(got.answers)}"
    yield f"oldest        {ledger.oldest:.2f} s, of at most {TTL_SECONDS} s; {ledger.too_old} were older"
    yield f"came back     {ledger.returned} answers, {got.backwards} in live streams"
    yield f"settled       in {max(got.settled):.2f} s at most; not: {', '.join(got.unsettled[:5]) or 'none'}"


def wrong(got: Outcome, bounds: Bounds) -> Iterator[str]:
    """Each promise that was not kept."""
    ledger = got.ledger
    if ledger.too_old:
        yield f"{ledger.too_old} answers were older than {TTL_SECONDS} s"
    if ledger.returned:
        yield f"{ledger.returned} answers had what was said to be gone"
    if got.backwards:
        yield f"live streams went back {got.backwards} times"
    if got.unsettled:
        yield f"the newest was not shown after all: {', '.join(got.unsettled[:5])}"
    yield from _unanswered(got.answers, bounds)


def _answers(answers: Mapping[Kind, int]) -> str:
    return f"{sum(answers.values())}: " + ", ".join(f"{answers.get(kind, 0)} {kind.value}" for kind in Kind)


def _unanswered(answers: Mapping[Kind, int], bounds: Bounds) -> Iterator[str]:
    failed, total = answers.get(Kind.FAILED, 0) + answers.get(Kind.REFUSED, 0), sum(answers.values())
    if failed > bounds.failed * total:
        yield f"{failed} of {total} requests without an answer"


def _times(samples: Sequence[Sample]) -> Mapping[str, tuple[float, float]]:
    ways = {
        "answer": sorted(sample.answer for sample in samples),
        "stream": sorted(sample.stream for sample in samples),
    }
    return {way: (quantile(times, 0.5), quantile(times, 0.99)) for way, times in ways.items()}


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
