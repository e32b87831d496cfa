"""Types for the fields of what services send, beyond those of Python.

Only the fields of a shape pass: whatever else a service sends is dropped, so that nothing is published by accident.
"""

from typing import Annotated, Final

import msgspec

_EXACT: Final = 2**53 - 1
"""Whole numbers beyond this are another number to many who read JSON (RFC 8259 §6)."""

SafeInteger = Annotated[int, msgspec.Meta(ge=-_EXACT, le=_EXACT)]
"""A whole number that everybody reads as the same."""
