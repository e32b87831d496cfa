"""``POST /api/revocations``: from now on no process takes an access token, or what a subject had before."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType
from sanic import HTTPResponse, Request, Sanic

from bff.endpoints.admin import ADMIN, REVOKE
from shared import codec
from shared.cache.cache import Cache
from shared.edge.revocations import NoRoom, Revocation, Revocations
from shared.errors import ServiceUnavailable, Unprocessable
from shared.http import routing
from shared.http.index_route import Link
from shared.http.json_body import NO_JSON, decoded
from shared.http.openapi.operation import Answer, Body, Operation
from shared.http.openapi.vocabulary import CACHE_CONTROL
from shared.observing.logs import log

LOG: Final = "revocations"
"""By which processes tell each other."""
_PATH: Final = "/api/revocations"
_LATEST: Final = 4_102_444_800
"""The year 2100, in seconds since the epoch: what is later is in other units."""

_Claim = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,256}$(?!\n)")]


class RevocationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Either one token, by `jti`, or by `sub` those of a subject that were issued (`iat`) before an instant.

    Tokens issued in the very instant `not_before` are good, those without `iat` are not. It is now by default.
    """

    jti: _Claim | UnsetType = UNSET
    sub: _Claim | UnsetType = UNSET
    not_before: Annotated[float, Meta(ge=0, le=_LATEST, description="Seconds since the epoch.")] | UnsetType = UNSET


_Request = Annotated[
    RevocationRequest,
    Meta(
        extra_json_schema={
            "oneOf": [
                {"required": ["jti"], "properties": {"sub": False, "not_before": False}},
                {"required": ["sub"], "properties": {"jti": False}},
            ]
        }
    ),
]
_read = codec.decoder(RevocationRequest)
_ONE: Final = Unprocessable("Expected either `jti`, or `sub` with or without `not_before`.")
_ELSEWHERE: Final = ServiceUnavailable(
    "Revoked in this process. Others could not be told, because there is no Redis; they will be when it is back.",
    retry_after=2,
)
_NO_ROOM: Final = ServiceUnavailable(
    "Not revoked: as many are revoked as can be. There is room when earlier revocations have ended.", retry_after=60
)
_OPERATION: Final = Operation(
    "Revoke an access token, or all of a subject",
    ADMIN,
    (Answer(204, "Revoked, in every process.", headers=(CACHE_CONTROL,)),),
    problems=(NO_JSON, _ONE, _ELSEWHERE),
    body=Body(_Request, codec.encode(RevocationRequest(sub="user123", not_before=1_796_000_000))),
    access=REVOKE,
)


class RevocationRoutes:
    """The route."""

    links: Final = {"revoke": Link("POST", _PATH)}
    """By name, for the index."""

    def __init__(self, revocations: Revocations, cache: Cache, *, alone: bool) -> None:
        """``cache`` watches the log :data:`LOG` of these ``revocations``; ``alone`` there is no other process."""
        self._revocations = revocations
        self._cache = cache
        self._reaches_all = alone or cache.redis is not None

    def routes(self, app: Sanic[Any, Any]) -> None:
        """POST of ``/api/revocations``."""
        routing.post(app, _PATH, self._revoke, "revoke", _OPERATION)

    async def _revoke(self, request: Request) -> HTTPResponse:
        revocation = self._revocation(decoded(request.body, _read))
        try:
            self._revocations.add(revocation)
        except NoRoom:
            raise ServiceUnavailable(_NO_ROOM.detail, _NO_ROOM.retry_after) from None
        everywhere = await self._cache.append_to_log(LOG, revocation.to_bytes()) and self._reaches_all
        log("info", "tokens revoked", "edge", by=revocation.kind, everywhere=everywhere)
        if not everywhere:
            raise ServiceUnavailable(_ELSEWHERE.detail, _ELSEWHERE.retry_after)
        return routing.no_content()

    def _revocation(self, asked: RevocationRequest) -> Revocation:
        if (asked.jti is UNSET) == (asked.sub is UNSET) or not (asked.jti is UNSET or asked.not_before is UNSET):
            raise Unprocessable(_ONE.detail)
        now = self._revocations.clock()
        until = now + self._revocations.keep
        if asked.sub is UNSET:
            return Revocation.of_token(str(asked.jti), until)
        return Revocation.of_subject(str(asked.sub), now if asked.not_before is UNSET else asked.not_before, until)
