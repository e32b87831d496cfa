"""Strict JSON: what others sign or publish has one meaning or none. Pure."""

import json
from typing import Any, NoReturn


def read_object(data: bytes) -> dict[str, Any]:
    """The JSON object (RFC 8259) that ``data`` is, in UTF-8.

    Raises:
        ValueError: it is anything else, too deep, or has a name twice, which others may read otherwise (RFC 8725 §2.6).
    """
    try:
        found = _decode(data.decode())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - a value of another type is what it is about
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name twice")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_refuse).decode
