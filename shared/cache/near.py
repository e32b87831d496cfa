"""The memory tier: its entries, and whether they may be trusted. Pure; clock and events are passed in.

A lookup is one synchronous call. Whoever is going to store something here (because it is being read from Redis, or
loaded) takes a token before asking for it (``token``).
"""

import enum
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Final

from shared.cache.entry import Entry
from shared.cache.keys import Keys
from shared.cache.memory import MemoryStore
from shared.cache.slices import Slices
from shared.cache.token import PURGES, Token, TokenIssuer
from shared.deadline import Clock, since_boot


class Trust(enum.Enum):
    """How far the memory tier may be trusted."""

    COHERENT = "coherent"
    """Redis is well and tells of every change: what is here is what is there."""
    BLIND = "blind"
    """Redis is well but does not tell of changes: memory is filled and not asked."""
    UNCERTAIN = "uncertain"
    """The connection to Redis was lost just now; whether Redis is gone is not known yet."""
    ALONE = "alone"
    """There is no Redis: memory is the cache."""


_TRUSTED = (Trust.COHERENT, Trust.ALONE)
_SHOWN: Final = 10_000


Told = Callable[[], None]
"""Called when what was watched may be another."""


class NearTier(TokenIssuer):
    """Entries in memory with the rules under which they may be used.

    Attributes:
        trust: how far they may be trusted at the moment.
        store: where they are.
        is_trusted: whether they may be served.
        is_blind: whether Redis tells of no changes.
    """

    def __init__(self, store: MemoryStore, keys: Keys, clock: Clock = since_boot, *, purges: int = PURGES) -> None:
        """``purges`` of as many tags are remembered, for loads that turn out to depend on one."""
        super().__init__(purges)
        self.trust = Trust.ALONE
        self.is_trusted = True
        self.is_blind = False
        self.store = store
        self._keys = keys
        self._clock = clock
        self._slices = Slices()
        self._under_way: defaultdict[str, list[tuple[float, Callable[[str], None]]]] = defaultdict(list)  # while busy
        self._watching: defaultdict[str, list[Told]] = defaultdict(list)
        self._lost_at: float | None = None
        self._shown: dict[str, float] = {}

    def fresh(self, key: str, now: float | None = None) -> Entry | None:
        """The entry under ``key`` if it may be served as current, ``now`` or at this moment."""
        entry = self.store.peek(key) if self.is_trusted else None
        if entry is None or (self._clock() if now is None else now) < entry.fresh_until:
            return entry
        self.kept(key)  # or dropped
        return None

    def kept(self, key: str, now: float | None = None) -> Entry | None:
        """The entry under ``key`` if it may be used at all, as a stale one for example, ``now`` or at this moment."""
        entry = self.store.peek(key) if self.is_trusted else None
        if entry is not None and self._slices.works:
            entry = self._overtaken(key, entry)
        if entry is None or (self._clock() if now is None else now) < entry.stale_until:
            return entry
        self.store.drop(key)
        return None

    def kept_of(self, keys: Iterable[str]) -> list[Entry | None]:
        """What :meth:`kept` gives at this moment for each of these."""
        now, kept, peek = self._clock(), self.kept, self.store.peek
        if not self.is_trusted or self._slices.works:
            return [kept(key, now) for key in keys]
        return [entry if (entry := peek(key)) is None or now < entry.stale_until else kept(key, now) for key in keys]

    def at_hand(self, keys: Sequence[str]) -> Sequence[Entry] | None:
        """The entries under all of these keys, current or not; None where one is not there, or may not be used."""
        return self.store.peek_all(keys) if self.is_trusted and not self._slices.works else None

    def put(self, key: str, entry: Entry, token: Token) -> bool:
        """Keep ``entry`` if ``token`` still holds; others lose the key, for this is newer."""
        if not token.holds(key):
            return False
        if self._shown:  # Redis gets this, and what it is made of: nothing older is left there
            self._shown.pop(key, None)
        self._invalidate_tokens(key, but=token)
        self.store.put(key, entry)
        if self._watching:
            self._tell(key)
        return True

    def take(self, key: str, entry: Entry, token: Token) -> bool:
        """Keep what Redis has as :meth:`put` does; not as current, where newer has been shown while Redis was away."""
        if not token.holds(key):
            return False
        shown = self._shown.get(key)
        if shown is not None and entry.asked_at < shown:
            entry.outdate(self._clock())
        self.put(key, entry, token)
        if shown is not None:
            self._shown[key] = shown
        return True

    def drop(self, key: str, but: Token | None = None) -> None:
        """Forget ``key`` and whatever is on its way there, ``but`` for what has that token."""
        self.store.drop(key)
        self._invalidate_tokens(key, but)
        self._tell(key)

    def drop_prefix(self, prefix: str) -> None:
        """Forget every key that begins so, and whatever is on its way there."""
        for key in [key for key in (*self.store, *self._tokens) if key.startswith(prefix)]:
            self.drop(key)

    def purge(self, tag: str, *, hard: bool = False) -> None:
        """Nothing that carries ``tag`` is current any more, nor whatever is on its way; if ``hard``, it is forgotten.

        Where much carries it, the rest of that follows in the next turns of the loop (:meth:`settled`).
        """
        self._count_purge(tag)
        outdate = self.drop if hard else self._outdate
        for key in self._keys.owned_keys(tag):
            outdate(key)
        variants = set[str]()
        for beginning in self._keys.variant_prefixes(tag):
            variants |= self.store.variants(beginning)
            for key in [key for key in self._tokens if key.startswith(beginning)]:
                self._invalidate_tokens(key)
        self._invalidate_tagged(tag)
        if not self._slices.works:
            self._under_way.clear()
        carrying = [*filter(None, [variants]), *self.store.take_tagged(tag)]
        if carrying or tag in self._under_way:  # an earlier one has taken what it has not come to yet
            self._under_way[tag].append((self._clock(), outdate))
        for keys in carrying:
            self._slices.work(keys, partial(self._come_to, tag))
        self._tell(tag)

    async def settled(self) -> None:
        """Return when all that was purged is."""
        await self._slices.done()

    def watch(self, name: str, told: Told) -> None:
        """Call ``told`` when the entry under a key is put, dropped or outdated, or a tag purged: ``name`` is either."""
        self._watching[name].append(told)

    def unwatch(self, name: str, told: Told) -> None:
        """Call it no more."""
        watching = self._watching[name]
        watching.remove(told)
        if not watching:
            del self._watching[name]

    def invalidate(self, names: Iterable[str] | None) -> None:
        """Redis says that these keys have changed, or that everything has (None)."""
        if names is None:
            self.flush()
            return
        for name in names:
            self.drop(name)
            purge = self._keys.purge_at(name)
            if purge is not None:
                tag, hard = purge
                self.stamps.forget(tag)
                self.purge(tag, hard=hard)

    def flush(self) -> None:
        """Forget everything, and whatever is on its way here."""
        self.store.clear()
        self._invalidate_all()
        for name in [*self._watching]:
            self._tell(name)

    def set_trust(self, trust: Trust) -> None:
        """From now on memory is to be trusted this far; a new connection to Redis begins empty.

        So does who has lost one that told of no changes: what there is may have been purged by others long ago.
        """
        if trust in {Trust.COHERENT, Trust.BLIND}:
            self._note_shown()
        if trust in {Trust.COHERENT, Trust.BLIND} or self.trust is Trust.BLIND:
            self.flush()
            self._lost_at = None
        elif trust is Trust.UNCERTAIN:
            self._lost_at = self._clock()
        self.trust = trust
        self.is_trusted = trust in _TRUSTED
        self.is_blind = trust is Trust.BLIND
        self._is_told = trust is Trust.COHERENT

    def expire_standalone(self, seconds: float) -> None:
        """Forget what was asked for before the connection to Redis was lost, if that is ``seconds`` ago.

        Of what is purged elsewhere meanwhile nobody tells.
        """
        if self.trust is Trust.ALONE and self._lost_at is not None and self._clock() >= self._lost_at + seconds:
            self.store.drop_asked_before(self._lost_at)
            self._lost_at = None

    def _note_shown(self) -> None:
        """Redis is back, perhaps as it was; of what changed meanwhile it may be told later than it is asked."""
        since = -math.inf if self._lost_at is None else self._lost_at
        self._shown |= {key: one.stored_at for key, one in self.store.entries() if one.stored_at >= since}
        for key in [*islice(self._shown, max(0, len(self._shown) - _SHOWN))]:
            del self._shown[key]

    def _come_to(self, tag: str, key: str) -> None:
        """Do with ``key`` what purges of ``tag`` that are under way do with all that carries it."""
        for purged_at, outdate in self._under_way[tag]:
            entry = self.store.get(key)
            if entry is not None and entry.stored_at <= purged_at:
                outdate(key)
        self.store.find_again(key, tag)

    def _overtaken(self, key: str, entry: Entry) -> Entry | None:
        """What a load may take of ``entry``, to which a purge may not have come yet."""
        for tag in self._keys.tags(key, entry.tags):
            if tag in self._under_way:
                self._come_to(tag, key)
        return self.store.get(key)

    def _outdate(self, key: str) -> None:
        self.store.outdate(key, self._clock())
        self._invalidate_tokens(key)
        self._tell(key)

    def _tell(self, name: str) -> None:
        if name in self._watching:
            for told in [*self._watching[name]]:
                told()
