"""Kinds of arguments on the command line, and lines on standard output and standard error."""

import argparse
import sys
from pathlib import Path


def positive(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 100_000:
        raise argparse.ArgumentTypeError(f"expected a number above 0, not {text!r}")
    return number


def whole(text: str) -> int:
    """A whole number above 0."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 10_000_000):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, not {text!r}")
    return int(text)


def percent(text: str) -> int:
    """A whole number from 0 to 100."""
    if not (text.isascii() and text.isdigit() and int(text) <= 100):
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 100, not {text!r}")
    return int(text)


def new_file(text: str) -> Path:
    """A file that is to be written, in a folder that there is."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written")
    return path


def say(text: str) -> None:
    """Write a line to standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """Write a line about what is going on to standard error, at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
