"""The form in which somebody is answered: the coding, what is told about the answer, and constant header fields."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Final, Literal

Coding = Literal["zstd", "gzip", "identity"]
"""Content codings (RFC 9110 §8.4.1, RFC 8878 §7.2) that there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A form; there is one object for each, so that it is told from others by identity.

    Attributes:
        coding: the content coding that suits best (RFC 9110 §12.5.3).
        fields: what each answer has in its head besides.
        vary: the field of requests that ``fields`` depend on, or "".
        shows_diagnostics: whether it is told how an answer came about.
    """

    coding: Coding
    fields: tuple[tuple[str, str], ...]
    vary: str
    shows_diagnostics: bool = field(kw_only=True)

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
