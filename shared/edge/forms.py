"""All forms of answers that an app has: by coding, by origin, with diagnostics and without."""

from collections.abc import Callable, Mapping

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
        self._made: dict[tuple[Coding, str | None], tuple[Form, Form]] = {}

    def of(self, head: Head) -> tuple[Form, Form]:
        """The forms with diagnostics, and without, for a request with this ``head``."""
        of_origin = self._cors.headers_for(head.origin)
        key = self._negotiate(head.accept_encoding), of_origin.get("Access-Control-Allow-Origin")
        return self._made.get(key) or self._make(key, of_origin)

    def _make(self, key: tuple[Coding, str | None], of_origin: Mapping[str, str]) -> tuple[Form, Form]:
        fields = {**self._always, **of_origin}
        vary = fields.pop("Vary", "")
        told, untold = (Form(key[0], tuple(fields.items()), vary, shows_diagnostics=shown) for shown in (True, False))
        self._made[key] = told, untold
        return told, untold
