"""All forms of answers that an app has: by coding, by origin, with diagnostics and without."""

from collections.abc import Callable
from functools import cache

from shared.edge.caller import Head
from shared.edge.cors import Cors
from shared.edge.form import Coding, Form

Negotiate = Callable[[str | None], Coding]
"""The content coding that suits an ``Accept-Encoding`` best."""


def no_coding(_accept_encoding: str | None) -> Coding:
    """The coding where there are none."""
    return "identity"


class Forms:
    """Finds the forms for a request; each is made once."""

    def __init__(self, negotiate: Negotiate = no_coding, cors: Cors | None = None, policies: str = "") -> None:
        """``policies`` is ``RateLimit-Policy``; "" where nobody counts."""
        self._negotiate = negotiate
        self._cors = cors or Cors(())
        self._always = {"RateLimit-Policy": policies} if policies else {}
        self._forms = cache(self._make)

    def of(self, head: Head) -> tuple[Form, Form]:
        """The forms with diagnostics, and without, for a request with this ``head``."""
        listed = self._cors.headers_for(head.origin).get("Access-Control-Allow-Origin")
        return self._forms(self._negotiate(head.accept_encoding), listed)

    def _make(self, coding: Coding, listed: str | None) -> tuple[Form, Form]:
        fields = {**self._always, **self._cors.headers_for(listed)}
        vary = fields.pop("Vary", "")
        told, untold = (Form(coding, tuple(fields.items()), vary, shows_diagnostics=shown) for shown in (True, False))
        return told, untold
