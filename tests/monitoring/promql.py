"""Finds the metric names in a PromQL expression."""

import re
from typing import Final

_STRING: Final = re.compile(r"""(["'])(?:\\.|(?!\1)[^\\])*\1""")
_LABELS_AND_RANGES: Final = re.compile(
    r"\{[^{}]*\}|\[[^\[\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)"
)
_NAME_NO_CALL: Final = re.compile(r"(?<![\w:.$])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()")
_KEYWORDS: Final = frozenset(
    {"and", "or", "unless", "atan2", "bool", "offset", "by", "without", "on", "ignoring", "inf", "nan"}
)


def metric_names(expression: str) -> set[str]:
    """The names of the series that ``expression`` reads.

    A selector must name its metric outside the braces: ``{__name__=~"…"}`` tells no name.
    """
    bare = _LABELS_AND_RANGES.sub(" ", _STRING.sub('""', expression))
    return {name for name in _NAME_NO_CALL.findall(bare) if name.lower() not in _KEYWORDS}
