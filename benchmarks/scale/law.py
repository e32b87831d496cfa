"""The law of the cache, without anything else: what each request finds in which tier, and what that costs.

Lives with their jitter, early refresh, parts that outlive aggregates, memories bounded by the least recently used,
Redis before the services, and changes of which all are told. A load takes no time here; so whoever would join one, or
wait for the lease of another process, hits.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from random import Random
from typing import Final, NamedTuple

from benchmarks.scale.inputs import Inputs
from benchmarks.scale.traffic import Request, basket
from shared.cache.cache import JITTER
from shared.cache.entry import REFRESH_SHARE

STAMPS: Final = 20_000
"""Of tags, each read once, that a process knows at most; the first to be known goes first."""
GRACE_SECONDS: Final = 10.0
"""So much longer than its entry a key lives in Redis."""
_AGGREGATE, _USER, _ORDERS = range(3)
_KINDS: Final = 3
_STAMP_AND_ALL_OWNED: Final = 9
"""Commands of a purge: a stamp, and four keys and their leases deleted."""
_LOOKUP: Final = 2
"""Commands: the lease asked for, and the entry."""


class _Entry(NamedTuple):
    stored: float
    fresh_until: float
    due: float
    kept_until: float

    def is_new(self, now: float) -> bool:
        return now < self.stored + (self.fresh_until - self.stored) * REFRESH_SHARE


class Law:
    """So many processes with one Redis.

    Attributes:
        seen: how often what happened: ``requests``, of these ``memory`` and ``redis`` hits and ``loads``; ``early``
            refreshes; ``commands`` of Redis; ``changes`` of keys that a process made, and keys that ``expired``; calls
            for a ``user``, ``orders``, ``products``.
    """

    def __init__(self, inputs: Inputs, processes: int, seed: int = 2, stamps: int = STAMPS) -> None:
        """``stamps`` are what each process knows of these at most."""
        self.seen: Counter[str] = Counter()
        self._inputs = inputs
        self._now = 0.0
        self._capacity = inputs.capacity
        self._draw = Random(seed).random  # noqa: S311 - nothing here is a secret
        self._memories: list[OrderedDict[int, _Entry]] = [OrderedDict() for _ in range(processes)]
        self._stamps: list[dict[int, None]] = [{} for _ in range(processes)]
        self._most_stamps = stamps
        self._redis: dict[int, _Entry] = {}

    def ask(self, request: Request) -> None:
        """One request, later than all before."""
        now, process, subject, after_write = request
        self._now = now
        if after_write:
            self._purge(subject)
        self.seen["requests"] += 1
        key = subject * _KINDS
        entry = self._kept(process, key, now)
        if entry is not None and now < entry.fresh_until:
            self.seen["memory"] += 1
        else:
            entry = self._look_up(process, key, now)
            if entry is None:
                self.seen["loads"] += 1
                self._load(now, process, subject, early=False)
                return
            self.seen["redis"] += 1
            self.seen["commands"] += 1  # the lease is released
        if now >= entry.due:
            self.seen["early"] += 1
            self.seen["commands"] += _LOOKUP
            self._load(now, process, subject, early=True)

    def seen_after(self, warm: float, requests: Iterable[Request]) -> Counter[str]:
        """What is seen of ``requests``, but for those of the first ``warm`` seconds."""
        before: Counter[str] | None = None
        for request in requests:
            if before is None and request.at >= warm:
                before = self.seen.copy()
            self.ask(request)
        return self.seen - (before or Counter())

    def aggregates(self) -> int:
        """How many stand in Redis."""
        of_aggregates = (entry for key, entry in self._redis.items() if key >= 0 and key % _KINDS == _AGGREGATE)
        return sum(self._now < entry.kept_until + GRACE_SECONDS for entry in of_aggregates)

    def _look_up(self, process: int, key: int, now: float) -> _Entry | None:
        self.seen["commands"] += _LOOKUP
        self._know(process, (key,))
        entry = self._redis.get(key)
        if entry is None or now >= entry.fresh_until:
            return None
        self._know(process, self._products(key // _KINDS))
        self._place(process, key, entry)
        return entry

    def _load(self, now: float, process: int, subject: int, *, early: bool) -> None:
        ttl = self._inputs.ttl
        until = now + ttl
        for kind, name in ((_USER, "user"), (_ORDERS, "orders")):
            key = subject * _KINDS + kind
            entry = self._kept(process, key, now)
            if entry is not None and (entry.is_new(now) if early else now < entry.due):
                until = min(until, entry.fresh_until)
            else:
                self.seen[name] += 1
                self._store(process, key, now, now + ttl, self._inputs.stale)
        until = min(until, self._take_products(now, process, subject, early=early))
        self._store(process, subject * _KINDS, now, until, 0.0)
        self.seen["commands"] += 1  # the lease is released

    def _take_products(self, now: float, process: int, subject: int, *, early: bool) -> float:
        """Until when they are fresh together."""
        until = now + self._inputs.ttl
        ask: list[int] = []
        due: list[int] = []
        products = self._products(subject)
        self._know(process, products)
        for key in products:
            entry = self._kept(process, key, now)
            if entry is None:
                self.seen["commands"] += 1
                entry = self._redis.get(key)
                if entry is not None and now < entry.kept_until:
                    self._place(process, key, entry)
            if entry is None or not (entry.is_new(now) if early else now < entry.fresh_until):
                ask.append(key)
                continue
            until = min(until, entry.fresh_until)
            if now >= entry.due:
                due.append(key)
        if ask:
            self.seen["products"] += 1
            for key in (*ask, *due):
                self._store(process, key, now, now + self._inputs.product_life, self._inputs.stale)
        return until

    def _products(self, subject: int) -> Sequence[int]:
        """The keys of those that the subject has bought."""
        return [-1 - product for product in basket(self._inputs, subject)]

    def _know(self, process: int, tagged: Sequence[int]) -> None:
        """Read the stamps of what has these keys, unless they are known."""
        known = self._stamps[process]
        for key in tagged:
            if key not in known:
                self.seen["commands"] += 1
                if len(known) >= self._most_stamps:
                    del known[next(iter(known))]
                known[key] = None

    def _store(self, process: int, key: int, now: float, until: float, stale: float) -> None:
        life = (until - now) * (1 - JITTER * self._draw())
        entry = _Entry(now, now + life, now + life * (1 - REFRESH_SHARE), now + max(life, stale))
        self.seen["commands"] += 1
        self.seen["changes"] += 1
        before = self._redis.get(key)
        if before is None or now >= before.kept_until + GRACE_SECONDS:
            self.seen["expired"] += 1  # what begins ends: as many keys expire as are made
        self._redis[key] = entry
        for memory in self._memories:
            memory.pop(key, None)
        self._place(process, key, entry)

    def _place(self, process: int, key: int, entry: _Entry) -> None:
        memory = self._memories[process]
        memory[key] = entry
        memory.move_to_end(key)
        if len(memory) > self._capacity:
            memory.popitem(last=False)

    def _kept(self, process: int, key: int, now: float) -> _Entry | None:
        memory = self._memories[process]
        entry = memory.get(key)
        if entry is None:
            return None
        if now >= entry.kept_until:
            del memory[key]
            return None
        memory.move_to_end(key)
        return entry

    def _purge(self, subject: int) -> None:
        self.seen["commands"] += _STAMP_AND_ALL_OWNED
        self.seen["changes"] += 1
        self.seen["expired"] += 1
        for known in self._stamps:
            known.pop(subject * _KINDS, None)
        for key in range(subject * _KINDS, (subject + 1) * _KINDS):
            if self._redis.pop(key, None) is not None:
                self.seen["changes"] += 1
                self.seen["expired"] -= 1
            for memory in self._memories:
                memory.pop(key, None)
