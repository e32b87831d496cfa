"""The declared aggregates: one file each, and one line in :data:`AGGREGATES`."""

from collections.abc import Sequence
from typing import Final

from bff.aggregates.kind import AggregateKind
from bff.aggregates.profile import PROFILE

AGGREGATES: Final[Sequence[AggregateKind]] = (PROFILE,)
