"""Where instances are, looked up again and again: when, and what counts; on a loop that never waits."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from shared.upstream.lookup.address import Target, targets
from shared.upstream.lookup.failure import LookupFailed
from shared.upstream.lookup.find import known
from shared.upstream.lookup.location import Location
from shared.upstream.lookup.lookup import EVERY_SECONDS, MOST, Draw, Lookup
from tests.fixtures.jumping_loop import now, run
from tests.fixtures.log_lines import heard

ONE: Final = "http://one:8001"
BOTH: Final = "http://one:8001,http://two:8002/v2"
HANGS: Final = "hangs"
FAILS: Final = LookupFailed("no such luck")
NOTHING: Final[Sequence[Location]] = ()

Said = Sequence[Location] | Exception | str
"""What comes of a look-up: instances, an error, or nothing ever."""


def at(*numbers: int) -> list[Location]:
    """Instances at so many addresses."""
    return [Location("http://one:8001", (f"10.0.0.{number}",), 8001) for number in numbers]


class Network:
    """What is found at the moment, by host; each look-up takes so many seconds."""

    def __init__(self, takes: float = 0.01, **said: Said) -> None:
        self.takes = takes
        self.said: dict[str, Said] = dict(said)
        self.asked: list[tuple[str, float]] = []
        self.released = asyncio.Event()
        self.under_way: list[str] = []

    async def __call__(self, target: Target) -> Sequence[Location]:
        """One look-up; what hangs comes back when it is released, with what is said then."""
        assert target.host not in self.under_way
        self.under_way.append(target.host)
        try:
            self.asked.append((target.host, now()))
            await asyncio.sleep(self.takes)
            if self.said[target.host] == HANGS:
                await self.released.wait()
            said = self.said[target.host]
        finally:
            self.under_way.remove(target.host)
        if isinstance(said, Exception):
            raise said
        assert not isinstance(said, str)
        return said

    def times(self) -> list[float]:
        """When it was asked, in seconds since the loop's beginning."""
        return [round(asked, 6) for _, asked in self.asked]


class Watched(Lookup):
    """One whose changes are kept; without jitter unless wanted."""

    def __init__(self, network: Network, text: str = ONE, service: str = "a", draw: Draw = lambda _a, _b: 1.0) -> None:
        self.changes: list[tuple[Location, ...]] = []
        super().__init__(service, targets(text), network, self.changes.append, draw)

    def hosts(self) -> list[str]:
        """The addresses of the last change."""
        return [location.hosts[0] for location in self.changes[-1]] if self.changes else []


def counted(service: str) -> dict[str, float]:
    """Look-ups by outcome."""
    outcomes = ("success", "failure", "empty", "timeout")
    values = {
        one: REGISTRY.get_sample_value("upstream_lookups_total", {"service_name": service, "outcome": one})
        for one in outcomes
    }
    return {one: value for one, value in values.items() if value}


def test_names_are_looked_up_every_two_seconds() -> None:
    """From beginning to beginning; only what differs is told."""

    async def main() -> None:
        network = Network(one=at(1, 2))
        async with Watched(network) as lookup:
            await asyncio.sleep(2.5)
            network.said["one"] = at(2, 1)
            await asyncio.sleep(2)
            network.said["one"] = at(2)
            await asyncio.sleep(2)
        assert network.times() == [0, 2, 4, 6]
        assert lookup.changes == [tuple(at(1, 2)), tuple(at(2))]

    run(main())


@given(st.floats(0, 1))
def test_processes_do_not_all_ask_at_once(share: float) -> None:
    """Each round is a tenth earlier or later, as is drawn."""

    async def main() -> None:
        network = Network(one=at(1))
        async with Watched(network, draw=lambda low, high: low + share * (high - low)):
            await asyncio.sleep(3.9)
        pauses = [later - earlier for earlier, later in pairwise(network.times())]
        assert 0 < len(pauses) <= 2
        assert [pause for pause in pauses if not 1.8 <= pause <= 2.2] == []

    run(main())


def test_a_lost_connection_hurries_it() -> None:
    """At once, but not more often than four times a second, however many are lost."""

    async def main() -> None:
        network = Network(one=at(1))
        async with Watched(network) as lookup:
            await asyncio.sleep(1)
            for _ in range(100):
                lookup.hurry()
                await asyncio.sleep(0.01)
            await asyncio.sleep(3)
        assert network.times() == [0, 1, 1.25, 1.5, 1.75, 2, 4]

    run(main())


