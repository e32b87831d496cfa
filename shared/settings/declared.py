"""Typed settings from a mapping of environment variables, all mistakes reported at once.

A settings class is a frozen dataclass whose fields are made by :func:`setting`; each field stands beside its
variable's name, its kind, its default and a sentence for people.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar
from urllib.parse import unquote

from shared.errors import SettingsError
from shared.settings import values
from shared.settings.values import Kind

T = TypeVar("T")
MASK = "***"

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LOGIN = re.compile(r"(?:([\w.~-]*)(?::|%(?:25)*3a))?.*(?:@|%(?:25)*40)", re.IGNORECASE | re.DOTALL | re.ASCII)
_HOST = re.compile(r"(?:\[[0-9a-f:.]*\]|[^:\[\]]*)(?::(?:[0-9]{0,5}|port))?|[0-9a-f:.]+", re.IGNORECASE)
_SECRET_NAME = re.compile(r"pass|pw|secret|token|auth|key|cred|sig", re.IGNORECASE)
_OF_A_FILE = re.compile(r"(?:sqlite|file)\b", re.IGNORECASE)
_BEHIND = re.compile(r"([#;\s]).*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: ``default`` is written as the environment would write it."""

    name: str
    kind: Kind[Any]
    default: str
    help: str
    secret: bool = False


def setting(name: str, kind: Kind[T], default: str, text: str, *, secret: bool = False) -> T:
    """A dataclass field read from variable ``name``; an unset or empty variable means ``default``."""
    made: T = field(metadata={"variable": Variable(name, kind, default, text, secret)})
    return made


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every app needs to be served."""

    host: str = setting("HOST", values.HOST, "127.0.0.1", "Address to listen on.")
    port: int = setting("PORT", values.integer(1, 65535), "8000", "Port to listen on.")
    workers: int = setting("WORKERS", values.integer(1, 64), "1", "Processes that answer requests.")
    worker_hang: float = setting(
        "WORKER_HANG_SECONDS",
        values.seconds(3, 3600),
        "30",
        "How long the loop of one of several workers may stand still before it is replaced.",
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


S = TypeVar("S", bound=Settings)


def variables(settings_type: type[Settings]) -> Mapping[str, Variable]:
    """The variables that ``settings_type`` reads, by field name, in order of definition."""
    return {f.name: f.metadata["variable"] for f in fields(settings_type)}


def load(settings_type: type[S], environ: Mapping[str, str]) -> S:
    """Read ``settings_type`` from ``environ``.

    Raises:
        SettingsError: one line for each mistake, naming the variable, the value and what was expected.
    """
    parsed: dict[str, Any] = {}
    mistakes: list[str] = []
    for name, variable in variables(settings_type).items():
        text = environ.get(variable.name, "").strip() or variable.default
        try:
            parsed[name] = variable.kind.parse(text) if text else ""
        except ValueError:
            mistakes.append(f"{variable.name}={shown(variable, text)!r}: expected {variable.kind.expected}")
    if not mistakes:
        settings = settings_type(**parsed)
        mistakes.extend(settings.conflicts())
        if not mistakes:
            return settings
    raise SettingsError(mistakes)


def shown(variable: Variable, text: str) -> str:
    """``text`` as it may be printed: secrets and passwords inside addresses masked."""
    if not text:
        return ""
    if variable.secret:
        return MASK
    return _without_secrets(text)


def _without_secrets(text: str) -> str:
    """What of an address may be printed, however malformed: those that cannot be taken apart end up in a report.

    What a password holds is anybody's guess, so all counts as one up to the last @, percent-encoded or not; and what
    stands where only a port may, in a query under a name that sounds like it, or behind white space.
    """
    found = _SCHEME.match(text)
    scheme = found[0] if found else ""
    rest, login = text[len(scheme) :], ""
    if credentials := _LOGIN.match(rest):
        user = credentials[1]
        login, rest = f"{user}:{MASK}@" if user is not None else f"{MASK}@", rest[credentials.end() :]
    rest, mark, query = _BEHIND.sub(rf"\g<1>{MASK}", rest).partition("?")
    hosts, slash, path = rest.partition("/")
    if not _OF_A_FILE.match(scheme):
        path = re.sub(r":[^/]+", f":{MASK}", path)
    return scheme + login + ",".join(map(_host, hosts.split(","))) + slash + path + mark + "&".join(_facts(query))


def _host(text: str) -> str:
    return _fact(text) if _HOST.fullmatch(text) else f"{text.partition(':')[0]}:{MASK}"


def _facts(query: str) -> Iterator[str]:
    for fact in query.split("&") if query else []:
        yield _fact(fact) if "=" in fact else MASK


def _fact(text: str) -> str:
    name, sign, value = text.partition("=")
    while (plain := unquote(name)) != name:
        name = plain
    return f"{name}={MASK}" if sign and _SECRET_NAME.search(name) else f"{name}{sign}{value}"


def describe(settings: Settings) -> str:
    """The effective settings, one ``NAME=value`` a line, secrets masked."""
    named = variables(type(settings))
    return "\n".join(
        f"{variable.name}={shown(variable, _as_text(getattr(settings, name)))}" for name, variable in named.items()
    )


def _as_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def with_default(settings_type: type[Settings], name: str, default: str) -> Any:
    """The field ``name`` of ``settings_type`` again, with another default (ports, mostly)."""
    variable = variables(settings_type)[name]
    return field(metadata={"variable": dataclasses.replace(variable, default=default)})
