"""Settings read from a mapping of environment variables, all mistakes reported at once, and shown without secrets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from shared.errors import SettingsError
from shared.settings.declared import Settings, Variable, groups, own_variables, variables
from shared.settings.masking import MASK, without_secrets

S = TypeVar("S", bound=Settings)

_FILE: Final = "_FILE"
_SECRET_MOST: Final = 65_536


def load(settings_type: type[S], environ: Mapping[str, str]) -> S:
    """Read ``settings_type`` from ``environ``.

    Raises:
        SettingsError: one line for each mistake, naming the variable, the value and what was expected.
    """
    mistakes: list[str] = []
    parsed = _parsed(own_variables(settings_type), environ, mistakes)
    for name, group in groups(settings_type).items():
        members = {thing: _parsed(member, environ, mistakes) for thing, member in group.members.items()}
        if not mistakes:
            parsed[name] = {thing: group.shape(**member) for thing, member in members.items()}
    if not mistakes:
        settings = settings_type(**parsed)
        mistakes.extend(settings.conflicts())
        if not mistakes:
            return settings
    raise SettingsError(mistakes)


def _parsed(of: Mapping[str, Variable], environ: Mapping[str, str], mistakes: list[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for name, variable in of.items():
        try:
            text = _text(variable, environ) or variable.default
            parsed[name] = variable.kind.parse(text) if text else ""
        except _Unusable as error:
            mistakes.append(str(error))
        except ValueError:
            mistakes.append(f"{variable.name}={shown(variable, text)!r}: expected {variable.kind.expected}")
    return parsed


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
        with Path(path).open("rb") as file:
            data = file.read(_SECRET_MOST + 1)
        text = data.decode().strip()
    except OSError as error:
        raise _Unusable(f"{named}: expected a file that can be read ({error.strerror})") from None
    except ValueError:
        raise _Unusable(f"{named}: expected a file with text in UTF-8") from None
    if not text or len(data) > _SECRET_MOST:
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
    kind = type(settings)
    found = {variable.name: getattr(settings, name) for name, variable in own_variables(kind).items()}
    for name, group in groups(kind).items():
        for thing, member in group.members.items():
            one = getattr(settings, name)[thing]
            found |= {variable.name: getattr(one, attribute) for attribute, variable in member.items()}
    return "\n".join(
        f"{variable.name}={shown(variable, _as_text(found[variable.name]))}" for variable in variables(kind)
    )


def _as_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