@pytest.mark.parametrize("said", [FAILS, NOTHING, HANGS], ids=["fails", "empty", "hangs"])
@pytest.mark.parametrize("known_before", [True, False])
def test_what_was_found_stays_while_nothing_is(said: Said, known_before: bool) -> None:
    """However the look-up fails; the next good one counts at once."""

    async def main() -> None:
        network = Network(one=at(1) if known_before else said)
        async with Watched(network) as lookup:
            await asyncio.sleep(1)
            network.said["one"] = said
            await asyncio.sleep(20)
            assert lookup.hosts() == (["10.0.0.1"] if known_before else [])
            network.said["one"] = at(2)
            network.released.set()
            await asyncio.sleep(2.5)
            assert lookup.hosts() == ["10.0.0.2"]
            assert len(lookup.changes) == 1 + known_before

    run(main())


@pytest.mark.parametrize("said", [FAILS, NOTHING, HANGS, KeyError("unforeseen")], ids=str)
def test_one_name_that_fails_holds_up_no_other(said: Said) -> None:
    """Its own instances stay, those of others come and go."""

    async def main() -> None:
        network = Network(one=at(1), two=at(2))
        async with Watched(network, BOTH) as lookup:
            await asyncio.sleep(1)
            assert lookup.changes == [tuple(at(1, 2))]
            network.said |= {"one": said, "two": at(3)}
            await asyncio.sleep(2.5)
            assert lookup.hosts() == ["10.0.0.1", "10.0.0.3"]
            network.said["two"] = at(4, 5)
            await asyncio.sleep(2)
            assert lookup.hosts() == ["10.0.0.1", "10.0.0.4", "10.0.0.5"]

    run(main())


def test_what_hangs_at_the_start_holds_up_no_other() -> None:
    """What others have is known soon, and together."""

    async def main() -> None:
        network = Network(one=HANGS, two=at(2), three=at(3))
        async with Watched(network, f"{BOTH},http://three") as lookup:
            await lookup.found()
            assert now() < 0.2
            assert lookup.changes == [tuple(at(2, 3))]

    run(main())


@given(st.floats(0.02, 8))
def test_a_late_answer_counts_when_it_comes(seconds: float) -> None:
    """In whatever round that is; meanwhile nobody asks for the same name again."""

    async def main() -> None:
        network = Network(one=HANGS)
        async with Watched(network) as lookup:
            asyncio.get_running_loop().call_later(seconds, network.released.set)
            await asyncio.sleep(seconds - 0.001)
            assert (lookup.changes, len(network.asked)) == ([], 1)
            network.said["one"] = at(1)
            await asyncio.sleep(0.05)
            assert lookup.hosts() == ["10.0.0.1"]

    run(main())


def test_a_round_is_counted_and_a_change_told_once() -> None:
    """Each round by what came of it in time; the log tells when failing begins and when it ends."""
    lines: list[dict[str, object]] = []

    async def main() -> None:
        network = Network(one=at(1))
        async with Watched(network, service="counted"):
            await asyncio.sleep(3)
            for said in (FAILS, NOTHING, HANGS):
                network.said["one"] = said
                await asyncio.sleep(4)
            network.said["one"] = at(1)
            network.released.set()
            await asyncio.sleep(4)

    with heard(lambda line: lines.append(orjson.loads(line))):
        run(main())
    assert counted("counted") == {"success": 4, "failure": 2, "empty": 2, "timeout": 2}
    assert [(line["level"], line["event"], line["upstream"], line["name"]) for line in lines] == [
        ("warning", "look-up failed", "counted", "one"),
        ("info", "look-up works again", "counted", "one"),
    ]
    assert (lines[0]["outcome"], lines[0]["reason"]) == ("failure", "no such luck")


@pytest.mark.parametrize(("takes", "outcome"), [(0.05, "success"), (0.95, "success"), (1.05, "timeout")])
def test_a_look_up_has_a_second(takes: float, outcome: str) -> None:
    """Whatever it takes, what it finds counts when it comes."""
    service = f"takes {takes}"

    async def main() -> None:
        async with Watched(Network(takes, one=at(1)), service=service) as lookup:
            assert await lookup.found() == tuple(at(1))
            assert now() == pytest.approx(takes)
            await asyncio.sleep(0.5)

    run(main())
    assert counted(service) == {outcome: 1}


def test_an_unforeseen_error_is_told_and_ends_nothing() -> None:
    """It counts as a failure."""
    events: list[object] = []

    async def main() -> None:
        network = Network(one=KeyError("unforeseen"))
        async with Watched(network, service="unforeseen") as lookup:
            await asyncio.sleep(1)
            network.said["one"] = at(1)
            assert await lookup.found() == tuple(at(1))

    with heard(lambda line: events.append(orjson.loads(line)["event"])):
        run(main())
    assert events == ["look-up ended unexpectedly", "look-up failed", "look-up works again"]
    assert counted("unforeseen") == {"failure": 1, "success": 1}


