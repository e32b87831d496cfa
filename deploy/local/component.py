"""What runs, and what does not: the plan that the command hands to the supervisor and its keepers."""

import msgspec


class Component(msgspec.Struct, frozen=True):
    """One process of the system.

    Attributes:
        name: Its name, the same as in docker-compose.yml.
        url: Where it answers; empty for one that only asks.
        probe: What is asked to learn whether it is well: an http:// address that answers 200, or redis://; empty for
            one that is well while it runs.
        command: Program and arguments.
        environment: Variables it gets on top of the environment of the supervisor.
    """

    name: str
    url: str
    probe: str
    command: tuple[str, ...]
    environment: dict[str, str]


class Absent(msgspec.Struct, frozen=True):
    """One component that does not run.

    Attributes:
        name: Its name.
        reason: Why it does not run.
        remedy: How to get it, or empty when there is nothing to do.
    """

    name: str
    reason: str
    remedy: str = ""


class Plan(msgspec.Struct, frozen=True):
    """The whole system.

    Attributes:
        root: The checkout, the current directory of every process.
        components: What runs, in the order in which it is shown.
        absent: What does not.
        notes: What the person should know besides, such as a port that had to be another one.
        python: The interpreter that started it; start_with_monitoring.sh takes it for what comes later.
        data: Where data is.
    """

    root: str
    components: tuple[Component, ...]
    absent: tuple[Absent, ...] = ()
    notes: tuple[str, ...] = ()
    python: str = ""
    data: str = ""

    def component(self, name: str) -> Component | None:
        """Return the component of that name, or None when it does not run."""
        return next((one for one in self.components if one.name == name), None)
