"""The declaration of settings: a frozen dataclass with fields made by :func:`setting` or :func:`group`.

Each field stands beside its variable's name, its kind, its default and a sentence for people.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from shared.settings import values
from shared.settings.secret import Secret
from shared.settings.values import Kind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: ``default`` is written as the environment would write it.

    One that ``changes`` is a secret whose file, if it came from one, may be read again while the process runs.
    """

    name: str
    kind: Kind[Any]
    default: str
    help: str
    secret: bool = False
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Settings of the same shape for each of several things.

    Attributes:
        shape: a dataclass like those of settings.
        members: by thing, its variables by field of ``shape``.
    """

    shape: type[Any]
    members: Mapping[str, Mapping[str, Variable]]


def setting(name: str, kind: Kind[T], default: str, text: str, *, secret: bool = False) -> T:
    """A dataclass field read from variable ``name``; an unset or empty variable means ``default``.

    A ``secret`` may come as the content of a file too, whose path is in the variable with ``_FILE`` after its name.
    """
    made: T = field(metadata={"declared": Variable(name, kind, default, text, secret)})
    return made


def changing_secret(name: str, kind: Kind[str], text: str) -> Secret:
    """A dataclass field like that of a secret :func:`setting`, none by default, that is a :class:`Secret`."""
    made: Secret = field(metadata={"declared": Variable(name, kind, "", text, secret=True, changes=True)})
    return made


def group(shape: type[T], members: Mapping[str, Mapping[str, Variable]]) -> Mapping[str, T]:
    """A dataclass field with an object of ``shape`` for each thing in ``members``, by thing."""
    made: Mapping[str, T] = field(metadata={"declared": Group(shape, members)})
    return made


def prefixed(shape: type[Any], prefix: str, label: str, defaults: Mapping[str, str]) -> Mapping[str, Variable]:
    """The variables of ``shape`` for one thing: ``URL`` becomes ``PREFIX_URL``, ``{}`` in a help becomes ``label``."""
    return {
        name: dataclasses.replace(
            variable,
            name=f"{prefix}_{variable.name}",
            default=defaults.get(name, variable.default),
            help=variable.help.format(label),
        )
        for name, variable in _variables_of(shape).items()
    }


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every app needs to be served.

    An app that ``reloads`` has something that is read again on SIGHUP, which stops any other.
    """

    reloads: ClassVar[bool] = False
    host: str = setting("HOST", values.HOST, "127.0.0.1", "Address to listen on.")
    port: int = setting("PORT", values.integer(1, 65535), "8000", "Port to listen on.")
    workers: int = setting("WORKERS", values.integer(1, 64), "1", "Processes that answer requests.")
    worker_hang: float = setting(
        "WORKER_HANG_SECONDS",
        values.seconds(3, 3600),
        "30",
        "How long the loop of a process that serves may stand still before it is ended.",
    )
    max_connections: int = setting(
        "MAX_CONNECTIONS",
        values.integer(1, 1_000_000),
        "10000",
        "Connections of clients that each process holds at once; idle ones make room for new ones.",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        values.one_of("debug", "info", "warning", "error"),
        "info",
        "Least severe level that is written.",
    )
    shutdown_grace: float = setting(
        "SHUTDOWN_GRACE_SECONDS",
        values.seconds(0, 300),
        "15",
        "How long requests in flight may take to finish after a stop signal.",
    )

    shutdown_drain: float = setting(
        "SHUTDOWN_DRAIN_SECONDS",
        values.seconds(0, 300),
        "0.25",
        "How long a stopping process that is no longer ready still takes new requests.",
    )

    def conflicts(self) -> Iterator[str]:
        """One sentence for each pair of values that cannot be used together."""
        yield from ()

    def overview(self) -> Iterator[str]:
        """What ``--check`` prints below the settings, line by line: what they are applied to."""
        yield from ()


def declarations(shape: type[Any]) -> Mapping[str, Variable | Group]:
    """What the fields of ``shape`` are made by, in order of definition."""
    return {one.name: one.metadata["declared"] for one in fields(shape)}


def variables(settings_type: type[Settings]) -> list[Variable]:
    """Every variable that ``settings_type`` reads, in order of definition."""
    found: list[Variable] = []
    for declared in declarations(settings_type).values():
        if isinstance(declared, Variable):
            found.append(declared)
        else:
            found += [variable for member in declared.members.values() for variable in member.values()]
    return found


def with_default(settings_type: type[Settings], name: str, default: str) -> Any:
    """The field ``name`` of ``settings_type`` again, with another default (ports, mostly)."""
    variable = _variables_of(settings_type)[name]
    return field(metadata={"declared": dataclasses.replace(variable, default=default)})


def _variables_of(shape: type[Any]) -> Mapping[str, Variable]:
    return {name: one for name, one in declarations(shape).items() if isinstance(one, Variable)}
