"""Loads settings from environment variables, reports all mistakes at once, and prints them with secrets masked."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from shared.errors import DeclarationError, SettingsError
from shared.settings.declared import Group, Settings, Variable, declarations, variables
from shared.settings.masking import MASK, without_secrets
from shared.settings.secret import FILE, Secret, read_secret

S = TypeVar("S", bound=Settings)
_LONGEST_SHOWN: Final = 200


def load(settings_type: type[S], environ: Mapping[str, str]) -> S:
    """Read ``settings_type`` from ``environ``.

    Raises:
        SettingsError: one line for each mistake, naming the variable, the value and what was expected.
        DeclarationError: one variable would be read for two things.
    """
    _check_names(settings_type)
    settings = settings_type(**load_variables(declarations(settings_type), environ))
    mistakes = list(settings.conflicts())
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def load_variables(wanted: Mapping[str, Variable | Group], environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Read these variables alone, by the keys of ``wanted``.

    Raises:
        SettingsError: as :func:`load` does.
    """
    mistakes: list[str] = []
    found = {key: _parsed(declared, environ, mistakes) for key, declared in wanted.items()}
    if mistakes:
        raise SettingsError(mistakes)
    return found


def _check_names(settings_type: type[Settings]) -> None:
    declared = variables(settings_type)
    names = [variable.name for variable in declared]
    names += [variable.name + FILE for variable in declared if variable.secret]
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
    text = ""
    try:
        text, path = _text(declared, environ)
        text = text or declared.default
        value = declared.kind.parse(text) if text else ""
    except SettingsError as error:
        mistakes.extend(error.mistakes)
    except ValueError:
        mistakes.append(f"{declared.name}={_cut(shown(declared, text))!r}: expected {declared.kind.expected}")
    else:
        if declared.changes:
            return Secret(value, variable=declared.name, kind=declared.kind, path=path)
        return value
    return None


def _text(variable: Variable, environ: Mapping[str, str]) -> tuple[str, str]:
    """What is set, and the path of the file that it came from, if any."""
    text = environ.get(variable.name, "").strip()
    path = environ.get(variable.name + FILE, "").strip() if variable.secret else ""
    if not path:
        return text, ""
    if text:
        raise SettingsError([f"{variable.name}{FILE}={path!r}: expected only one of this and {variable.name}"])
    return read_secret(variable.name, path), path


def shown(variable: Variable, text: str) -> str:
    """``text`` as it may be printed: secrets and passwords inside addresses masked."""
    return MASK if text and variable.secret else without_secrets(text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def describe(settings: Settings) -> str:
    """The effective settings, one ``NAME=value`` a line, secrets masked."""
    return "\n".join(f"{variable.name}={shown(variable, _as_text(value))}" for variable, value in _values(settings))


def changing_secrets(settings: Settings) -> list[Secret]:
    """The secrets of ``settings`` that may be read again from their files."""
    return [value for _, value in _values(settings) if isinstance(value, Secret) and value.name]


def _values(settings: Settings) -> Iterator[tuple[Variable, object]]:
    for name, declared in declarations(type(settings)).items():
        value = getattr(settings, name)
        if isinstance(declared, Group):
            for thing, member in declared.members.items():
                yield from ((variable, getattr(value[thing], one)) for one, variable in member.items())
        else:
            yield declared, value


def _as_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
