"""The memory tier: what may be served from it, and when."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from shared.cache.entry import Entry
from shared.cache.keys import Keys
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier, Trust
from shared.cache.slices import SLICE
from shared.cache.token import Token
from tests.kit.caches import plain

KEYS = Keys("test", [plain("profile", owned=True), plain("products")])
NAMES = [KEYS.entry("profile", "u1"), KEYS.entry("profile", "u2"), KEYS.entry("products", "p1")]
TTL, STALE = 30.0, 60.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time it was set to."""
        return self.now


def _tier(clock: Clock | None = None) -> NearTier:
    return NearTier(MemoryStore(100), KEYS, clock or Clock())


def _entry(clock: Clock, value: bytes = b"value") -> Entry:
    return Entry.made(value, clock.now, TTL, STALE)


def test_a_reply_in_flight_never_overwrites_a_later_invalidation() -> None:
    """What was read before the key changed is not kept."""
    clock = Clock()
    tier = _tier(clock)
    token = tier.issue_token(NAMES[0])
    tier.invalidate([NAMES[0]])
    assert not tier.put(NAMES[0], _entry(clock), token)
    assert tier.kept(NAMES[0]) is None


def test_an_own_write_outdates_what_is_being_read() -> None:
    """The newer of the two stays, whichever comes last."""
    clock = Clock()
    tier = _tier(clock)
    reading, writing = tier.issue_token(NAMES[0]), tier.issue_token(NAMES[0])
    assert tier.put(NAMES[0], _entry(clock, b"new"), writing)
    assert not tier.put(NAMES[0], _entry(clock, b"old"), reading)
    found = tier.fresh(NAMES[0])
    assert found is not None
    assert found.value == b"new"


def test_a_purge_stamp_drops_what_its_subject_owns_and_nothing_else() -> None:
    """A change of one user's stamp takes that user's entries, and loads of them in flight."""
    clock = Clock()
    tier = _tier(clock)
    for name in NAMES:
        assert tier.put(name, _entry(clock), tier.issue_token())
    stamp = KEYS.stamp("user:u1")
    loading = tier.issue_token(*NAMES)
    tier.invalidate([stamp])
    assert [tier.fresh(name) is not None for name in NAMES] == [False, True, True]
    assert [loading.holds(name) for name in NAMES] == [False, True, True]


def test_a_purge_takes_every_variant_kept_or_on_its_way() -> None:
    """Of that subject alone, also of one whose name begins like another's."""
    keys = Keys("test", [plain("profile", owned=True), replace(plain("notes", owned=True), varied=True)])
    clock = Clock()
    tier = NearTier(MemoryStore(100), keys, clock)
    mine = [keys.entry("notes", "u1", variant) for variant in ("", ":de", ":en")]
    others = [keys.entry("notes", "u12", ":de"), keys.entry("notes", "u", "1:de"), keys.entry("profile", "u12")]
    for name in (*mine[:2], *others):
        assert tier.put(name, _entry(clock), tier.issue_token())
    loading = tier.issue_token(*mine, *others)
    tier.purge("user:u1", hard=True)
    assert [tier.kept(name) is not None for name in (*mine, *others)] == [False] * 3 + [True] * 3
    assert [loading.holds(name) for name in (*mine, *others)] == [False] * 3 + [True] * 3


@pytest.mark.parametrize("hard", [False, True])
def test_a_purge_of_a_tag_outdates_whatever_carries_it(hard: bool) -> None:
    """By its key or besides; it may stand in, if the purge is soft and it was to be kept longer than it is current."""
    clock = Clock()
    tier = _tier(clock)
    own, showing, other = NAMES[0], NAMES[1], NAMES[2]
    for name, tags in ((own, ()), (showing, ("product:p1", "user:u1")), (other, ("product:p2",))):
        assert tier.put(name, structs.replace(_entry(clock), tags=tags), tier.issue_token())
    brief = KEYS.entry("profile", "u3")
    assert tier.put(brief, structs.replace(Entry.made(b"value", clock.now, TTL), tags=("user:u1",)), tier.issue_token())
    tier.purge("user:u1", hard=hard)
    assert [tier.fresh(name) is not None for name in (own, showing, other, brief)] == [False, False, True, False]
    assert [tier.kept(name) is not None for name in (own, showing, other, brief)] == [not hard, not hard, True, False]
    assert all(entry.is_due(clock.now) for name in (own, showing) if (entry := tier.kept(name)) is not None)


