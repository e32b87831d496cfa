"""Whether an answer is true, is what was asked for, and keeps to the contract."""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from benchmarks.chaos.hostile import truth
from benchmarks.chaos.hostile.comparing import Complaint, profile
from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.reading import Received

REASONS: Final = frozenset(
    ("timeout", "unavailable", "bad_response", "circuit_open", "overloaded", "no_budget", "too_many")
)
_PARTS: Final = ("user", "orders", "products")
_STATUSES: Final = frozenset(
    (200, 204, 304, 308, 400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 417, 422, 426, 429, 431)
)
DENIED: Final = frozenset((400, 401, 403, 408, 413, 429, 431, 503))
"""What may become of a request whose sender may not have it."""
_FURTHER: Final = 3
_PROBLEM: Final = "application/problem+json"
_FIELDS: Final = ("type", "title", "status", "detail", "instance", "request_id")
_HEALTH: Final = ("/health", "/health/ready")
_seconds = re.compile("[0-9]{1,9}").fullmatch
_life = re.compile("private, max-age=([0-9]{1,9})").fullmatch


@dataclass(frozen=True)
class Question:
    """A request as an honest client makes it.

    Attributes:
        sent: as it was sent.
        request_id: no other request has it.
        path: without the query.
        user_id: whose profile it asks for, if it does.
        if_none_match: the entity tag that the client has.
        statuses: what may come, where it asks for no profile.
    """

    sent: bytes
    request_id: str
    path: str
    method: str = "GET"
    user_id: str = ""
    if_none_match: str = ""
    statuses: tuple[int, ...] = (200,)


