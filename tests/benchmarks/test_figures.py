"""From measurements to the figures of the table, and which scenarios belong together."""

from dataclasses import replace

import pytest

from benchmarks.speed import plot
from benchmarks.speed.cores import Placement, place
from benchmarks.speed.measurement import Measurement
from benchmarks.speed.observing import costs
from benchmarks.speed.rows import rows
from benchmarks.speed.scenarios import GATEWAY, chosen, names

QUIET = Measurement(
    rate=1000.0, p50=0.001, p99=0.002, cpu=0.0001, calls=0.0, memory=50.0, errors=0, busy=0.99, others=0.0,
    load_full=False, shared=False,
)  # fmt: skip


def _named(*wanted: str) -> list[str]:
    return [scenario.name for scenario in chosen(wanted)]


def test_a_scenario_brings_its_floors_along() -> None:
    """Ratios come from the same run."""
    assert _named("hit") == ["hit", "bare"]
    assert _named("mixed") == ["mixed", "bare", "calls"]
    assert _named("bare") == ["bare"]
    assert _named("hit-guarded") == ["hit-open", "hit-guarded"]


def test_what_observing_costs_is_held_against_a_hit_and_a_miss() -> None:
    """The group brings what each of its scenarios is compared with."""
    assert {"hit-observed", "cold-observed", "hit-without-log", "cold-without-trace"} <= set(_named("observing"))


def test_every_scenario_can_be_had_alone() -> None:
    """Names are unique, and those of what they are held against exist."""
    assert len(set(names())) == len(names())
    assert all(set(scenario.workload.floors) <= set(names()) for scenario in GATEWAY)


def test_figures_are_medians_of_the_rounds() -> None:
    """One bad round moves nothing but the spread and a remark."""
    measured = [QUIET, replace(QUIET, rate=100.0, others=0.5), replace(QUIET, rate=1100.0)]
    (row,) = rows(chosen(["bare"]), {"bare": measured})
    assert row.rate == 1000.0
    assert row.spread == pytest.approx(1.0)
    assert row.others == 0.5
    assert row.remarks == ("noisy",)


def test_ratios_are_to_the_floor_and_of_mixed_work_to_both() -> None:
    """19 answers from memory and one that asks the services take the time of so many floors."""
    cold = replace(QUIET, rate=50.0, cpu=0.002, calls=3.0)
    mixed = replace(QUIET, rate=500.0, cpu=0.001, calls=0.1)
    table = rows(chosen(["hit", "mixed"]), {"hit": [QUIET], "mixed": [mixed], "bare": [QUIET], "calls": [cold]})
    by_name = {row.scenario.name: row for row in table}
    assert by_name["hit"].of_floor == pytest.approx(1.0)
    assert by_name["mixed"].of_floor == pytest.approx(500 * (0.95 / 1000 + 0.05 / 50))
    assert by_name["mixed"].of_floor_cpu == pytest.approx((0.95 * 0.0001 + 0.05 * 0.002) / 0.001)
    assert by_name["bare"].of_floor is None


@pytest.mark.parametrize(
    ("odd", "remark"),
    [
        (replace(QUIET, errors=1), "ERRORS"),
        (replace(QUIET, calls=0.1), "0 calls expected"),
        (replace(QUIET, busy=0.5), "not at its limit"),
        (replace(QUIET, load_full=True), "the load could not be greater"),
        (replace(QUIET, shared=True, busy=0.5), "shares a processor with the load"),
        (replace(QUIET, others=0.2), "noisy"),
    ],
)
def test_doubts_are_said(odd: Measurement, remark: str) -> None:
    """Whatever makes a figure doubtful stands beside it."""
    (row,) = rows(chosen(["bare"]), {"bare": [odd]})
    assert row.remarks == (remark,)


def test_a_cost_is_the_difference_round_by_round() -> None:
    """The median, what lies round it, and the share of the whole."""
    measured = {
        "hit-observed": [QUIET] * 3,
        "hit-without-log": [replace(QUIET, cpu=cpu) for cpu in (90e-6, 80e-6, 110e-6)],
    }
    (cost,) = costs(measured)
    assert (cost.what, cost.base) == ("log", "hit")
    assert (cost.cpu, cost.least, cost.most) == pytest.approx((10e-6, -10e-6, 20e-6))
    assert cost.share == pytest.approx(0.1)


def test_gateway_and_load_share_processors_only_where_there_are_too_few() -> None:
    """One each on two; with one for both, or two workers on two, the placement says so."""
    assert place({0, 1}, 1) == Placement(gateway=frozenset({0}), load=frozenset({1}))
    assert not place({0, 1}, 1).shared
    assert place({0, 1}, 2).shared
    assert place({3}, 1).shared
    assert not place({0, 1, 2, 3}, 2).shared
    assert place({0, 1, 2, 3}, 2).load == {2, 3}


def test_the_plot_has_a_bar_for_each_scenario() -> None:
    """Floors in another colour, and nothing of what observing costs."""
    measured = {name: [QUIET] for name in ("hit", "bare", "cold", "hit-without-log")}
    drawn = plot.svg(rows(chosen([]), measured))
    assert drawn.count('class="bar"') == 2
    assert drawn.count('class="floor"') == 1
    assert "without" not in drawn
