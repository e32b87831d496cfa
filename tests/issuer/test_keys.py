"""Which keys sign, and which are published."""

from hypothesis import given
from hypothesis import strategies as st

from deploy.issuer.keys import LEEWAY_SECONDS, Key, Keys

SECONDS = st.integers(1, 10_000)
STEPS = st.lists(st.tuples(st.sampled_from(["token", "rotate", "wait"]), SECONDS), max_size=30)


def _jwk(number: int) -> dict[str, str]:
    return {"kid": str(number), "d": "secret"}


@given(STEPS)
def test_what_a_good_token_needs_is_published_and_nothing_else(steps: list[tuple[str, int]]) -> None:
    """However tokens, rotations and time follow each other; and nothing private is ever told."""
    keys, now, number = Keys(Key(_jwk(0))), 1_000, 0
    ends: dict[str, int] = {}
    for step, seconds in steps:
        if step == "token":
            keys = keys.used(now + seconds)
            ends[str(number)] = max(ends.get(str(number), 0), now + seconds)
        elif step == "rotate":
            number += 1
            keys = keys.rotated(_jwk(number), now)
        else:
            now += seconds
        published = keys.published(now)["keys"]
        needed = {kid for kid, end in ends.items() if now < end + LEEWAY_SECONDS} | {str(number)}
        assert {key["kid"] for key in published} == needed
        assert keys.signing.jwk["kid"] == str(number)
        assert not any("d" in key for key in published)
        assert not any("d" in key.jwk for key in keys.earlier)
