"""A rate: a quota of requests in a window of time."""

import re
from typing import NamedTuple

from shared.settings.values import Kind

_written = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,4})").fullmatch


class Rate(NamedTuple):
    """At most ``quota`` requests in each window of so many ``seconds``."""

    quota: int
    seconds: int

    def __str__(self) -> str:
        """As it is written in the environment."""
        return f"{self.quota}/{self.seconds}"


def _rate(text: str) -> Rate:
    found = _written(text)
    if found is None:
        raise ValueError(text)
    return Rate(int(found[1]), int(found[2]))


RATE = Kind("a number of requests, a slash, and a number of seconds up to 99999", _rate)
