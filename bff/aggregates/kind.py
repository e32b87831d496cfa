"""The description of an aggregate that an endpoint is made from."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bff.parts.part import Aggregate
from bff.sources import Sources

Load = Callable[[str, Sources], Awaitable[Aggregate]]
"""Puts the aggregate of one id together from the sources.

Raises ``NotFound`` when the thing does not exist and ``ServiceUnavailable`` when there is nothing to give.
"""


@dataclass(frozen=True, slots=True)
class AggregateKind:
    """One aggregating endpoint.

    Attributes:
        name: names the route and the cache keys.
        path: the route up to the id, such as ``/api/profile``.
        parameter: what the id is called in the path and in errors.
        parts: the names of its parts, so that each can be counted from zero.
        load: puts one together.
    """

    name: str
    path: str
    parameter: str
    parts: Sequence[str]
    load: Load
