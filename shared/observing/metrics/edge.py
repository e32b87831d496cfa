"""Metrics of who is let in: quotas, tokens and their keys, revocations, the certificate."""

from typing import Final

from shared.observing.metrics.prometheus import QuickCounter, highest_gauge, lowest_gauge, total_gauge

rate_limited: Final = QuickCounter("rate_limited_total", "Requests refused because a quota was used up.", ["policy"])
rate_limit_leases: Final = QuickCounter(
    "rate_limit_leases_total", "Leases of quotas that were asked for in Redis.", ["policy", "outcome"]
)
LEASE_OUTCOMES: Final = ("granted", "exhausted", "unavailable")
"""What becomes of the question for a lease."""
rate_limit_subjects: Final = total_gauge(
    "rate_limit_subjects", "Subjects that have spent something of a quota.", ["policy"]
)
auth_refused: Final = QuickCounter(
    "auth_refused_total", "Requests refused because of their access token, or the lack of one.", ["reason"]
)
auth_keys: Final = lowest_gauge(
    "auth_keys", "Keys that tokens can be verified with, by where they come from.", ["source"]
)
auth_keys_fetched: Final = lowest_gauge(
    "auth_keys_fetched_timestamp_seconds",
    "When these keys were last read from there, in seconds since the epoch.",
    ["source"],
)
auth_key_fetches: Final = QuickCounter(
    "auth_key_fetches_total", "Attempts to read these keys from there.", ["source", "outcome"]
)
auth_revocations_known: Final = highest_gauge(
    "auth_revocations_known", "Revocations that the worker which knows most of them knows of.", ["kind"]
)
auth_revocations: Final = QuickCounter(
    "auth_revocations_total",
    "Revocations of tokens that a worker has come to know of, or had no room for.",
    ["kind", "outcome"],
)
tls_certificate_expires: Final = lowest_gauge(
    "tls_certificate_expires_timestamp_seconds",
    "When the certificate that clients are shown ends, in seconds since the epoch.",
    ["certificate"],
)
