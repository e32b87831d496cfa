"""The edge: who is not let in and why, keys that tokens are verified with, revocations, rate limits, connections."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from deploy.dashboards import links
from deploy.dashboards.blocks import lines, number
from deploy.dashboards.frame import GATEWAYS, Section, board
from deploy.dashboards.look import Limit, Query
from deploy.dashboards.promql import CLIENTS, GATEWAY, rate, share, total

PLACE: Final = links.EDGE

_REQUESTS: Final = "http_requests_total"
_KEYS: Final = f"auth_keys{{{GATEWAY}}}"
_KEYS_AGE: Final = f'time() - min by (instance) (auth_keys_fetched_timestamp_seconds{{{GATEWAY}, source="url"}} > 0)'
_OLD: Final = (Limit(3_600, "orange"), Limit(43_200, "red"))
"""Ages of keys in seconds; after a day they count no more."""
_DAY: Final = 86_400


def dashboard() -> model.Dashboard:
    """The edge of the gateways that are chosen."""
    return board(
        PLACE,
        "Who is not let in and why, the keys that tokens are verified with, revocations, rate limits and connections.",
        (GATEWAYS,),
        (_glance(), _refused(), _keys(), _quotas(), _connections()),
    )


def _of_requests(labels: str) -> str:
    return share(rate(_REQUESTS, f"{CLIENTS}, {labels}"), rate(_REQUESTS, CLIENTS))


def _glance() -> Section:
    return Section(
        "Edge at a glance",
        (
            number(
                "Refused",
                "percentunit",
                "Share of clients' requests that were answered with 401, 403 or 429.",
                Query(_of_requests('status=~"401|403|429"'), "refused"),
                span=6,
                height=4,
                limits=(Limit(0.1, "orange"), Limit(0.5, "red")),
            ),
            number(
                "Tokens not accepted",
                "reqps",
                "Requests a second with a token that cannot be read or is not accepted.",
                Query(rate("auth_refused_total", f'{GATEWAY}, reason=~"malformed|invalid"'), "not accepted"),
                span=6,
                height=4,
                alert="TokensRefused",
            ),
            number(
                "Keys",
                "none",
                "Keys that tokens can be verified with, of the gateway that has fewest. Without keys nobody is let in,"
                " and the gateway is not ready. Only with AUTH=jwt.",
                Query(f"min({_KEYS})", "keys"),
                span=6,
                height=4,
                base="red",
                limits=(Limit(1, "green"),),
                alert="SigningKeysMissing",
            ),
            number(
                "Age of the keys",
                "s",
                "How long ago they were fetched from AUTH_JWKS_URL, on the gateway where that is longest. They are"
                " fetched every AUTH_JWKS_SECONDS (300) and count for a day. For keys from a file there is none.",
                Query(f"max({_KEYS_AGE})", "age"),
                span=6,
                height=4,
                limits=_OLD,
                alert="SigningKeysOld",
            ),
        ),
    )


def _refused() -> Section:
    statuses = {"401": "not known", "403": "not allowed", "429": "too many"}
    return Section(
        "Refused requests",
        (
            lines(
                "Refused by status",
                "reqps",
                "Requests of clients a second that were answered with 400, 401, 403 or 429. A 400 may be about another"
                " field than the token.",
                Query(rate(_REQUESTS, f'{CLIENTS}, status=~"400|401|403|429"', by="status"), "{{status}}"),
            ),
            lines(
                "Share refused",
                "percentunit",
                "Shares of clients' requests: who asks was not known (401), known and not allowed to have it (403), or"
                " asked too often (429).",
                *(
                    Query(_of_requests(f'status="{status}"'), f"{status} {meaning}")
                    for status, meaning in statuses.items()
                ),
                at_most=1,
            ),
            lines(
                "Refused by reason",
                "reqps",
                "Requests a second that were refused because of their token: there was none (absent), it cannot be"
                " read (malformed), is not accepted (invalid), does not allow this (forbidden), or there are no keys to"
                " tell by (undecided).",
                Query(rate("auth_refused_total", by="reason"), "{{reason}}"),
                alert="TokensRefused",
            ),
        ),
    )


def _keys() -> Section:
    return Section(
        "Keys and revocations",
        (
            lines(
                "Signing keys",
                "short",
                "Keys that tokens can be verified with, by gateway; of several workers those of the one that has"
                " fewest. One more than usual is a key that will sign soon, or has signed.",
                Query(f"min by (instance, source) ({_KEYS})", "{{instance}} {{source}}"),
                span=6,
                alert="SigningKeysMissing",
            ),
            lines(
                "Key fetches",
                "cps",
                "Attempts a second to read the keys, by where they come from. One that fails leaves those of before,"
                " and is followed by others.",
                Query(rate("auth_key_fetches_total", by="source, outcome"), "{{source}} {{outcome}}"),
                span=6,
                alert="SigningKeysOld",
            ),
            lines(
                "Revocations in force",
                "short",
                "Single tokens (jti) and subjects (sub) that are revoked, as the worker knows it that knows most of"
                " them. There is room for 100,000 of each.",
                Query(f"max by (kind) (auth_revocations_known{{{GATEWAY}}})", "{{kind}}"),
                span=6,
                limits=(Limit(80_000, "orange"), Limit(100_000, "red")),
                alert="RevocationsLost",
            ),
            lines(
                "Revocations",
                "cps",
                "Revocations a second that workers came to know of, each worker by itself (added), or had no room for.",
                Query(rate("auth_revocations_total", by="kind, outcome"), "{{kind}} {{outcome}}"),
                span=6,
                alert="RevocationsLost",
            ),
        ),
    )


def _quotas() -> Section:
    return Section(
        "Rate limits",
        (
            lines(
                "Refused by rate limit",
                "reqps",
                "Requests a second that were answered with 429, by the limit that was used up: of a subject (user), of"
                " an address (address), of refused tokens from an address (failures). Only those that are set.",
                Query(rate("rate_limited_total", by="policy"), "{{policy}}"),
            ),
            lines(
                "Leases by outcome",
                "ops",
                "Parts of quotas a second that processes asked Redis for. Exhausted: nothing was left in this window."
                " Unavailable: Redis could not tell, so that each process spends its own share.",
                Query(rate("rate_limit_leases_total", by="policy, outcome"), "{{policy}} {{outcome}}"),
                alert="QuotasNotShared",
                more=links.REDIS,
            ),
            lines(
                "Subjects counted",
                "short",
                "Subjects and addresses that have spent something of a quota in this window, all workers together."
                " Each worker has room for 100,000 of each limit.",
                Query(total("rate_limit_subjects", by="policy"), "{{policy}}"),
            ),
        ),
    )


def _connections() -> Section:
    return Section(
        "Client connections",
        (
            lines(
                "Connections",
                "short",
                "Connections of clients, by gateway. The bound is MAX_CONNECTIONS for each worker.",
                Query(total("http_connections", by="instance"), "{{instance}}"),
            ),
            lines(
                "Connections ended or refused",
                "cps",
                "Connections a second that were ended because they were idle and others wanted in, and that were"
                " refused because all were taken and busy.",
                Query(rate("http_connections_ended_total"), "ended"),
                Query(rate("http_connections_refused_total"), "refused"),
                limits=(Limit(0.1, "red"),),
                alert="ConnectionsRefused",
            ),
            lines(
                "Certificate ends in",
                "s",
                "How long the certificate is good that clients are shown; of several workers the one that ends first."
                " Only with TLS_CERT_FILE.",
                Query(
                    f"min by (instance) (tls_certificate_expires_timestamp_seconds{{{GATEWAY}}}) - time()",
                    "{{instance}}",
                ),
                base="red",
                limits=(Limit(_DAY, "orange"), Limit(7 * _DAY, "green")),
                at_least=None,
                alert="CertificateEnds",
            ),
        ),
    )
