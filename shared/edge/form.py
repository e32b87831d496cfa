"""The form in which somebody is answered: the coding, what is told about the answer, and constant header fields."""

from collections.abc import MutableMapping
from typing import Final, Literal

Coding = Literal["zstd", "gzip", "identity"]
"""Content codings (RFC 9110 §8.4.1, RFC 8878 §7.2) that there are."""


class Form:
    """A form; there is one object for each, so that it is told from others by identity.

    Attributes:
        coding: the content coding that suits best (RFC 9110 §12.5.3).
        shows_diagnostics: whether it is told how an answer came about.
        fields: what each answer has in its head besides.
        vary: the field of requests that ``fields`` depend on, or "".
    """

    __slots__ = ("coding", "fields", "shows_diagnostics", "vary")

    def __init__(
        self, coding: Coding, fields: tuple[tuple[str, str], ...], vary: str, *, shows_diagnostics: bool
    ) -> None:
        self.coding = coding
        self.fields = fields
        self.vary = vary
        self.shows_diagnostics = shows_diagnostics

    def complete(self, own: MutableMapping[str, str]) -> dict[str, str]:
        """The fields that go beside an answer's ``own``, in which ``Vary`` is made complete where it stands."""
        if not self.vary:
            return dict(self.fields)
        named = own.get("Vary")
        if named is None:
            return {"Vary": self.vary, **dict(self.fields)}
        if self.vary not in named.split(", "):
            own["Vary"] = f"{named}, {self.vary}"
        return dict(self.fields)


PLAIN: Final = Form("identity", (), "", shows_diagnostics=True)
"""The form of answers where nothing is asked of anybody, to those who take no coding."""
