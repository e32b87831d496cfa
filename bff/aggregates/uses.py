"""Which parts a function takes, as far as its code names them: itself, or by way of the functions that it names."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

from bff.parts.keyed import KeyedPart
from bff.parts.single import SinglePart
from bff.parts.sources import AnyPart


def parts_used(function: Callable[..., Any]) -> set[AnyPart]:
    """Every declared part that ``function`` names, or that a function does which it names, however far away."""
    found: set[AnyPart] = set()
    seen: set[FunctionType] = set()
    unseen: list[Any] = [function]
    while unseen:
        thing = unseen.pop()
        if isinstance(thing, SinglePart | KeyedPart):
            found.add(thing)
        elif isinstance(thing, FunctionType) and thing not in seen and not _is_of_python(thing):
            seen.add(thing)
            unseen += _named(thing)
        elif isinstance(thing, partial):
            unseen += [thing.func, *thing.args, *thing.keywords.values()]
    return found


def _is_of_python(function: FunctionType) -> bool:
    return function.__module__.partition(".")[0] in sys.stdlib_module_names


def _named(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it has no content yet
            yield cell.cell_contents
    names = set(_names(function.__code__))
    for name in names & function.__globals__.keys():
        thing = function.__globals__[name]
        yield thing
        if isinstance(thing, ModuleType):
            yield from (vars(thing)[member] for member in names & vars(thing).keys())


def _names(code: CodeType) -> Iterator[str]:
    """Those of globals and of attributes, also of the functions within."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
