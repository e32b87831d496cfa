"""An honest client: asks as browsers, apps and proxies do, and has every answer judged."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.chaos.hostile import truth
from benchmarks.chaos.hostile.draw import one_of
from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.judge import Judge, Question
from benchmarks.chaos.hostile.reading import Broken, Received
from benchmarks.chaos.hostile.wire import Wire
from benchmarks.common.issuer import Tokens

ADMIN_TOKEN: Final = "hostile-admin-token"  # noqa: S105 - of a gateway that lives for minutes
PATIENCE_SECONDS: Final = 15.0
"""Who has waited for so long has been stopped by somebody."""

_HALF_CLOSED_SECONDS: Final = 5.0
_USES_MOST: Final = 30
_OTHERS: Final[Sequence[tuple[str, str, tuple[int, ...]]]] = (
    ("GET", "/", (200,)),
    ("GET", "/health", (200,)),
    ("GET", "/health/live", (200,)),
    ("GET", "/health/ready", (200,)),
    ("GET", "/api/cache/stats", (200,)),
    ("GET", "/metrics", (200,)),
    ("HEAD", "/metrics", (200,)),
    ("GET", "/nowhere", (404,)),
    ("GET", "/api/profile/not%20an%20id", (400,)),
    ("GET", f"/api/profile/{'x' * 65}", (400,)),
    ("POST", "/api/profile/user1", (405,)),
    ("OPTIONS", "/api/profile/user1", (200, 204)),
    ("DELETE", "/api/cache/profile/user1", (401,)),
)
_FIELDS: Final = (
    "Accept: application/json", "Accept: */*", "Accept-Encoding: gzip, br", "User-Agent: honest/1.0",
    "Cookie: a=b", "Cache-Control: no-cache", "Cache-Control: max-age=0", "Pragma: no-cache",
    "X-Forwarded-For: 10.0.0.1, 10.0.0.2",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Authorization: Bearer t", "DNT: 1",
    "Accept-Encoding: zstd", "Connection: keep-alive", "Connection: Keep-Alive", "X-Empty:", "Content-Length: 0",
)  # fmt: skip

_CREDENTIALS: Final = "Authorization:"


class Turns:
    """How many requests are to be made yet, by all clients together."""

    def __init__(self, count: int) -> None:
        self.left = count
        self._half = count // 2

    @property
    def is_first_half(self) -> bool:
        """Whether more than half of them are."""
        return self.left > self._half

    def take(self) -> bool:
        """Whether there is one; then it has been taken."""
        self.left -= 1
        return self.left >= 0


@dataclass(frozen=True)
class _Habit:
    name: str
    do: Callable[[], Awaitable[None]]
    weight: float


class Honest:
    """One client with one connection at a time."""

    def __init__(
        self, name: str, port: int, dice: Random, judge: Judge, failures: Failures, *, tokens: Tokens | None = None
    ) -> None:
        """``tokens`` are shown where it is asked for any."""
        self._name = name
        self._tokens = tokens
        self._port = port
        self._dice = dice
        self._judge = judge
        self._failures = failures
        self._tags: dict[str, str] = {}
        self._asked = 0
        self._wire: Wire | None = None
        self._habits = (
            _Habit("asks", self._ask_plainly, 12),
            _Habit("pipelines", self._pipeline, 1),
            _Habit("sends in pieces", self._ask_in_pieces, 0.3),
            _Habit("half-closes", self._half_close, 0.3),
            _Habit("asks for something else", self._ask_others, 0.3),
            _Habit("purges", self._purge, 0.1),
        )

    async def run(self, turns: Turns) -> None:
        """Ask until no turns are left."""
        try:
            while turns.take():
                before = self._asked
                await one_of(self._habits, self._dice).do()
                turns.left -= self._asked - before - 1
        finally:
            await self._retire()

    async def is_complete(self, user_id: str, holds: Callable[[str, Received], bool]) -> bool:
        """Ask for somebody once; whether that ``holds`` of the answer."""
        heard = await self.ask(self._profile(user_id))
        return heard is not None and holds(user_id, heard)

    async def close(self) -> None:
        """Leave."""
        await self._retire()

    async def _ask_plainly(self) -> None:
        user_id = self._somebody()
        conditional = self._tags.get(user_id, "") if self._dice.random() < 0.3 else ""
        method = "HEAD" if self._dice.random() < 0.05 else "GET"
        fields = self._dice.sample(_FIELDS, self._dice.choice((0, 0, 1, 3)))
        if self._tokens is not None:
            fields = [field for field in fields if not field.startswith(_CREDENTIALS)]
        last = ["Connection: close"] if self._dice.random() < 0.02 else []
        await self.ask(self._profile(user_id, *fields, *last, method=method, if_none_match=conditional))

    async def ask(self, question: Question) -> Received | None:
        """The answer, judged; asked again where a connection used before ended without one (RFC 9110 §9.2.2)."""
        for attempt in range(2):
            wire = await self._open()
            await wire.send(question.sent)
            heard = await self._receive(wire, question, may_end=attempt == 0 and wire.uses > 0)
            if heard is not None or wire.uses == 0:
                return heard
        return None

    async def _pipeline(self) -> None:
        questions = [self._profile(self._somebody()) for _ in range(self._dice.randint(2, 8))]
        wire = await self._open()
        await wire.send(b"".join(question.sent for question in questions))
        for place, question in enumerate(questions):
            heard = await self._receive(wire, question, may_end=place > 0 or wire.uses > 0)
            if heard is None or heard.ends:
                return

    async def _ask_in_pieces(self) -> None:
        question = self._profile(self._somebody())
        wire = await self._open(new=True)
        start = 0
        for end in sorted(self._dice.sample(range(1, len(question.sent)), 3)):
            await wire.send(question.sent[start:end])
            await asyncio.sleep(self._dice.choice((0.0, 0.001, 0.02)))
            start = end
        await wire.send(question.sent[start:])
        await self._receive(wire, question)

    async def _half_close(self) -> None:
        question = self._profile(self._somebody())
        wire = await self._open(new=True)
        await wire.send(question.sent)
        wire.shut_down_writing()
        self._wire = None
        await self._receive(wire, question, what=" to a client that sends no more", patience=_HALF_CLOSED_SECONDS)
        wire.end()

    async def _ask_others(self) -> None:
        method, path, statuses = self._dice.choice(_OTHERS)
        await self.ask(self._question(method, path, statuses=statuses))

    async def _purge(self) -> None:
        path = f"/api/cache/profile/{self._dice.choice(truth.USERS)}"
        authorization = f"{_CREDENTIALS} Bearer {ADMIN_TOKEN}"
        await self.ask(self._question("DELETE", path, authorization, statuses=(204,)))

    def _profile(self, user_id: str, *fields: str, method: str = "GET", if_none_match: str = "") -> Question:
        condition = [f"If-None-Match: {if_none_match}"] if if_none_match else []
        path = f"/api/profile/{user_id}"
        return self._question(method, path, *fields, *condition, user_id=user_id, if_none_match=if_none_match)

    def _question(
        self,
        method: str,
        path: str,
        *fields: str,
        user_id: str = "",
        if_none_match: str = "",
        statuses: tuple[int, ...] = (200,),
    ) -> Question:
        self._asked += 1
        request_id = f"{self._name}-{self._asked}"
        lines = [f"{method} {path} HTTP/1.1", "Host: gateway", f"X-Request-ID: {request_id}", *fields]
        if self._tokens is not None and 401 not in statuses and not any(one.startswith(_CREDENTIALS) for one in fields):
            lines.append(f"{_CREDENTIALS} Bearer {self._tokens.of(user_id)}")
        lines += ["", ""]
        return Question("\r\n".join(lines).encode(), request_id, path, method, user_id, if_none_match, statuses)

    async def _receive(
        self,
        wire: Wire,
        question: Question,
        *,
        may_end: bool = False,
        what: str = "",
        patience: float = PATIENCE_SECONDS,
    ) -> Received | None:
        heard: Received | None = None
        begun = asyncio.get_running_loop().time()
        try:
            heard = await wire.hear(patience, question.method)
            if heard is None and not may_end:
                self._fail("no answer", f"the connection ended{what}", question)
        except TimeoutError:
            self._fail("no answer", f"none in {patience:.0f} s{what}", question)
        except Broken as error:
            self._fail("broken answer", str(error), question, error.data)
        if heard is None:
            self._drop(wire)
            return None
        wire.uses += 1
        self._judge.answer(question, heard, asyncio.get_running_loop().time() - begun)
        if question.user_id and heard.status == 200 and "etag" in heard.headers:
            self._tags[question.user_id] = heard.headers["etag"]
        if heard.ends:
            self._drop(wire)
        return heard

    def _fail(self, kind: str, what: str, question: Question, answer: bytes = b"") -> None:
        self._failures.add(kind, what, concerns={question.user_id}, request=question.sent, head=answer)

    async def _open(self, *, new: bool = False) -> Wire:
        if self._wire is not None and (new or self._wire.uses >= _USES_MOST):
            await self._retire()
        if self._wire is None:
            self._wire = await Wire(self._port).open()
        return self._wire

    def _drop(self, wire: Wire) -> None:
        wire.end()
        if self._wire is wire:
            self._wire = None

    async def _retire(self) -> None:
        """Leave, and see that nothing has come but what was asked for."""
        wire, self._wire = self._wire, None
        if wire is None:
            return
        wire.shut_down_writing()
        try:
            rest = await wire.rest(PATIENCE_SECONDS)
            if rest:
                self._failures.add("an answer to nothing", "after the last one", request=wire.sent, head=rest)
        except TimeoutError:
            self._failures.add("not let go", "a connection at rest that was half-closed", request=wire.sent)
        finally:
            wire.end()

    def _somebody(self) -> str:
        kind = self._dice.random()
        if kind < 0.85:
            return truth.USERS[int(len(truth.USERS) * self._dice.random() ** 2)]
        if kind < 0.92:
            return self._dice.choice(truth.REFUSED)
        if kind < 0.9205:
            return self._dice.choice(truth.GREEDY)
        return f"nobody{self._dice.randrange(20)}" if kind < 0.95 else f"nobody-{self._dice.getrandbits(48):x}"
