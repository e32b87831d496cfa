"""The settings of the edge, each beside its variable and default."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, ip_network
from typing import ClassVar, Final, Literal
from urllib.parse import urlsplit

from shared.edge.key_file import KEY_SET_FILE
from shared.edge.rate import RATE, Rate
from shared.settings import pem, values
from shared.settings.declared import Settings, setting
from shared.settings.values import Kind, Listed

_LOG_KEY_BYTES: Final = 16
UNIX: Final = "unix"
"""Stands among addresses for a client that is connected through a socket in the file system."""
_ALGORITHMS: Final = (
    *(f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)),
    "EdDSA",
    "Ed25519",
)
_WORD: Final = r"[\x21-\x2b\x2d-\x7e]{1,256}"
_media_type = re.compile(r"[A-Za-z0-9!#$&^_.+-]+(?:/[A-Za-z0-9!#$&^_.+-]+)?").fullmatch
_scheme = re.compile(r"[a-z][a-z0-9+.-]*").fullmatch
_MAPPED_BITS: Final = 96
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_query = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})+").fullmatch
LONGEST_SECONDS: Final = 7 * 86_400
"""For which a revocation is kept."""


def _token_type(text: str) -> str:
    if _media_type(text) is None:
        raise ValueError(text)
    return text.lower()


def _network(text: str) -> str:
    """As clients are told from others: without zone, and one that stands for IPv4 addresses as those."""
    if text == UNIX:
        return text
    network = ip_network(text)
    first = network.network_address
    if isinstance(first, IPv6Address):
        if first.scope_id is not None:
            raise ValueError(text)
        if first.ipv4_mapped is not None and network.prefixlen >= _MAPPED_BITS:
            return str(IPv4Network((first.ipv4_mapped, network.prefixlen - _MAPPED_BITS)))
    return str(network)


def _origin(text: str) -> str:
    """As browsers write it (RFC 6454 §6.2): in lower case, and without the usual port."""
    scheme, _, rest = text.lower().partition("://")
    parts = urlsplit(values.BASE_URL.parse(f"http://{rest}"))  # apps in web views have schemes of their own
    if _scheme(scheme) is None or not parts.hostname or parts.path:
        raise ValueError(text)
    host = f"[{IPv6Address(parts.hostname)}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{host}" if parts.port in {None, _USUAL_PORTS.get(scheme)} else f"{scheme}://{host}:{parts.port}"


def _document_url(text: str) -> str:
    address, mark, query = text.partition("?")
    values.BASE_URL.parse(address)
    if mark and _query(query) is None:
        raise ValueError(text)
    return text


DOCUMENT_URL: Final = Kind("an http:// or https:// address that can be looked up, without credentials", _document_url)
_CLAIM: Final = values.matching("the name of a claim", _WORD)
_VISIBLE: Final = values.matching("visible ASCII characters without a comma", _WORD)


@dataclass(frozen=True, kw_only=True)
class EdgeSettings(Settings):
    """Who asks, what they may, how often, from where, and in which form they are answered; durations in seconds."""

    reloads: ClassVar[bool] = True
    auth: str = setting(
        "AUTH",
        values.one_of("off", "jwt"),
        "off",
        "Whether clients have to show who they are: jwt asks each for a signed access token.",
    )
    auth_jwks_url: str = setting(
        "AUTH_JWKS_URL", DOCUMENT_URL, "", "Where the issuer publishes its keys (RFC 7517 §5)."
    )
    auth_jwks_file: str = setting("AUTH_JWKS_FILE", KEY_SET_FILE, "", "The issuer's keys in a file, instead of that.")
    auth_issuer: str = setting("AUTH_ISSUER", _VISIBLE, "", "Who issues the tokens: exactly their claim iss.")
    auth_audience: str = setting("AUTH_AUDIENCE", _VISIBLE, "", "Who they are for: among their claim aud.")
    auth_algorithms: Listed = setting(
        "AUTH_ALGORITHMS",
        values.listed(values.matching(f"some of {', '.join(_ALGORITHMS)}", "|".join(_ALGORITHMS))),
        "RS256,ES256,EdDSA",
        "What they may be signed with.",
    )
    auth_token_types: Listed = setting(
        "AUTH_TOKEN_TYPES",
        values.listed(Kind("types of tokens", _token_type)),
        "at+jwt,application/at+jwt",
        "Their typ in the header, in any case; none stands for those that have none.",
    )
    auth_subject_claim: str = setting(
        "AUTH_SUBJECT_CLAIM", _CLAIM, "sub", "The claim that says who somebody is, by the ids of the services."
    )
    auth_leeway: float = setting(
        "AUTH_LEEWAY_SECONDS", values.seconds(0, 600), "30", "How far clocks may differ where tokens begin and end."
    )
    auth_cache: float = setting(
        "AUTH_CACHE_SECONDS", values.seconds(0, 86_400), "300", "How long a verified token is remembered."
    )
    auth_jwks: float = setting(
        "AUTH_JWKS_SECONDS", values.seconds(1, 86_400), "300", "How often the issuer's keys are looked at again."
    )
    auth_jwks_cooldown: float = setting(
        "AUTH_JWKS_COOLDOWN_SECONDS",
        values.seconds(1, 86_400),
        "30",
        "How long after a look no other is taken because a token names an unknown key.",
    )
    auth_revocation: int = setting(
        "AUTH_REVOCATION_SECONDS",
        values.integer(1, LONGEST_SECONDS),
        "86400",
        "How long a revocation is kept; no shorter than tokens live.",
    )
    auth_resource: str = setting(
        "AUTH_RESOURCE",
        values.BASE_URL,
        "",
        "What clients reach this API at, for /.well-known/oauth-protected-resource (RFC 9728).",
    )
    auth_log_key: str = setting(
        "AUTH_LOG_KEY",
        values.TOKEN,
        "",
        "What subjects are hashed with for the log; another one at each start by default.",
        secret=True,
    )
    diagnostics: str = setting(
        "DIAGNOSTICS",
        values.one_of("owner", "all", "none"),
        "",
        "Who is told how an answer came about (Cache-Status, Age, Server-Timing); all with AUTH=off, else owner.",
    )
    rate_limit_user: Rate | Literal[""] = setting(
        "RATE_LIMIT_USER",
        RATE,
        "",
        "Requests of one subject, such as 100/60 for a hundred in a minute; empty for any number.",
    )
    rate_limit_address: Rate | Literal[""] = setting(
        "RATE_LIMIT_ADDRESS", RATE, "", "Requests of one address by clients who are not known; empty for any number."
    )
    rate_limit_failures: Rate | Literal[""] = setting(
        "RATE_LIMIT_FAILURES", RATE, "", "Refused tokens from one address; empty for any number."
    )
    trusted_proxies: Listed | Literal[""] = setting(
        "TRUSTED_PROXIES",
        values.listed(Kind("addresses, networks such as 10.0.0.0/8, or unix", _network)),
        "",
        "Whose word counts about the addresses of clients.",
    )
    proxy_header: str = setting(
        "PROXY_HEADER",
        values.one_of("x-forwarded-for", "forwarded"),
        "x-forwarded-for",
        "The field that they say it in.",
    )
    trust_trace: str = setting(
        "TRUST_TRACE",
        values.one_of("always", "proxies", "never"),
        "always",
        "Whose request ids and trace context are taken over.",
    )
    cors_origins: Listed | Literal[""] = setting(
        "CORS_ORIGINS",
        values.listed(Kind("origins such as https://app.example.org", _origin)),
        "",
        "Whose scripts in browsers may read answers (CORS).",
    )
    ops_host: str = setting("OPS_HOST", values.HOST, "127.0.0.1", "Address of the second listener.")
    ops_port: int | Literal[""] = setting(
        "OPS_PORT", values.integer(1, 65535), "", "Port of a second listener, for operations alone; empty for none."
    )
    ops_public: str = setting(
        "OPS_PUBLIC",
        values.one_of("true", "false"),
        "false",
        "Whether anybody may ask for metrics, cache statistics and details of health.",
    )
    tls_cert_file: str = setting("TLS_CERT_FILE", pem.CERTIFICATES, "", "Certificate (PEM) to serve HTTPS with.")
    tls_key_file: str = setting(
        "TLS_KEY_FILE", pem.KEY, "", "Its key (PEM, without a password), if that is in another file."
    )

    def __post_init__(self) -> None:
        """Make a key where none is set; all processes of one start have the same."""
        if not self.auth_log_key:
            object.__setattr__(self, "auth_log_key", secrets.token_hex(_LOG_KEY_BYTES))

    def conflicts(self) -> Iterator[str]:
        """Values that cannot be used together."""
        yield from super().conflicts()
        if self.auth == "jwt":
            if bool(self.auth_jwks_url) == bool(self.auth_jwks_file):
                yield "AUTH=jwt: expected one of AUTH_JWKS_URL and AUTH_JWKS_FILE"
            for name, value in {"AUTH_ISSUER": self.auth_issuer, "AUTH_AUDIENCE": self.auth_audience}.items():
                if not value:
                    yield f"AUTH=jwt: expected {name} as well"
        yield from pem.pair_conflicts("TLS_", self.tls_cert_file, self.tls_key_file)
        if self.ops_port == self.port:
            yield f"OPS_PORT={self.ops_port}: expected another port than PORT"

    @property
    def diagnostics_for(self) -> str:
        """Who is told how an answer came about: owner, all or none."""
        return self.diagnostics or ("all" if self.auth == "off" else "owner")