@dataclass
class Judge:
    """Holds answers against the truth; what is wrong goes to ``failures``.

    Attributes:
        ttl: seconds for which an answer may be served from a cache.
        stale: seconds for which a part may stand in.
        judged: how many answers there were, by status.
        seconds: how long each of them took.
    """

    failures: Failures
    ttl: float
    stale: float
    judged: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    _tags: dict[str, tuple[str, int]] = field(default_factory=dict)

    def answer(self, question: Question, heard: Received, seconds: float) -> None:
        """The answer to an honest question, which came after so many ``seconds``."""
        self.seconds.append(seconds)
        self.judged[heard.status] = self.judged.get(heard.status, 0) + 1
        concerns = {question.user_id, *truth.profile(question.user_id).products}
        self._tell(self._complaints(question, heard), question.sent, heard, concerns)

    def any_answer(self, sent: bytes, heard: Received) -> None:
        """An answer to somebody who is not honest: no more than that it tells the truth, and is readable."""
        self._tell((*self._readable(heard, ""), *self._of_anybody(heard)), sent, heard)

    def _tell(
        self, complaints: Iterable[Complaint], sent: bytes, heard: Received, concerns: AbstractSet[str] = frozenset()
    ) -> None:
        """All that is wrong with one answer is one failure, of the kind that comes first."""
        found = list(complaints)
        if found:
            (kind, what), *further = found
            more = "".join(f"; {other}: {this}" for other, this in further[:_FURTHER])
            self.failures.add(kind, what + more, concerns=concerns, request=sent, head=heard.head, body=heard.body)

    def _complaints(self, question: Question, heard: Received) -> Iterator[Complaint]:
        if heard.headers.get("x-request-id") != question.request_id:
            yield "another's answer", "the request id is not that of the request"
        yield from self._readable(heard, question.path)
        if heard.status == 503:
            return
        if question.user_id and heard.status in {200, 304, 404}:
            yield from getattr(self, f"_profile_{heard.status}")(question, heard)
        elif question.user_id or heard.status not in question.statuses:
            yield "wrong status", f"{heard.status} to a request without fault"

    def _readable(self, heard: Received, path: str) -> Iterator[Complaint]:
        if heard.status == 503:
            yield from () if path in _HEALTH else _refusal(heard)
        elif heard.status not in _STATUSES:
            yield "5xx" if heard.status >= 500 else "wrong status", f"{heard.status} is not in the contract"
        if "json" in heard.headers.get("content-type", "") and heard.body:
            try:
                document = orjson.loads(heard.body)
            except orjson.JSONDecodeError as error:
                around = heard.body[max(0, error.pos - 40) : error.pos + 40]
                yield "not JSON", f"{error.msg} in {around!r}"
                return
            if heard.headers["content-type"].startswith(_PROBLEM):
                yield from _problem(heard, document)

    def _profile_200(self, question: Question, heard: Received) -> Iterator[Complaint]:
        yield from self._fields(heard)
        if question.method == "HEAD":
            return
        try:
            document = orjson.loads(heard.body)
        except ValueError:
            return  # has been said
        yield from profile(question.user_id, document)
        try:
            yield from self._provenance(question, heard, document)
        except (LookupError, TypeError, AttributeError) as error:
            yield "contradiction", f"not of the shape of a profile: {error!r}"

    def _profile_304(self, question: Question, heard: Received) -> Iterator[Complaint]:
        yield from self._fields(heard)
        if not question.if_none_match:
            yield "contradiction", "304 to a request without condition"
        elif heard.headers.get("etag") != question.if_none_match:
            yield "contradiction", f"304, but the client has {question.if_none_match}"

    def _profile_404(self, question: Question, _heard: Received) -> Iterator[Complaint]:
        if truth.user(question.user_id) is not None:
            yield "untrue 404", f"{question.user_id} exists"

    def _fields(self, heard: Received) -> Iterator[Complaint]:
        control, age = heard.headers.get("cache-control", ""), heard.headers.get("age", "0")
        life = _life(control)
        if control != "no-store" and (life is None or int(life[1]) > self.ttl + 1):
            yield "contradiction", f"Cache-Control is {control!r} with a TTL of {self.ttl:g} s"
        if not _seconds(age) or int(age) > self.ttl + 1:
            yield "contradiction", f"Age is {age!r} with a TTL of {self.ttl:g} s"

    def _provenance(self, question: Question, heard: Received, document: Any) -> Iterator[Complaint]:
        tag, metadata = heard.headers.get("etag", ""), document["metadata"]
        states = {name: metadata["parts"][name] for name in _PARTS}
        hit = "; hit" in heard.headers.get("cache-status", "")
        if metadata["cached"] is not hit or ("age" in heard.headers) is not hit:
            yield "contradiction", f"cached is {metadata['cached']}, Cache-Status and Age say otherwise"
        if metadata["partial"] is bool(tag) or metadata["partial"] is not (
            {state["status"] for state in states.values()} != {"fresh"}
        ):
            yield "contradiction", f"partial is {metadata['partial']} with {states} and ETag {tag!r}"
        for name, state in states.items():
            if (document[name] is None) is not (state["status"] == "missing"):
                yield "contradiction", f"{name} is {state} and {'null' if document[name] is None else 'there'}"
            if state["status"] != "fresh" and state["reason"] not in REASONS:
                yield "contradiction", f"{name} has no reason: {state}"
            if state["status"] == "stale" and not 0 <= state["age"] <= self.stale + 1:
                yield "contradiction", f"{name} is older than anything is kept: {state}"
        if tag:
            content = hash(orjson.dumps([document[name] for name in _PARTS], option=orjson.OPT_SORT_KEYS))
            if self._tags.setdefault(tag, (question.user_id, content)) != (question.user_id, content):
                yield "contradiction", f"{tag} has been on something else, for {self._tags[tag][0]}"

    def _of_anybody(self, heard: Received) -> Iterator[Complaint]:
        if heard.headers.get("x-request-id", "").startswith("smuggled"):
            yield "smuggled", "a request inside another one was answered"
        if heard.status != 200 or not heard.body.startswith(b'{"user"'):
            return
        try:
            document = orjson.loads(heard.body)
            yield from profile(document["metadata"]["user_id"], document)
        except ValueError:
            return  # has been said
        except (LookupError, TypeError):
            yield "contradiction", "no profile"


def is_complete(user_id: str, heard: Received) -> bool:
    """Whether an answer says all that there is to be said, and says that it is current."""
    if truth.user(user_id) is None:
        return heard.status == 404
    if heard.status != 200:
        return False
    states = {name: part["status"] for name, part in orjson.loads(heard.body)["metadata"]["parts"].items()}
    if user_id in truth.GREEDY:
        states.pop("products")
    return set(states.values()) == {"fresh"}


def _refusal(heard: Received) -> Iterator[Complaint]:
    if not _seconds(heard.headers.get("retry-after", "")):
        yield "5xx", "503 without Retry-After"
    if not heard.headers.get("content-type", "").startswith(_PROBLEM):
        yield "5xx", "503 that is no problem document"


def _problem(heard: Received, document: Any) -> Iterator[Complaint]:
    lacking = [name for name in _FIELDS if name not in document]
    if lacking or document["status"] != heard.status:
        yield "contradiction", f"a problem document without {lacking}, of status {document.get('status')}"
