"""Where the keys that tokens are verified with come from: what is the same of a URL and a file."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from shared.edge.keys import KeySet
from shared.errors import KitError
from shared.observing import metrics
from shared.observing.logs import log


class KeySource(AbstractAsyncContextManager["KeySource"]):
    """The keys in use, and whoever has to know when others are; a resource of the app.

    Attributes:
        keys: None while there are none. The same object for as long as nothing about them changes.
    """

    def __init__(self, kind: str) -> None:
        """``kind`` labels metrics."""
        self.keys: KeySet | None = None
        self._listeners: list[Callable[[], None]] = []
        self._state = ""
        self._count = metrics.auth_keys.labels(kind)
        self._fetched = metrics.auth_keys_fetched.labels(kind)
        self._outcomes = {outcome: metrics.auth_key_fetches.labels(kind, outcome) for outcome in ("success", "failure")}
        self._count.set(0)

    async def __aexit__(self, *_: object) -> None:
        """End what is going on."""

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever :attr:`keys` have become others."""
        self._listeners.append(listener)

    async def refresh(self) -> bool:
        """Look for keys that have been published since, if it is time to; tells whether they have changed."""
        return False

    def _succeeded(self, keys: KeySet) -> None:
        self._outcomes["success"].inc()
        self._fetched.set(time.time())
        self._log_change("current", "info", "signing keys are current", keys=len(keys.keys))
        if self.keys is None or self.keys.identities != keys.identities:
            self._replace(keys)

    def _failed(self, error: Exception, *, still_good: bool) -> None:
        """``still_good`` are the keys of before, if there are any."""
        self._outcomes["failure"].inc()
        facts = {"error": type(error).__name__}
        if isinstance(error, KitError | ValueError):
            facts["detail"] = str(error)
        if still_good:
            self._log_change("kept", "warning", "signing keys are those of before", **facts)
            return
        self._log_change("missing", "error", "signing keys are missing", **facts)
        if self.keys is not None:
            self._replace(None)

    def _replace(self, keys: KeySet | None) -> None:
        self.keys = keys
        self._count.set(0 if keys is None else len(keys.keys))
        for listener in self._listeners:
            listener()

    def _log_change(self, state: str, level: str, event: str, **facts: object) -> None:
        if state != self._state:
            self._state = state
            log(level, event, "auth", **facts)
