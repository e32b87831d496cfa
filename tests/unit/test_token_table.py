"""Tokens that were seen before: remembered for as long as they count, and no more of them than there is room for."""

from collections import OrderedDict

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared.edge.principal import Principal
from shared.edge.token_table import RefusedTokens, VerifiedTokens

SOMEBODY = Principal("s", "i|s", frozenset(), {}, "", 0.0, 2_000.0, "key-1")


def until(instant: float, signed_by: str = "key-1") -> Principal:
    """Somebody who counts until then."""
    return msgspec.structs.replace(SOMEBODY, until=instant, signed_by=signed_by)


def test_a_token_is_remembered_until_it_has_to_be_verified_again() -> None:
    """To the instant; one that has to be verified each time is not remembered at all."""
    table, somebody = VerifiedTokens(), until(1_010.0)
    table.put("a", somebody, 1_000.0)
    table.put("b", until(1_000.0), 1_000.0)
    assert (table.get("a", 1_009.999), table.get("b", 999.0), len(table)) == (somebody, None, 1)
    assert table.get("a", 1_010.0) is None
    assert (len(table), table.characters) == (0, 0)


def test_who_has_not_been_seen_for_longest_goes_first() -> None:
    """Having been verified long ago does not matter."""
    table = VerifiedTokens(capacity=3)
    for token in "abc":
        table.put(token, SOMEBODY, 1_000.0)
    table.get("a", 1_000.0)
    table.put("d", SOMEBODY, 1_000.0)
    assert [table.get(token, 1_000.0) is not None for token in "abcd"] == [True, False, True, True]


def test_tokens_of_other_keys_are_forgotten() -> None:
    """And those of keys that stay are not."""
    table = VerifiedTokens()
    for name in ("key-1", "key-2", "key-3"):
        table.put(f"token of {name}", until(2_000.0, name), 1_000.0)
    table.retain({"key-1", "key-3", "key-4"})
    found = [table.get(f"token of {name}", 1_000.0) is not None for name in ("key-1", "key-2", "key-3")]
    assert (found, table.characters) == ([True, False, True], 2 * len("token of key-1"))


class Verified(RuleBasedStateMachine):
    """The table against a plain list of what was used, the latest last."""

    def __init__(self) -> None:
        super().__init__()
        self.table = VerifiedTokens(capacity=4, characters=20)
        self.model: OrderedDict[str, Principal] = OrderedDict()
        self.now = 1_000.0

    @rule(token=st.text("ab", min_size=1, max_size=8), life=st.integers(0, 9), key=st.sampled_from("xy"))
    def put(self, token: str, life: int, key: str) -> None:
        """Remember one, and forget those for which there is no room, the least recently used first."""
        somebody = until(self.now + life, key)
        self.table.put(token, somebody, self.now)
        if not life:
            return
        self.model.pop(token, None)
        self.model[token] = somebody
        while len(self.model) > 4 or sum(map(len, self.model)) > 20:
            self.model.popitem(last=False)

    @rule(token=st.text("ab", min_size=1, max_size=8))
    def get(self, token: str) -> None:
        """Look one up."""
        found = self.model.get(token)
        if found is not None and self.now >= found.until:
            del self.model[token]
            found = None
        if found is not None:
            self.model.move_to_end(token)
        assert self.table.get(token, self.now) is found

    @rule(seconds=st.integers(0, 5))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(keys=st.sets(st.sampled_from("xy")))
    def retain(self, keys: set[str]) -> None:
        """Have other keys."""
        self.table.retain(keys)
        self.model = OrderedDict((token, one) for token, one in self.model.items() if one.signed_by in keys)

    @invariant()
    def is_bounded(self) -> None:
        """As many, and as long, as there are."""
        assert (len(self.table), self.table.characters) == (len(self.model), sum(map(len, self.model)))


TestVerified = Verified.TestCase


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 6)), max_size=30))
def test_a_refusal_is_remembered_for_its_seconds(steps: list[tuple[str, int]]) -> None:
    """Counted from the last; of too many the oldest is forgotten."""
    table, now, model = RefusedTokens(capacity=3, seconds=10.0), 1_000.0, dict[str, float]()
    for token, seconds in steps:
        now += seconds
        assert table.has(token, now) is (token in model and now - model[token] < 10)
        table.put(token, now)
        model.pop(token, None)
        model[token] = now
        if len(model) > 3:
            del model[next(iter(model))]
        assert len(table) == len(model)
    table.clear()
    assert not any(table.has(token, now) for token in model)


def test_a_refusal_ends_when_the_clock_is_set_back() -> None:
    """Or it would last until the clock has come as far again."""
    table = RefusedTokens()
    table.put("a", 1_000.0)
    assert (table.has("a", 1_005.0), table.has("a", 900.0)) == (True, False)