def test_the_first_instances_are_waited_for() -> None:
    """By any number of callers; who leaves cancels nobody, and who waits has it looked up sooner."""

    async def main() -> None:
        network = Network(one=FAILS)
        async with Watched(network) as lookup:
            await asyncio.sleep(1)
            leaving, staying = (asyncio.create_task(lookup.found()) for _ in range(2))
            await asyncio.sleep(0)
            network.said["one"] = at(1)
            leaving.cancel()
            await asyncio.wait({leaving})
            assert await staying == tuple(at(1))
            assert now() < 1.1
            network.said["one"] = FAILS
            assert await lookup.found() == tuple(at(1))

    run(main())


def test_addresses_need_no_look_up() -> None:
    """They are told at once, and nothing goes on in the background."""

    async def main() -> None:
        network = Network()
        text = "http://10.0.0.2:8001,http://[::1]/v2,http://10.0.0.1:8001"
        async with Watched(network, text) as lookup:
            assert [location.label for location in lookup.changes[0]] == ["10.0.0.1:8001", "10.0.0.2:8001", "[::1]:80"]
            assert set(lookup.changes[0]) == {known(target) for target in targets(text)}
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert await lookup.found() == lookup.changes[0]
            await asyncio.sleep(10)
        assert (len(lookup.changes), network.asked) == (1, [])

    run(main())


def test_addresses_wait_for_no_name() -> None:
    """They are there while it hangs."""

    async def main() -> None:
        network = Network(one=HANGS)
        async with Watched(network, f"http://10.0.0.9:8001,{ONE}") as lookup:
            assert lookup.hosts() == ["10.0.0.9"]
            network.said["one"] = at(1)
            network.released.set()
            await asyncio.sleep(0.05)
            assert lookup.hosts() == ["10.0.0.1", "10.0.0.9"]

    run(main())


def test_there_are_never_too_many() -> None:
    """The same ones are left out each time, and it is told once."""
    lines: list[bytes] = []

    async def main() -> None:
        many = [Location("http://one", (f"10.{one // 256}.{one % 256}.1",), 80) for one in range(MOST + 5)]
        network = Network(one=many)
        async with Watched(network, service="many") as lookup:
            await asyncio.sleep(1)
            network.said["one"] = many[::-1]
            await asyncio.sleep(10)
            assert [len(change) for change in lookup.changes] == [MOST]

    with heard(lines.append):
        run(main())
    assert len(lines) == 1
    assert b"too many instances" in lines[0]


@given(st.floats(0, 7), st.sampled_from([at(1), FAILS, NOTHING, HANGS]))
def test_it_can_be_left_at_any_moment(seconds: float, said: Said) -> None:
    """Whoever is in it may be cancelled; nothing is left that still runs."""

    async def inside(lookup: Lookup) -> None:
        async with lookup:
            lookup.hurry()
            await asyncio.get_running_loop().create_future()

    async def main() -> None:
        task = asyncio.create_task(inside(Watched(Network(one=said, two=at(2)), BOTH)))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


SAID: Final = st.one_of(
    st.sampled_from([FAILS, NOTHING, HANGS]), st.lists(st.integers(1, 9), min_size=1, max_size=4).map(lambda n: at(*n))
)


@given(st.lists(st.fixed_dictionaries({"one": SAID, "two": SAID}), min_size=1, max_size=8), st.booleans())
def test_the_set_is_always_the_last_good_union(rounds: list[dict[str, Said]], hurried: bool) -> None:
    """Of each name what it last had, whatever happens to either; each change is told, and nothing twice."""

    async def main() -> None:
        network = Network()
        network.said = dict(rounds[0])
        good: dict[str, Sequence[Location]] = {}
        async with Watched(network, BOTH) as lookup:
            for said in rounds:
                network.said = dict(said)
                network.released.set()
                await asyncio.sleep(0)
                network.released.clear()
                if hurried:
                    lookup.hurry()
                await asyncio.sleep(EVERY_SECONDS)
                good |= {name: found for name, found in said.items() if isinstance(found, list)}
                wanted = {location.hosts[0] for found in good.values() for location in found}
                assert lookup.hosts() == sorted(wanted)
        assert [one for one, next_one in pairwise(lookup.changes) if one == next_one] == []

    run(main())
