"""Which parts a function takes, as far as its code names them: itself, or by way of the functions that it names."""

import dis
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from bff.parts.keyed import KeyedPart
from bff.parts.single import SinglePart
from bff.parts.sources import AnyPart

_OF_GLOBALS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_OF_MEMBERS: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


def parts_used(function: Callable[..., Any]) -> set[AnyPart]:
    """Every declared part that ``function`` names, or that a function does which it names, however far away."""
    found: set[AnyPart] = set()
    seen: set[int] = set()
    unseen: list[Any] = [function]
    while unseen:
        thing = unseen.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if _is(thing, SinglePart, KeyedPart):
            found.add(thing)
        elif _is(thing, FunctionType) and not _is_of_python(thing):
            unseen += _named(thing)
        elif _is(thing, MethodType):
            unseen.append(thing.__func__)
        elif _is(thing, partial):
            unseen += [thing.func, *thing.args, *thing.keywords.values()]
    return found


def _is(thing: Any, *kinds: type) -> bool:
    """Its type is asked: what a proxy stands for may not be there yet."""
    return issubclass(type(thing), kinds)


def _is_of_python(function: FunctionType) -> bool:
    return str(function.__module__).partition(".")[0] in sys.stdlib_module_names


def _named(function: FunctionType) -> Iterator[Any]:
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it has no content yet
            yield cell.cell_contents
    yield from _loaded(function.__code__, function.__globals__)


def _loaded(code: CodeType, within: dict[str, Any]) -> Iterator[Any]:
    """What the code gets from globals, or from modules that it gets there; also that of the functions within."""
    thing: Any = None
    for step in dis.get_instructions(code):
        if step.opname in _OF_GLOBALS:
            thing = within.get(step.argval)
        elif step.opname in _OF_MEMBERS and _is(thing, ModuleType):
            thing = vars(thing).get(step.argval)
        else:
            thing = None
        yield thing
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _loaded(constant, within)
