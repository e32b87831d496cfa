"""Pieces of HTTP's grammar that several parsers share (RFC 9110)."""

from typing import Final

TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
"""What methods and names of fields are made of (RFC 9110 §5.6.2)."""
HOST: Final = r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]{0,5})?"
"""What ``Host`` may say; it may be empty (RFC 9110 §7.2)."""
WEIGHT: Final = r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?"
"""What ``q`` may say (RFC 9110 §12.4.2)."""
