"""The objectives: read from ``slo.toml``, and held against figures."""

import tomllib
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchmarks.chaos.measure import Figures
from benchmarks.common.kinds import Kind

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FILE: Final = Path(__file__).with_name("slo.toml")
HOSTS: Final = "hosts"
_WITHIN: Final = (HOSTS,)

B = TypeVar("B", bound="DataclassInstance")


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """What must hold from the beginning of a fault until the system has recovered.

    Attributes:
        available: least share of answers with status 200.
        complete: least share of complete answers.
        failed: greatest share of requests without an honest answer.
        p99_seconds: greatest 99th percentile.
        recover_seconds: longest time to recover.
        calls_factor: most calls to services for a request, as a multiple of what a healthy system makes.
    """

    available: float
    complete: float
    failed: float
    p99_seconds: float
    recover_seconds: float
    calls_factor: float

    def broken(self, got: Figures, healthy: Figures) -> Iterator[str]:
        """Each objective that does not hold, with the figure and the bound."""
        if got.available < self.available:
            yield f"available {got.available:.2%} < {self.available:.2%}"
        if got.shares[Kind.COMPLETE] < self.complete:
            yield f"complete {got.shares[Kind.COMPLETE]:.2%} < {self.complete:.2%}"
        if got.shares[Kind.FAILED] > self.failed:
            yield f"failed {got.shares[Kind.FAILED]:.2%} > {self.failed:.2%}"
        if got.p99 > self.p99_seconds:
            yield f"p99 {got.p99:.2f} s > {self.p99_seconds:.2f} s"
        if got.recover is None or got.recover > self.recover_seconds:
            took = "never" if got.recover is None else f"{got.recover:.1f} s"
            yield f"recover {took} > {self.recover_seconds:.1f} s"
        if got.calls > self.calls_factor * healthy.calls:
            yield f"calls {got.calls:.2f} > {self.calls_factor:g} * {healthy.calls:.2f}"


def objectives(
    kind: type[B], names: Sequence[str], *, short: bool, within: str = "", file: Path = FILE
) -> Mapping[str, B]:
    """What must hold, for each of these faults; ``within`` the table of that name, if there is one.

    Raises:
        ValueError: when the file has something without meaning, or lacks something.
    """
    tables = tomllib.loads(file.read_text())
    others = {name: tables.pop(name, {}) for name in _WITHIN}
    if within:
        tables = others[within]
    default, own, form = (dict(tables.pop(name, {})) for name in ("default", "faults", "short"))
    form_default = form.pop("default", {})
    unknown = sorted({*tables, *((set(own) | set(form)) - set(names))})
    if unknown:
        raise ValueError(f"{file.name}: nothing is called {', '.join(unknown)}")
    layers = [[default, own.get(name, {}), *([form_default, form.get(name, {})] if short else [])] for name in names]
    return {name: _checked(kind, file, name, ChainMap(*reversed(of))) for name, of in zip(names, layers, strict=True)}


def _checked(kind: type[B], file: Path, name: str, bounds: Mapping[str, Any]) -> B:
    wanted = {field.name for field in fields(kind)}
    odd = sorted(wanted ^ set(bounds)) or sorted(
        key for key, bound in bounds.items() if type(bound) not in {int, float}
    )
    if odd:
        raise ValueError(f"{file.name}: {name}: missing, unknown or no number: {', '.join(odd)}")
    return kind(**bounds)
