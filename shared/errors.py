"""Every error the kit and the apps raise on purpose.

    KitError
    ├── SettingsError            the environment does not describe a runnable process
    ├── DeclarationError         what an app declares contradicts itself; it cannot be started
    ├── RequestError             an answer to the client; status and title come from ``shared.http.problems``
    │   ├── InvalidInput             400
    │   ├── AccessRefused            with WWW-Authenticate (RFC 6750)
    │   │   ├── InvalidAuthorization     400
    │   │   ├── Unauthorized             401
    │   │   └── Forbidden                403
    │   ├── NotFound                 404
    │   ├── NotAcceptable            406
    │   ├── Conflict                 409
    │   ├── UnsupportedMediaType     415, with Accept
    │   ├── Unprocessable            422
    │   ├── TooManyRequests          429, with Retry-After
    │   ├── ServiceUnavailable       503, with Retry-After
    │   │   └── Shed                     the same, because there is too much to do
    │   └── OutcomeUnknown           504
    ├── NotOpen, NoRedis         nobody has a cache to give, or no Redis (``shared.cache.tiered``)
    ├── NoRoom                   too many tokens are revoked (``shared.edge.revocations``)
    ├── LookupFailed             nobody can tell where a service is (``shared.upstream.lookup.failure``)
    ├── NotPermitted             the Redis user lacks what only this call needs (``shared.cache.links``)
    └── UpstreamError            a named service could not give its part; carries a ``Reason``
        ├── AttemptTimeout           timeout
        ├── Unreachable              unavailable
        │   └── NotConnected             the same, because nobody listens there
        ├── BadResponse              bad_response
        │   ├── WrongSubject             the same, because it is about something else than was asked for
        │   └── Refused                  the same, because the service does not take the question
        ├── CircuitOpen              circuit_open
        ├── Overloaded               overloaded
        └── NoBudget                 no_budget

Exceptions of libraries are turned into these in one place each: aiohttp's in
``shared.upstream.transport.transport``, redis-py's in ``shared.cache.redis_client`` (see ``shared.cache.supervisor``).
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

Reason = Literal["timeout", "unavailable", "bad_response", "circuit_open", "overloaded", "no_budget", "too_many"]
"""Why a part is not what it should be; all but ``too_many`` are reasons of calls."""


class KitError(Exception):
    """Root of the tree."""


class SettingsError(KitError):
    """The environment holds values that cannot be used; ``mistakes`` has one line for each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class DeclarationError(KitError):
    """What an app is made of cannot be what is meant, such as two things of one name; the text is one sentence."""


class RequestError(KitError):
    """A request that cannot be answered as asked; ``detail`` is written for the client."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class InvalidInput(RequestError):
    """A path, query or body that is not well formed."""


class AccessRefused(RequestError):
    """A request that its bearer token, or the lack of one, does not allow (RFC 6750 §3).

    ``challenge`` is the value of ``WWW-Authenticate``.
    """

    def __init__(self, detail: str, challenge: str = "Bearer") -> None:
        self.challenge = challenge
        super().__init__(detail)


class InvalidAuthorization(AccessRefused):
    """An ``Authorization`` field that is not well formed."""


class Unauthorized(AccessRefused):
    """A route that needs a token, asked without it or with one that is not accepted."""


class Forbidden(AccessRefused):
    """A token that is accepted and does not allow this."""


class NotFound(RequestError):
    """The thing asked for does not exist."""


class NotAcceptable(RequestError):
    """A thing that there is, but in no form that the client takes."""


class Conflict(RequestError):
    """A wish that does not fit the state in which things are."""


class UnsupportedMediaType(RequestError):
    """A body of another type than those ``accepted``, which is the value of ``Accept`` (RFC 9110 §15.5.16)."""

    def __init__(self, detail: str, accepted: str) -> None:
        self.accepted = accepted
        super().__init__(detail)


class Unprocessable(RequestError):
    """A well formed body of the wrong shape."""


class TooManyRequests(RequestError):
    """Somebody has used up a quota; ``retry_after`` is in whole seconds, ``fields`` go into the head besides."""

    def __init__(self, detail: str, retry_after: int, fields: Mapping[str, str]) -> None:
        self.retry_after = retry_after
        self.fields = fields
        super().__init__(detail)


class ServiceUnavailable(RequestError):
    """Nothing can be given at the moment; ``retry_after`` is in whole seconds."""

    def __init__(self, detail: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class Shed(ServiceUnavailable):
    """Too much is being done already; ``retry_after`` is in whole seconds."""


class OutcomeUnknown(RequestError):
    """Something that a service may have done or not; its answer has not come, or is of no use."""


class UpstreamError(KitError):
    """A call to a service gave nothing usable.

    Attributes:
        reason: as clients see it.
        outcome: as metrics tell it.
        is_failure: whether it speaks against the service; a breaker counts it then.
        retryable: whether another attempt may do better.
        at_once: whether that attempt need not wait.
        retry_after: seconds that the service has asked to be left alone for.
        status: of its answer, where it is the status that says so.
        rest: of an answer about several things what is usable all the same; None when nothing is.
        instance: of the service, that it comes from; None where the service has one address.
    """

    reason: ClassVar[Reason]
    outcome: ClassVar[str]
    speaks_against_service: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        """The outcome is the reason where a class does not say otherwise."""
        super().__init_subclass__()
        cls.outcome = cls.__dict__.get("outcome", cls.reason)

    def __init__(
        self,
        detail: str,
        *,
        is_failure: bool | None = None,
        retryable: bool = False,
        at_once: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
        rest: Mapping[str, Any] | None = None,
    ) -> None:
        self.is_failure = self.speaks_against_service if is_failure is None else is_failure
        self.retryable = retryable
        self.at_once = at_once
        self.retry_after = retry_after
        self.status = status
        self.rest = rest
        self.instance: Any = None
        super().__init__(detail)


class AttemptTimeout(UpstreamError):
    """The service did not answer within the attempt's time."""

    reason = "timeout"


class Unreachable(UpstreamError):
    """No connection, a broken one, or a status by which the service says it cannot (5xx)."""

    reason = "unavailable"


class NotConnected(Unreachable):
    """No connection could be made."""


class BadResponse(UpstreamError):
    """An answer that breaks the contract: status, type, size, syntax or shape."""

    reason = "bad_response"


class WrongSubject(BadResponse):
    """An answer about somebody or something else than was asked for."""

    outcome = "wrong_subject"


class Refused(BadResponse):
    """A status by which the service itself says that it does not take what it was asked: 400, 404, 413 or 422."""

    speaks_against_service = False


class CircuitOpen(UpstreamError):
    """The breaker keeps the call away from a service that has been failing."""

    reason = "circuit_open"
    speaks_against_service = False


class Overloaded(UpstreamError):
    """No slot for the call, or the service says 429."""

    reason = "overloaded"
    speaks_against_service = False


class NoBudget(UpstreamError):
    """Too little time is left in the request's deadline to try."""

    reason = "no_budget"
    speaks_against_service = False


OUTCOMES: Final = tuple(
    kind.outcome for kind in (AttemptTimeout, Unreachable, BadResponse, WrongSubject, CircuitOpen, Overloaded, NoBudget)
)
"""Every way in which a call may fail, as metrics tell it."""
