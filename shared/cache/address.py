"""Where Redis is: one node, a set watched by Sentinels, or a cluster, written as one address."""

from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio.connection import parse_url

from shared.settings.values import Kind, seconds

Mode = Literal["single", "sentinel", "cluster"]

_SCHEMES: Final[dict[str, tuple[Mode, str]]] = {
    "redis": ("single", "redis"),
    "rediss": ("single", "rediss"),
    "redis+sentinel": ("sentinel", "redis"),
    "rediss+sentinel": ("sentinel", "rediss"),
    "redis+cluster": ("cluster", "redis"),
    "rediss+cluster": ("cluster", "rediss"),
}
_USUAL_PORT: Final = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_SENTINEL: Final = ("sentinel_username", "sentinel_password")
_TLS: Final = ("ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile")
_CERT_REQS: Final = ("none", "optional", "required")
_REPLACED: Final = ("host", "port", "connection_class")
_TIMEOUT: Final = "socket_timeout"
_SECONDS: Final = seconds(0.01, 2.0)

REPLY_SECONDS: Final = 0.15
"""How long Redis has for an answer where its address does not say otherwise."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One Redis, in whatever mode it is run.

    Attributes:
        mode: how many nodes there are and who knows which of them is to be asked.
        hosts: host and port of the node, of the Sentinels, or of some nodes of the cluster.
        service: the name that the Sentinels know the set by.
        tls: whether connections are encrypted.
        options: further arguments of redis-py's connections: credentials, database, TLS files.
        sentinel_options: credentials for the Sentinels themselves.
        reply_seconds: how long a node has for an answer; after that it is taken for gone.
    """

    mode: Mode
    hosts: tuple[tuple[str, int], ...]
    service: str
    tls: bool
    options: dict[str, Any]
    sentinel_options: dict[str, Any]
    reply_seconds: float = REPLY_SECONDS


def parse(text: str) -> RedisAddress:
    """Read an address.

    Raises:
        ValueError: it is none.
    """
    scheme, _, rest = text.partition("://")
    if scheme not in _SCHEMES or "#" in text or any(c.isspace() for c in text):
        raise ValueError(scheme)
    mode, plain = _SCHEMES[scheme]
    before, _, query = rest.partition("?")
    netloc, _, path = before.partition("/")
    credentials, at, hosts = netloc.rpartition("@")
    addresses = tuple(_host(one, _USUAL_PORT[mode]) for one in hosts.split(","))
    if mode == "single" and len(addresses) > 1:
        raise ValueError(hosts)
    service, database = _service_and_database(mode, path)
    options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
    reply_seconds = _SECONDS.parse(options.pop(_TIMEOUT)) if _TIMEOUT in options else REPLY_SECONDS
    _check_options(options, {*(_TLS if plain == "rediss" else ()), *(_SENTINEL if mode == "sentinel" else ())})
    sentinel_options = {name.removeprefix("sentinel_"): options.pop(name) for name in _SENTINEL if name in options}
    parsed = parse_url(f"{plain}://{credentials}{at}localhost/{database}?{urlencode(options)}")
    connection = {name: value for name, value in parsed.items() if name not in _REPLACED}
    return RedisAddress(mode, addresses, service, plain == "rediss", connection, sentinel_options, reply_seconds)


def _service_and_database(mode: Mode, path: str) -> tuple[str, str]:
    words = path.split("/") if path else []
    service = words.pop(0) if mode == "sentinel" and words else ""
    database = words.pop(0) if words and mode != "cluster" else ""
    if words or (mode == "sentinel") != bool(service):
        raise ValueError(path)
    if database and not (database.isascii() and database.isdigit()):
        raise ValueError(database)
    return service, database


def _check_options(options: dict[str, str], known: set[str]) -> None:
    if not options.keys() <= known or "" in options.values():
        raise ValueError(sorted(options.keys() - known))
    if options.get("ssl_cert_reqs", "none") not in _CERT_REQS:
        raise ValueError(options["ssl_cert_reqs"])


def _host(text: str, usual_port: int) -> tuple[str, int]:
    url = urlsplit(f"//{text}")
    # Reading the port checks it: urlsplit itself accepts anything there.
    if not url.hostname or url.port == 0 or url.username is not None:
        raise ValueError(text)
    return url.hostname, url.port or usual_port


def _checked(text: str) -> str:
    parse(text)
    return text


REDIS_URL: Final = Kind(
    "redis://[user:password@]host[:port][/database], rediss:// for TLS, redis+sentinel://host[:port],…/service or "
    "redis+cluster://host[:port],…",
    _checked,
)
