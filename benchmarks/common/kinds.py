"""What an answer is worth to the client who gets it."""

import enum
from typing import Any, Final

import orjson

from benchmarks.common.client import Answer

_PARTS: Final = ("user", "orders", "products")


class Kind(enum.Enum):
    """From the best to the worst."""

    COMPLETE = "complete"
    """Every part is fresh."""
    STALE = "stale"
    """Every part is there, at least one of them as it was last known."""
    PARTIAL = "partial"
    """A part is missing, or known in part."""
    REFUSED = "503"
    """Nothing could be given, and the answer says so and when to come back."""
    FAILED = "failed"
    """No answer, half of one, one that came too late, or one that the contract does not know."""


def kind_of(answer: Answer, user_id: str) -> Kind:
    """The kind of an answer to the question for the profile of ``user_id``, who exists."""
    if answer.status == 503:
        return Kind.REFUSED if "retry-after" in answer.headers else Kind.FAILED
    if answer.status != 200:
        return Kind.FAILED
    try:
        return _kind_of_profile(orjson.loads(answer.content), user_id)
    except (ValueError, LookupError, TypeError):
        return Kind.FAILED


def reasons_of(answer: Answer) -> frozenset[str]:
    """Why parts of a profile are not fresh; without reasons where it is none."""
    if answer.status != 200:
        return frozenset()
    parts = orjson.loads(answer.content)["metadata"]["parts"]
    return frozenset(part["reason"] for part in parts.values() if "reason" in part)


def _kind_of_profile(profile: Any, user_id: str) -> Kind:
    parts = profile["metadata"]["parts"]
    states = {name: parts[name]["status"] for name in _PARTS}
    whose = profile["metadata"]["user_id"], *(order["user_id"] for order in profile["orders"] or ())
    is_true = (
        set(whose) == {user_id}
        and profile["metadata"]["partial"] is (set(states.values()) != {"fresh"})
        and all((profile[name] is None) is (state == "missing") for name, state in states.items())
        and (profile["user"] is None or profile["user"]["id"] == user_id)
    )
    if not is_true:
        return Kind.FAILED
    if {"missing", "partial"} & set(states.values()):
        return Kind.PARTIAL
    return Kind.STALE if "stale" in states.values() else Kind.COMPLETE