def test_a_load_loses_what_depends_on_a_tag_that_is_purged() -> None:
    """At once, and that alone; also one that turns out to depend on it when it was purged already."""
    tier = _tier()
    told: list[str | None] = []
    early = tier.issue_token(*NAMES, on_loss=told.append)
    tier.tag_token(early, NAMES[0], ["product:p1", "product:p2"])
    tier.tag_token(early, NAMES[1], ["product:p2"])
    tier.purge("product:p1")
    assert told == [NAMES[0]]
    assert early.lost == {NAMES[0]}
    tier.tag_token(early, NAMES[2], ["product:p1"])
    assert told == [NAMES[0], NAMES[2]]
    late = tier.issue_token(*NAMES)
    tier.tag_token(late, NAMES[0], ["product:p1"])
    assert not late.lost
    tier.purge("product:p2")
    assert early.lost == {*NAMES}
    for token in (early, late):
        tier.release_token(token)
    assert (tier._tokens, tier._tagged) == ({}, set())


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(0, 30))
def test_what_is_remembered_of_purges_is_bounded(purged: list[int], asked: int) -> None:
    """Who asks about one that is forgotten is told the worst."""
    tier = NearTier(MemoryStore(10), KEYS, Clock(), purges=5)
    token = tier.issue_token(NAMES[0])
    for number in purged:
        tier.purge(f"product:{number}")
    tier.tag_token(token, NAMES[0], [f"product:{asked}"])
    assert token.holds(NAMES[0]) is (asked not in purged and len({*purged}) <= 5)


async def test_a_purge_of_much_is_done_in_slices(loop: object) -> None:
    """Nobody is kept waiting; what was put since stays."""
    clock = Clock()
    tier = NearTier(MemoryStore(10_000), KEYS, clock)
    names = [KEYS.entry("profile", f"u{number}") for number in range(1_300)]
    for name in names:
        assert tier.put(name, structs.replace(_entry(clock), tags=("product:p1",)), tier.issue_token())
    tier.purge("product:p1", hard=True)
    left = [name for name in names if tier.fresh(name) is not None]
    assert len(left) == len(names) - SLICE
    clock.now += 1
    again = structs.replace(_entry(clock), tags=("product:p1",))
    assert tier.put(left[0], again, tier.issue_token())
    await tier.settled()
    assert [name for name in names if tier.fresh(name) is not None] == [left[0]]
    await tier.settled()


async def test_no_load_takes_what_a_purge_has_not_come_to_yet(loop: object) -> None:
    """Else it would be put together anew, as if from after the purge; it may stand in, if the purge is soft."""
    clock = Clock()
    tier = NearTier(MemoryStore(10_000), KEYS, clock)
    names = [KEYS.entry("products", f"p{number}") for number in range(1_300)]
    for name in names:
        assert tier.put(name, structs.replace(_entry(clock), tags=("shop:s1", "shop:s2")), tier.issue_token())
    clock.now += 1
    tier.purge("shop:s1")
    clock.now += 1
    assert all(entry is not None and not entry.is_fresh(clock.now) for entry in map(tier.kept, names))
    await tier.settled()
    assert all(tier.kept(name) is not None for name in names)
    tier.purge("shop:s1")
    tier.purge("shop:s2")
    tier.purge("shop:s2", hard=True)
    assert all(tier.kept(name) is None for name in names[::2])
    await tier.settled()
    assert not len(tier.store)


async def test_many_purges_at_once_share_a_slice(loop: object) -> None:
    """As events of many things make them: all of it together keeps nobody waiting."""
    clock = Clock()
    tier = NearTier(MemoryStore(10_000), KEYS, clock)
    numbers = range(2_000)
    for number in numbers:
        entry = structs.replace(_entry(clock), tags=(f"product:p{number % 40}",))
        assert tier.put(KEYS.entry("profile", f"u{number}"), entry, tier.issue_token())
    for number in range(40):
        tier.purge(f"product:p{number}", hard=True)
    assert len(tier.store) == len(numbers) - SLICE
    await tier.settled()
    assert not len(tier.store)


