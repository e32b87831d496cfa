"""Percent-encoded path segments that are no identifiers."""

BAD_IDS = (
    "a%00b",
    "user123%0A",
    "a%20b",
    "a%2Fb",
    "%FF",
    "%C3%BC",
    "%F0%9F%98%80",
    "%EF%BC%91",
    "'%20OR%20'1'='1",
    "user.123",
    "a" * 65,
    "9" * 4000,
)
