"""Assumptions on the command line."""

import argparse
from collections.abc import Callable
from dataclasses import Field
from typing import Any

from benchmarks.scale.inputs import assumptions


def number(of: Field[Any]) -> Callable[[str], float]:
    """Reads a number that this assumption may be."""
    least, most = of.metadata["least"], of.metadata["most"]

    def read(text: str) -> float:
        try:
            found = float(text) if isinstance(of.default, float) else int(text)
        except ValueError:
            found = least - 1
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f"expected a number from {least:,} to {most:,}, not {text!r}")
        return found

    return read


def assumed(text: str) -> tuple[str, float]:
    """An assumption by the name of its option, and its value: ``peak=6``."""
    name, _, value = text.partition("=")
    known = {one.name.replace("_", "-"): one for one in assumptions()}
    if name not in known:
        raise argparse.ArgumentTypeError(f"expected NAME=NUMBER, NAME one of {', '.join(known)}, not {text!r}")
    return known[name].name, number(known[name])(value)
