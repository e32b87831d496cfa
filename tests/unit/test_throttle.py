"""The throttle: a failure is the answer for a short while."""

from shared.cache.throttle import Throttle


def test_a_failure_is_the_answer_until_its_time_is_over() -> None:
    """Afterwards the load may be tried again."""
    now = [0.0]
    throttle: Throttle[str] = Throttle(1.0, 10, lambda: now[0])
    throttle.failed("a", "timeout")
    now[0] = 0.999
    assert (throttle.reason("a"), throttle.reason("b")) == ("timeout", None)
    now[0] = 1.0
    assert throttle.reason("a") is None
    assert len(throttle) == 0


def test_it_is_bounded() -> None:
    """Of too many failures the oldest are forgotten."""
    throttle: Throttle[str] = Throttle(60.0, 3, lambda: 0.0)
    for name in "abcde":
        throttle.failed(name, "unavailable")
    throttle.failed("c", "timeout")
    assert [throttle.reason(name) for name in "abcde"] == [None, None, "timeout", "unavailable", "unavailable"]