async def test_a_purge_of_many_variants_is_done_in_slices_too(loop: object) -> None:
    """None of them is taken meanwhile, and what is on its way is lost at once."""
    keys = Keys("test", [replace(plain("notes", owned=True), varied=True)])
    clock = Clock()
    tier = NearTier(MemoryStore(10_000), keys, clock)
    names = [keys.entry("notes", "u1", f":{number}") for number in range(1_300)]
    for name in names[:-1]:
        assert tier.put(name, _entry(clock), tier.issue_token())
    loading = tier.issue_token(names[-1])
    tier.purge("user:u1", hard=True)
    assert len(tier.store) == len(names) - 1 - SLICE
    assert not loading.holds(names[-1])
    assert all(tier.kept(name) is None for name in names)
    await tier.settled()
    assert not len(tier.store)


def test_who_watches_is_told_of_every_change() -> None:
    """Of a key or of a tag, until it watches no more."""
    clock = Clock()
    tier = _tier(clock)
    told: list[str] = []
    watching = {name: partial(told.append, name) for name in (NAMES[0], "product:p1")}
    for name, tell in watching.items():
        tier.watch(name, tell)
    assert tier.put(NAMES[0], _entry(clock), tier.issue_token())
    tier.drop(NAMES[1])
    tier.purge("product:p1")
    tier.purge("user:u1")
    tier.invalidate([NAMES[0]])
    assert told == [NAMES[0], "product:p1", NAMES[0], NAMES[0]]
    tier.invalidate(None)
    assert sorted(told[4:]) == sorted(watching)
    for name, tell in watching.items():
        tier.unwatch(name, tell)
    tier.invalidate(None)
    assert len(told) == 6
    assert tier._watching == {}


@pytest.mark.parametrize(
    ("trust", "served"),
    [(Trust.COHERENT, True), (Trust.BLIND, False), (Trust.UNCERTAIN, False), (Trust.ALONE, True)],
)
def test_memory_is_served_only_where_it_can_be_believed(trust: Trust, served: bool) -> None:
    """With Redis telling of changes, or gone; not while it is silent, or of unknown state."""
    clock = Clock()
    tier = _tier(clock)
    tier.set_trust(trust)
    assert tier.put(NAMES[0], _entry(clock), tier.issue_token())
    assert (tier.fresh(NAMES[0]) is not None) is served


def test_a_new_connection_begins_empty() -> None:
    """What was kept meanwhile may have changed unnoticed, and what was being loaded too."""
    clock = Clock()
    tier = _tier(clock)
    assert tier.put(NAMES[0], _entry(clock), tier.issue_token())
    token = tier.issue_token(NAMES[1])
    tier.set_trust(Trust.UNCERTAIN)
    tier.set_trust(Trust.COHERENT)
    assert tier.kept(NAMES[0]) is None
    assert not token.alive


def _taken(tier: NearTier, name: str, entry: Entry) -> bool:
    """Whether what Redis has is current."""
    token = tier.issue_token(name)
    assert tier.take(name, entry, token)
    tier.release_token(token)
    return tier.fresh(name) is not None


@pytest.mark.parametrize("alone_for_long", [False, True])
def test_nothing_older_follows_what_was_shown_while_redis_was_away(alone_for_long: bool) -> None:
    """Redis comes back as it was, and is told of changes later; until then that is last known good at most."""
    clock = Clock()
    tier = _tier(clock)
    tier.set_trust(Trust.COHERENT)
    assert tier.put(NAMES[1], _entry(clock, b"in Redis"), tier.issue_token())
    before = clock.now
    clock.now += 1
    tier.set_trust(Trust.UNCERTAIN)
    tier.set_trust(Trust.ALONE)
    clock.now += 1
    assert tier.put(NAMES[0], _entry(clock, b"new"), tier.issue_token())
    if alone_for_long:
        tier.expire_standalone(0.5)
    clock.now += 1
    tier.set_trust(Trust.COHERENT)
    old = Entry.made(b"old", before, TTL, STALE)
    assert not _taken(tier, NAMES[0], structs.replace(old))
    assert tier.kept(NAMES[0]) is not None
    assert _taken(tier, NAMES[1], structs.replace(old))
    assert _taken(tier, NAMES[0], _entry(clock, b"newer"))
    tier.set_trust(Trust.UNCERTAIN)
    tier.set_trust(Trust.COHERENT)
    assert not _taken(tier, NAMES[0], structs.replace(old))


def test_what_is_loaded_after_that_is_shared_again_however_old_what_it_is_made_of_is() -> None:
    """It is what Redis has from then on: others may make theirs of parts that are as old as they may be."""
    clock = Clock()
    tier = _tier(clock)
    clock.now += 100
    assert tier.put(NAMES[0], _entry(clock, b"new"), tier.issue_token())
    clock.now += 1
    tier.set_trust(Trust.COHERENT)
    made_of_old = structs.replace(_entry(clock, b"made of old"), age=50.0)
    assert not _taken(tier, NAMES[0], structs.replace(made_of_old))
    assert tier.put(NAMES[0], _entry(clock, b"newer"), tier.issue_token())
    assert _taken(tier, NAMES[0], structs.replace(made_of_old))


