"""Loads settings from environment variables, reports all mistakes at once, and prints them with secrets masked."""

import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from shared.errors import DeclarationError, SettingsError
from shared.settings.declared import Group, Settings, Variable, declarations, variables
from shared.settings.masking import MASK, without_secrets

S = TypeVar("S", bound=Settings)

_FILE: Final = "_FILE"
_MAX_SECRET_BYTES: Final = 65_536


def load(settings_type: type[S], environ: Mapping[str, str]) -> S:
    """Read ``settings_type`` from ``environ``.

    Raises:
        SettingsError: one line for each mistake, naming the variable, the value and what was expected.
        DeclarationError: one variable would be read for two things.
    """
    _check_names(settings_type)
    mistakes: list[str] = []
    parsed = {name: _parsed(declared, environ, mistakes) for name, declared in declarations(settings_type).items()}
    if not mistakes:
        settings = settings_type(**parsed)
        mistakes.extend(settings.conflicts())
        if not mistakes:
            return settings
    raise SettingsError(mistakes)


def load_variables(wanted: Mapping[str, Variable], environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Read these variables alone, by the keys of ``wanted``.

    Raises:
        SettingsError: as :func:`load` does.
    """
    mistakes: list[str] = []
    found = {key: _parsed(variable, environ, mistakes) for key, variable in wanted.items()}
    if mistakes:
        raise SettingsError(mistakes)
    return found


def _check_names(settings_type: type[Settings]) -> None:
    declared = variables(settings_type)
    names = [variable.name for variable in declared]
    names += [variable.name + _FILE for variable in declared if variable.secret]
    ((name, times),) = Counter(names).most_common(1) or [("", 0)]
    if times > 1:
        raise DeclarationError(f"{times} settings are called {name}")


def _parsed(declared: Variable | Group, environ: Mapping[str, str], mistakes: list[str]) -> Any:
    """What a field is to be; anything once there are mistakes."""
    if isinstance(declared, Group):
        members = {
            thing: {name: _parsed(variable, environ, mistakes) for name, variable in member.items()}
            for thing, member in declared.members.items()
        }
        return {thing: declared.shape(**member) for thing, member in members.items()} if not mistakes else members
    try:
        text = _text(declared, environ) or declared.default
        return declared.kind.parse(text) if text else ""
    except _Unusable as error:
        mistakes.append(str(error))
    except ValueError:
        mistakes.append(f"{declared.name}={shown(declared, text)!r}: expected {declared.kind.expected}")
    return None


class _Unusable(Exception):
    """A variable that has no text; the sentence says why."""


def _text(variable: Variable, environ: Mapping[str, str]) -> str:
    text = environ.get(variable.name, "").strip()
    path = environ.get(variable.name + _FILE, "").strip() if variable.secret else ""
    if not path:
        return text
    named = f"{variable.name}{_FILE}={path!r}"
    if text:
        raise _Unusable(f"{named}: expected only one of this and {variable.name}")
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # nobody knows when a pipe ends, or whether it begins
            raise _Unusable(f"{named}: expected a regular file")
        with Path(path).open("rb") as file:
            data = file.read(_MAX_SECRET_BYTES + 1)
        text = data.decode().strip()
    except OSError as error:
        raise _Unusable(f"{named}: expected a file that can be read ({error.strerror})") from None
    except ValueError:
        raise _Unusable(f"{named}: expected a file with text in UTF-8") from None
    if not text or len(data) > _MAX_SECRET_BYTES:
        raise _Unusable(f"{named}: expected a file with the secret and nothing else")
    return text


def shown(variable: Variable, text: str) -> str:
    """``text`` as it may be printed: secrets and passwords inside addresses masked."""
    if not text:
        return ""
    if variable.secret:
        return MASK
    return without_secrets(text)


def describe(settings: Settings) -> str:
    """The effective settings, one ``NAME=value`` a line, secrets masked."""
    found: list[tuple[Variable, object]] = []
    for name, declared in declarations(type(settings)).items():
        value = getattr(settings, name)
        if isinstance(declared, Group):
            for thing, member in declared.members.items():
                found += [(variable, getattr(value[thing], one)) for one, variable in member.items()]
        else:
            found.append((declared, value))
    return "\n".join(f"{variable.name}={shown(variable, _as_text(value))}" for variable, value in found)


def _as_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
