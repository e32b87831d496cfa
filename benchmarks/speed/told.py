"""What a mode of the benchmark has to tell in the end."""

from typing import NamedTuple


class Told(NamedTuple):
    """The tables in Markdown, the figure as SVG, everything as JSON, and whether something was not as it should be."""

    text: str
    drawn: str
    document: bytes
    fails: bool