def test_so_much_that_was_shown_is_remembered_and_no_more() -> None:
    """However often Redis comes and goes; the latest is what counts."""
    clock = Clock()
    tier = NearTier(MemoryStore(20_000), KEYS, clock)
    for _ in range(3):
        for number in range(6_000):
            clock.now += 0.001
            tier.put(KEYS.entry("products", f"p{clock.now:.3f}-{number}"), _entry(clock), tier.issue_token())
        tier.set_trust(Trust.COHERENT)
        tier.set_trust(Trust.UNCERTAIN)
        tier.set_trust(Trust.ALONE)
    assert len(tier._shown) == 10_000
    assert max(tier._shown.values()) == clock.now


@pytest.mark.parametrize(("before", "served"), [(Trust.COHERENT, True), (Trust.BLIND, False)])
def test_who_was_told_of_nothing_is_cut_off_with_nothing(before: Trust, served: bool) -> None:
    """What others have purged must not come back because Redis has gone; what is loaded from then on is kept."""
    clock = Clock()
    tier = _tier(clock)
    tier.set_trust(before)
    assert tier.put(NAMES[0], _entry(clock), tier.issue_token())
    tier.set_trust(Trust.UNCERTAIN)
    tier.set_trust(Trust.ALONE)
    assert (tier.kept(NAMES[0]) is not None) is served
    assert tier.put(NAMES[1], _entry(clock), tier.issue_token())
    assert tier.fresh(NAMES[1]) is not None


def test_whoever_waits_for_a_change_is_told_once() -> None:
    """A token that dies says so to its holder."""
    tier = _tier()
    told: list[str | None] = []
    token = tier.issue_token(NAMES[0], on_loss=told.append)
    tier.invalidate([NAMES[0]])
    tier.invalidate(None)
    tier.release_token(token)
    assert told == [NAMES[0]]


def test_who_was_cut_off_serves_what_it_had_for_a_bounded_time() -> None:
    """What was asked for before is gone then, fresh or stale; what it has loaded itself since stays."""
    clock = Clock()
    tier = _tier(clock)
    tier.set_trust(Trust.COHERENT)
    assert tier.put(NAMES[0], _entry(clock), tier.issue_token())
    loading = tier.issue_token(NAMES[1])
    asked_at = clock.now
    clock.now += 1
    tier.set_trust(Trust.UNCERTAIN)
    tier.set_trust(Trust.ALONE)
    clock.now += 1
    late = structs.replace(_entry(clock), age=clock.now - asked_at)
    assert tier.put(NAMES[1], late, loading)
    assert tier.put(NAMES[2], _entry(clock), tier.issue_token())
    clock.now += 3.9
    tier.expire_standalone(5)
    assert [tier.kept(name) is not None for name in NAMES] == [True, True, True]
    clock.now += 0.1
    tier.expire_standalone(5)
    assert [tier.kept(name) is not None for name in NAMES] == [False, False, True]
    clock.now += 20
    tier.expire_standalone(5)
    assert tier.kept(NAMES[2]) is not None


@pytest.mark.parametrize("lost", [False, True])
def test_memory_that_never_had_redis_is_not_bounded(lost: bool) -> None:
    """Nor is it once Redis is back."""
    clock = Clock()
    tier = _tier(clock)
    if lost:
        tier.set_trust(Trust.UNCERTAIN)
        tier.set_trust(Trust.COHERENT)
    assert tier.put(NAMES[0], _entry(clock), tier.issue_token())
    clock.now += 20
    tier.expire_standalone(5)
    assert tier.fresh(NAMES[0]) is not None


def test_ended_tokens_leave_nothing_behind() -> None:
    """However many reads there were, alive or dead."""
    tier = _tier()
    tokens = [tier.issue_token(*NAMES) for _ in range(10)]
    tier.invalidate([NAMES[0]])
    for token in tokens:
        tier.release_token(token)
    assert tier._tokens == {}


