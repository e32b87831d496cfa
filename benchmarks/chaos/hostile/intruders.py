"""Clients who want what is not theirs: with tokens forged, revoked and of others, and as if from somewhere else."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import orjson

from benchmarks.chaos.hostile import garbage, truth
from benchmarks.chaos.hostile.draw import one_of
from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.forgeries import FORGERIES, subject
from benchmarks.chaos.hostile.honest import ADMIN_TOKEN, Turns
from benchmarks.chaos.hostile.judge import DENIED, Judge
from benchmarks.chaos.hostile.reading import Broken, Received
from benchmarks.chaos.hostile.wire import Wire
from benchmarks.common.issuer import ANYBODYS, Issuer

_ANSWER_SECONDS: Final = 15.0
_USES_MOST: Final = 40
_AT_ONCE: Final = 600
_KEPT: Final = 100
_LONG: Final = 20
_AGAIN_SECONDS: Final = 0.2
_FAR_AWAY: Final = {"X-Forwarded-For": "203.0.113.7"}
_DIAGNOSTICS: Final = ("cache-status", "age", "server-timing")
_ADMIN: Final = f"Bearer {ADMIN_TOKEN}"


@dataclass(frozen=True)
class Attempt:
    """A request, and what it may lead to.

    Attributes:
        sent: as it is sent.
        method, credentials, target: what it is made of; whose profile it asks for.
        may: whether it is to be granted.
        origin: what it says of its origin.
        is_owner: whether it is the owner who asks.
    """

    sent: bytes
    method: str
    credentials: Sequence[str]
    target: str
    may: bool = False
    origin: str | None = None
    is_owner: bool = False


@dataclass
class Intrusions:
    """What came of it, of all intruders together.

    Attributes:
        answers: how many there were, by status.
        revoked: credentials that are good no more, and whose profile they were good for; the latest ones.
    """

    answers: Counter[int] = field(default_factory=Counter)
    revoked: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=_KEPT))


@dataclass
class Intruder:
    """One of them, with one connection at a time.

    Attributes:
        port: of the gateway.
        dice: what it draws from.
        judge: of what it gets.
        failures: of the run.
        issuer: whom the gateway trusts.
        intrusions: of the run.
    """

    port: int
    dice: Random
    judge: Judge
    failures: Failures
    issuer: Issuer
    intrusions: Intrusions
    _wire: Wire | None = None
    _asked: int = 0

    async def run(self, turns: Turns) -> None:
        """Try, until there are no more turns."""
        try:
            while turns.take():
                before = self._asked
                habit = one_of(_HABITS, self.dice)
                self.failures.journal.counts[f"intruder: {habit.name}"] += 1
                await habit.do(self)
                turns.left -= self._asked - before - 1
        finally:
            self._leave()

    async def replay(self) -> bool:
        """Whether all that is revoked is refused, on a connection for each."""
        return all([await self._is_refused(credentials, target) for credentials, target in self.intrusions.revoked])

    async def _is_refused(self, credentials: str, target: str) -> bool:
        self._leave()
        path = f"/api/profile/{target}"
        (heard,) = await self._ask(self._attempt(path, credentials, target=target, fields={}, may=True))
        return heard is not None and heard.status in {401, 429}

    async def forge(self) -> None:
        """Ask for somebody, or have something done, with what opens nothing."""
        await self._ask(*(self._forged() for _ in range(self.dice.choice((1, 1, 1, 5)))))

    async def be_let_in(self) -> None:
        """Ask with tokens that are good, among others on the same connection that are not."""
        target = self.dice.choice(truth.USERS)
        owner = self._attempt(
            f"/api/profile/{target}", f"Bearer {self.issuer.token(target)}", target=target, may=True, is_owner=True
        )
        staff = self.issuer.token(subject(self.dice), scope=ANYBODYS)
        other = self._attempt(f"/api/profile/{target}", f"Bearer {staff}", target=target, may=True)
        attempts = [owner, self._forged(), other, self._forged()]
        self.dice.shuffle(attempts)
        await self._ask(*attempts)

    async def revoke(self) -> None:
        """Have a token revoked between two requests with it."""
        target, before = self.dice.choice(truth.USERS), int(time.time()) - 1
        jti, who = f"jti-{self.dice.getrandbits(64):x}", f"{subject(self.dice)}-{self.dice.getrandbits(48):x}"
        credentials = f"Bearer {self.issuer.token(who, jti=jti, scope=ANYBODYS, iat=before)}"
        wanted = self._attempt(f"/api/profile/{target}", credentials, target=target, may=True)
        what = self.dice.choice(({"jti": jti}, {"sub": who}, {"sub": who, "not_before": before + 1}))
        revoke = self._attempt("/api/revocations", _ADMIN, method="POST", body=orjson.dumps(what), may=True)
        await self._ask(wanted)
        (told,) = await self._ask(revoke)
        if told is None or told.status not in {204, 503} or b"Not revoked" in told.body:
            return
        self.intrusions.revoked.append((credentials, target))
        if self._wire is not None and self._wire.uses < _USES_MOST:  # it leads to the process that knows already
            again = self._attempt(f"/api/profile/{target}", credentials, target=target)
            await self._ask(again, again)

    async def ask_too_much(self) -> None:
        """Hundreds of requests at once for one subject."""
        who = subject(self.dice)
        credentials = f"Bearer {self.issuer.token(who)}"
        attempt = self._attempt(f"/api/profile/{who}", credentials, target=who, may=True, is_owner=True)
        await self._ask(*[attempt] * _AT_ONCE)
        self._asked -= _AT_ONCE - 1  # they are all the same

    async def come_as_a_page(self) -> None:
        """Preflights of browsers, and requests without anything to show."""
        fields = {**garbage.fields(self.dice), "Access-Control-Request-Method": self.dice.choice(("GET", "PUT", "x"))}
        path = self.dice.choice((f"/api/profile/{self.dice.choice(truth.USERS)}", "/api/cache", "/nowhere", "/"))
        await self._ask(self._attempt(path, method="OPTIONS", fields=fields, may=True))

    def _forged(self) -> Attempt:
        target = self.dice.choice((*truth.USERS, "nobody1"))
        forgery = one_of(FORGERIES, self.dice)
        self.failures.journal.counts[f"intruder: {forgery.name}"] += 1
        made = forgery.make(self.issuer, self.dice, target)
        path, method, body = self.dice.choices(
            (
                (f"/api/profile/{target}", "GET", b""),
                (f"/api/profile/{target}", "HEAD", b""),
                (f"/api/profile/{target}?view=card", "GET", b""),
                (f"/api/cache/profile/{target}", "DELETE", b""),
                ("/api/cache", "DELETE", b""),
                ("/api/revocations", "POST", orjson.dumps({"sub": target})),
                ("/metrics", "GET", b""),
                ("/api/cache/stats", "GET", b""),
            ),
            (70, 8, 8, 4, 2, 4, 2, 2),
        )[0]
        fields = _FAR_AWAY if path in {"/metrics", "/api/cache/stats"} else garbage.fields(self.dice)
        return self._attempt(path, *([made] if isinstance(made, str) else made), method=method, target=target,
                             body=body, fields=fields)  # fmt: skip

    def _attempt(
        self,
        path: str,
        *credentials: str,
        method: str = "GET",
        target: str = "",
        body: bytes = b"",
        fields: Mapping[str, str] | None = None,
        may: bool = False,
        is_owner: bool = False,
    ) -> Attempt:
        fields = garbage.fields(self.dice) if fields is None else fields
        lines = [f"{method} {path} HTTP/1.1", "Host: gateway", f"X-Request-ID: i-{self.dice.getrandbits(40):x}"]
        shown = [*(f"Authorization: {one}" for one in credentials), *(f"{name}: {of}" for name, of in fields.items())]
        self.dice.shuffle(shown)
        length = [f"Content-Length: {len(body)}"] if body else []
        sent = "\r\n".join([*lines, *shown, *length, "", ""]).encode() + body
        return Attempt(sent, method, credentials, target, may, fields.get("Origin"), is_owner)

    async def _ask(self, *attempts: Attempt) -> Sequence[Received | None]:
        """Make them at once; what is wrong with the answers is a failure."""
        self._asked += len(attempts)
        if self._wire is not None and self._wire.uses >= _USES_MOST:
            self._leave()
        heard: list[Received | None] = [None] * len(attempts)
        try:
            wire = self._wire = self._wire or await Wire(self.port).open()
            await wire.send(b"".join(attempt.sent for attempt in attempts))
            for place, attempt in enumerate(attempts):
                got = heard[place] = await wire.hear(_ANSWER_SECONDS, attempt.method)
                if got is None:
                    self._leave()
                    break
                wire.uses += 1
                self._hold(attempt, got)
                if got.ends:
                    self._leave()
                    break
        except Broken as error:
            self.failures.add("broken answer", str(error), request=attempts[0].sent, head=error.data)
            self._leave()
        except TimeoutError:
            what = f"an intruder has had none for {_ANSWER_SECONDS:.0f} s"
            self.failures.add("no answer", what, request=attempts[0].sent)
            self._leave()
        except OSError:
            self._leave()
        return heard

    def _hold(self, attempt: Attempt, heard: Received) -> None:
        self.intrusions.answers[heard.status] += 1
        self.judge.any_answer(attempt.sent, heard)
        for kind, what in complaints(attempt, heard):
            self.failures.add(
                kind, what, concerns={attempt.target}, request=attempt.sent, head=heard.head, body=heard.body
            )

    def _leave(self) -> None:
        if self._wire is not None:
            self._wire.end()
            self._wire = None


def complaints(attempt: Attempt, heard: Received) -> Sequence[tuple[str, str]]:
    """What is wrong with an answer to it that would not be with one to somebody else."""
    found = []
    told = heard.head + heard.body
    if not attempt.may and heard.status not in DENIED:
        found.append(("let in", f"{heard.status} to somebody who may not have it"))
    if (not attempt.may or heard.status != 200) and f"@{truth.MAIL}".encode() in told:
        found.append(("another's data", f"a part of a profile in an answer of {heard.status}"))
    words = [word.encode() for one in attempt.credentials for word in one.split(" ")]
    if any(len(word) > _LONG and word in told for word in words):
        found.append(("a secret in an answer", "credentials are told again"))
    if heard.headers.get("access-control-allow-origin", garbage.ORIGIN) != garbage.ORIGIN or (
        "access-control-allow-origin" in heard.headers and attempt.origin != garbage.ORIGIN
    ):
        found.append(("let in", f"scripts of {attempt.origin} may read it"))
    if attempt.may and not attempt.is_owner and attempt.target and heard.status == 200:
        found += [
            ("let in", f"{name} is told to somebody else than the owner")
            for name in _DIAGNOSTICS
            if name in heard.headers
        ]
    return found


@dataclass(frozen=True)
class _Habit:
    name: str
    do: Callable[[Intruder], Awaitable[None]]
    weight: float


_HABITS: Final = (
    _Habit("forges", Intruder.forge, 20),
    _Habit("is let in among others who are not", Intruder.be_let_in, 3),
    _Habit("has a token revoked", Intruder.revoke, 2),
    _Habit("asks too much", Intruder.ask_too_much, 0.03),
    _Habit("comes as a page", Intruder.come_as_a_page, 2),
)


async def all_stay_out(intruder: Intruder, seconds: float) -> bool:
    """Whether within ``seconds`` all that is revoked is refused, whichever process is asked."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    in_a_row = 0
    while in_a_row < 3:
        in_a_row = in_a_row + 1 if await intruder.replay() else 0
        if not in_a_row and loop.time() > until:
            return False
        await asyncio.sleep(_AGAIN_SECONDS)
    return True
