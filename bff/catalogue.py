"""The catalogue: the declared aggregates and commands, and the parts and services that follow from them."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from bff.aggregates.kind import AggregateKind, check, differ
from bff.commands.kind import AnyCommand
from bff.parts.invalidates import Invalidates
from bff.parts.sources import AnyPart
from shared.errors import DeclarationError
from shared.upstream.service import Service


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a gateway is declared to be.

    Attributes:
        kinds: the aggregates.
        parts: those that any of them uses, by name.
        services: those that give these parts or carry out the commands, by name.
        events: those that outdate any of these parts, by type.
        commands: what clients may have changed.
    """

    kinds: tuple[AggregateKind, ...]
    parts: Mapping[str, AnyPart]
    services: Mapping[str, Service]
    events: Mapping[str, Invalidates]
    commands: tuple[AnyCommand, ...] = ()

    def longest_life(self, *common: float) -> float:
        """For how many seconds anything is kept at most: what is kept for as long as all is for a ``common`` time."""
        own = [seconds for part in self.parts.values() for seconds in (part.ttl, part.stale) if seconds is not None]
        return max(*common, *own)

    def longest_fresh(self, *common: float) -> float:
        """For how many seconds anything counts as current at most: what all does for a ``common`` time."""
        return max([*common, *(part.ttl for part in self.parts.values() if part.ttl is not None)])

    def overview(self, urls: Mapping[str, str], *, asks: bool) -> Iterator[str]:
        """Lines for people: the services, which are at ``urls``, the aggregates, and the commands.

        Who may have these is told where the gateway ``asks`` clients who they are.
        """
        yield from ("", "Services:")
        for name, service in self.services.items():
            yield f"  {name} at {urls[name]}, {'essential' if service.essential else 'optional'}"
        yield from ("", "Aggregates:")
        for kind in self.kinds:
            whom = f", for {kind.access or 'everybody'}" if asks else ""
            yield f"  {kind.path}/{{{kind.parameter}}} of {', '.join(part.name for part in kind.parts)}{whom}"
        yield from ("", "Commands:") if self.commands else ()
        for command in self.commands:
            whom = f", for {command.access or 'everybody'}" if asks else ""
            yield f"  {command.method} {command.path} to {command.service.name}{whom}"


def catalogue(kinds: Iterable[AggregateKind], commands: Iterable[AnyCommand] = ()) -> Catalogue:
    """What these ``kinds`` and ``commands`` are made of.

    Raises:
        DeclarationError: something cannot be as declared, or two things have the same name.
    """
    for what, listed in (("aggregates", kinds), ("commands", commands)):
        if not isinstance(listed, Iterable):
            raise DeclarationError(f"the {what} are no tuple; that of one has a comma: (ONE,)")
    kinds, commands = tuple(kinds), tuple(commands)
    check(kinds)
    differ((one.name for one in commands), "commands have the name")
    differ((f"{one.method} {one.path}" for one in commands), "commands have the route")
    parts: dict[str, AnyPart] = {}
    services: dict[str, Service] = {}
    events: dict[str, Invalidates] = {}
    for kind in kinds:
        for part in kind.parts:
            _register(parts, part.name, part, "parts are called")
            _register(services, part.service.name, part.service, "services are called")
    for command in commands:
        _register(services, command.service.name, command.service, "services are called")
    if not any(part.tags for part in parts.values()):  # else only values tell all names of tags
        for command in commands:
            _check_tags(command, {one.tag for one in (*kinds, *parts.values())})
    for part in parts.values():
        for one in part.outdated_by:
            _register(events, one.type, one, "declarations are of events of the type")
    return Catalogue(kinds, parts, services, events, commands)


def _check_tags(command: AnyCommand, carried: AbstractSet[str | None]) -> None:
    """See that something carries what it outdates, as far as names of tags are declared."""
    for tag in command.tags(*command.examples()):
        if tag.partition(":")[0] not in carried:
            raise DeclarationError(f"command {command.name!r}: nothing carries a tag such as {tag!r}")


def _register(known: dict[str, Any], name: str, declared: Any, what: str) -> None:
    if known.setdefault(name, declared) is not declared:
        raise DeclarationError(f"two {what} {name!r}")