class Coherence(RuleBasedStateMachine):
    """Memory against a Redis of which all is known: values have numbers, and each key remembers which are outdated."""

    @initialize()
    def begin(self) -> None:
        """Nothing is anywhere; Redis is there."""
        self.clock = Clock()
        self.tier = _tier(self.clock)
        self.tier.set_trust(Trust.COHERENT)
        self.redis: dict[str, tuple[int, float]] = {}
        self.outdated: dict[str, int] = dict.fromkeys(NAMES, 0)
        self.number = 0
        self.suppressed: list[str] = []
        self.reads: list[tuple[str, Token, tuple[int, float] | None]] = []

    def _told(self) -> None:
        for name in self.suppressed:
            self.outdated[name] = self.number if name not in self.redis else self.redis[name][0] - 1
        self.tier.invalidate(self.suppressed)
        self.suppressed = []

    @rule(name=st.sampled_from(NAMES))
    def other_writes(self, name: str) -> None:
        """Another process stores a newer value; we are told later."""
        self.number += 1
        self.redis[name] = (self.number, self.clock.now)
        self.suppressed.append(name)

    @rule(name=st.sampled_from(NAMES))
    def other_deletes(self, name: str) -> None:
        """Another process deletes the value; we are told later."""
        if self.redis.pop(name, None) is not None:
            self.suppressed.append(name)

    @precondition(lambda self: self.tier.trust is Trust.COHERENT)
    @rule()
    def told(self) -> None:
        """The changes arrive; from now on nothing older may be served."""
        self._told()

    @precondition(lambda self: self.tier.trust is Trust.COHERENT)
    @rule(name=st.sampled_from(NAMES))
    def we_write(self, name: str) -> None:
        """We store a newer value ourselves, in memory and, on the same connection, in Redis."""
        self.number += 1
        token = self.tier.issue_token(name)
        assert self.tier.put(name, Entry.made(str(self.number).encode(), self.clock.now, TTL, STALE), token)
        self.tier.release_token(token)
        self.redis[name] = (self.number, self.clock.now)

    @precondition(lambda self: self.tier.trust is Trust.COHERENT)
    @rule(name=st.sampled_from(NAMES))
    def read_leaves(self, name: str) -> None:
        """A read is answered by Redis; the answer is on its way. What happened before it is told before it."""
        self._told()
        self.reads.append((name, self.tier.issue_token(name), self.redis.get(name)))

    @precondition(lambda self: self.reads)
    @rule(data=st.data())
    def read_arrives(self, data: st.DataObject) -> None:
        """An answer arrives, whatever has happened since."""
        name, token, found = self.reads.pop(data.draw(st.integers(0, len(self.reads) - 1)))
        if found is not None:
            number, stored_at = found
            self.tier.put(name, Entry.made(str(number).encode(), stored_at, TTL, STALE), token)
        self.tier.release_token(token)

    @rule(seconds=st.floats(0.1, 40.0))
    def time_passes(self, seconds: float) -> None:
        """Time goes on; Redis forgets what is over."""
        self.clock.now += seconds
        for name in [n for n, (_, at) in self.redis.items() if self.clock.now >= at + STALE]:
            del self.redis[name]

    @precondition(lambda self: self.tier.trust is Trust.COHERENT)
    @rule()
    def connection_breaks(self) -> None:
        """We hear of nothing any more."""
        self.tier.set_trust(Trust.UNCERTAIN)

    @precondition(lambda self: self.tier.trust is Trust.UNCERTAIN)
    @rule()
    def connection_comes_back(self) -> None:
        """Changes meanwhile were missed; those to come are told."""
        self.suppressed = []
        for name in NAMES:
            self.outdated[name] = self.number if name not in self.redis else self.redis[name][0] - 1
        self.tier.set_trust(Trust.COHERENT)

    @precondition(lambda self: self.tier.trust is Trust.COHERENT)
    @rule()
    def everything_is_dropped(self) -> None:
        """FLUSHALL, told at once."""
        self.redis.clear()
        self.suppressed = []
        self.outdated = dict.fromkeys(NAMES, self.number)
        self.tier.invalidate(None)

    @invariant()
    def nothing_outdated_and_nothing_too_old_is_served(self) -> None:
        """What memory gives is newer than all that was invalidated, and within its time."""
        if not hasattr(self, "tier"):
            return
        for name in NAMES:
            entry = self.tier.fresh(name)
            if entry is not None:
                assert self.tier.trust is Trust.COHERENT
                assert int(entry.value) > self.outdated[name]
                assert self.clock.now - entry.stored_at < TTL


TestCoherence = Coherence.TestCase
TestCoherence.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
