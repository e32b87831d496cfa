"""The path template of a part: a path, and perhaps a query, with parameters in braces."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from shared import ids
from shared.errors import DeclarationError

_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_LITERAL: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
"""Of paths and queries alike, but for the question mark between them (RFC 3986 §3.3, §3.4)."""
DOT_SEGMENTS: Final = frozenset({".", ".."})
"""Taken out of a path on the way, with what stands before them (RFC 3986 §5.2.4)."""
_NO_SEGMENT: Final = DOT_SEGMENTS | {""}


class PathTemplate:
    """Such as ``/reviews/user/{user_id}?limit=20&lang={lang}``; ``parameters`` are in the order in which they come."""

    def __init__(self, text: str) -> None:
        """Raises ``DeclarationError`` where that can be no path, or would be another one by its dot segments."""
        self.text = text
        pieces = _PARAMETER.split(text)
        self._literals, self.parameters = pieces[::2], tuple(pieces[1::2])
        literal = "".join(self._literals)
        if not text.startswith("/") or not _LITERAL.fullmatch(literal.replace("?", "", 1)):
            raise DeclarationError(f"{text!r} is no path")
        path = text.partition("?")[0]
        if not DOT_SEGMENTS.isdisjoint(path.split("/")):
            raise DeclarationError(f"{text!r} is no path that everybody reads as the same")
        self._in_path = {*_PARAMETER.findall(path)}
        for name in self.parameters:
            if not _NAME.fullmatch(name) or self.parameters.count(name) > 1:
                raise DeclarationError(f"{text!r}: no parameter, or only one, can be called {name!r}")

    def filled(self, values: Mapping[str, str]) -> str:
        """The path with ``values``, percent-encoded where they need it.

        Raises:
            ValueError: one is no segment of a path: it is empty, or dots that lead elsewhere (RFC 3986 §5.2.4).
        """
        if len(self.parameters) == 1:
            before, after = self._literals
            return f"{before}{self._encoded(self.parameters[0], values)}{after}"
        named = [self._encoded(name, values) for name in self.parameters]
        return self._literals[0] + "".join(
            value + literal for value, literal in zip(named, self._literals[1:], strict=True)
        )

    def _encoded(self, name: str, values: Mapping[str, str]) -> str:
        value = values[name]
        if ids.is_id(value):
            return value
        if name in self._in_path and value in _NO_SEGMENT:
            raise ValueError(value)
        return quote(value, safe="")
