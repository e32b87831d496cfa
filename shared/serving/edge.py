"""Builds the edge of an app from its settings, on what it needs: the pooled session, and the cache's Redis."""

from ipaddress import ip_address
from typing import Final

from shared.cache.cache import Cache
from shared.cache.quota_ledger import QuotaLedger
from shared.edge.addresses import ClientAddresses
from shared.edge.authenticator import Authenticator
from shared.edge.challenges import Challenges
from shared.edge.claims import TokenRules
from shared.edge.cors import Cors
from shared.edge.edge import Edge
from shared.edge.fetched_keys import FetchedKeys
from shared.edge.key_file import KeyFile
from shared.edge.key_source import KeySource
from shared.edge.keys import MAX_BYTES
from shared.edge.quotas import Quotas
from shared.edge.revocations import Revocations
from shared.edge.settings import EdgeSettings
from shared.edge.tokens import Verifier
from shared.http.content_coding import negotiate
from shared.observing.logs import log
from shared.serving.app import Resource
from shared.serving.reloading import Reload
from shared.settings.secret import Secret
from shared.upstream.document import document_at
from shared.upstream.transport.session import Session

_MAX_HASH_KEY: Final = 64
"""Bytes of a key that BLAKE2 takes."""


class BuiltEdge:
    """An edge, and what is open while it decides.

    Attributes:
        edge: decides.
        revocations: what is known to be revoked.
        keys: those that tokens are verified with; None where nobody is asked who they are.
        quotas: the rate limits.
        resources: all that is to be open.
        reloads: what is read again, or forgotten, when files may have changed.
    """

    def __init__(self, settings: EdgeSettings, session: Session, cache: Cache, admin: Secret) -> None:
        """``session`` fetches keys, and in the ``cache`` processes share their quotas; ``admin`` is the admin token."""
        if settings.auth == "off" and (settings.auth_issuer or not _is_loopback(settings.host)):
            log("warning", "nobody is asked who they are", "edge", setting="AUTH", host=settings.host)
        challenges = Challenges(settings.auth_resource)
        ledger = None if cache.redis is None else QuotaLedger(cache.redis, cache.keys)
        self.revocations = Revocations(settings.auth_revocation)
        self.quotas = Quotas(settings, ledger, settings.workers)
        self.keys = None if settings.auth == "off" else _keys(settings, session)
        self.edge = Edge(
            authenticator=(
                None if self.keys is None else Authenticator(Verifier(TokenRules.of(settings)), self.keys, challenges)
            ),
            challenges=challenges,
            revocations=self.revocations,
            quotas=self.quotas,
            addresses=ClientAddresses(settings.trusted_proxies or (), settings.proxy_header),
            negotiate=negotiate,
            cors=Cors(settings.cors_origins or ()),
            admin=admin,
            trust_trace=settings.trust_trace,
            diagnostics=settings.diagnostics_for,
            operations_public=settings.ops_public == "true",
            log_key=settings.auth_log_key.encode()[:_MAX_HASH_KEY],
        )
        self.reloads = [Reload("who has asked", self._forget)]
        if isinstance(self.keys, KeyFile):
            self.reloads.append(Reload("AUTH_JWKS_FILE", self.keys.reload))
        self.resources: list[Resource] = [self.quotas, *([] if self.keys is None else [self.keys])]

    def _forget(self) -> bool:
        """The admin token may be another one."""
        self.edge.forget()
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _keys(settings: EdgeSettings, session: Session) -> KeySource:
    if settings.auth_jwks_file:
        return KeyFile(settings.auth_jwks_file)
    fetch = document_at(session, settings.auth_jwks_url, MAX_BYTES)
    return FetchedKeys(fetch, settings.auth_jwks, settings.auth_jwks_cooldown)
