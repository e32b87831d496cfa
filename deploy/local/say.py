"""Where words for the person go."""

import contextlib
import sys


def say(line: str = "") -> None:
    """Show a line at once; a reader or a terminal that has gone away is not an error."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
