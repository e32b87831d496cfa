"""The description of an aggregate that an endpoint is made from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bff.parts import Aggregate
from bff.upstreams import Upstreams
from shared.deadline import Deadline

Load = Callable[[str, Upstreams, Deadline], Awaitable[Aggregate]]
"""Puts the aggregate of one id together before the deadline.

Raises ``NotFound`` when the thing does not exist and ``ServiceUnavailable`` when there is nothing to give.
"""


@dataclass(frozen=True, slots=True)
class AggregateKind:
    """One aggregating endpoint.

    Attributes:
        name: names the route and the cache keys.
        path: the route up to the id, such as ``/api/profile``.
        parameter: what the id is called in the path and in errors.
        load: puts one together.
    """

    name: str
    path: str
    parameter: str
    load: Load
