"""How a component is, as its keeper tells it."""

import enum

import msgspec

from deploy.local.identity import Identity


class Phase(enum.StrEnum):
    """What a keeper is doing with its component."""

    RUNNING = "running"
    PAUSING = "pausing"
    STOPPING = "stopping"
    HELD = "held"


class Status(msgspec.Struct, frozen=True):
    """How a component is.

    Attributes:
        keeper: The process that keeps it.
        phase: What the keeper is doing.
        child: The component's own process, while there is one.
        deaths: How often it has ended without being asked to.
        exit_status: How it ended last: its exit status, or a signal's number, negative.
        next_start: While pausing, when it is started again, in seconds of the machine's monotonic clock.
    """

    keeper: Identity
    phase: Phase
    child: Identity | None = None
    deaths: int = 0
    exit_status: int | None = None
    next_start: float | None = None
