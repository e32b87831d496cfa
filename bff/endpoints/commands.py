"""The routes of commands: read strictly, passed on to the service that does it, and made known before the answer."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

from bff.commands.kind import AnyCommand, Asked
from bff.endpoints.command_operation import NOT_DONE, media_types, operation_of, refusal, unknown
from shared import codec
from shared.deadline import Deadline
from shared.errors import ServiceUnavailable, UpstreamError
from shared.http import routing
from shared.http.exchange import Exchange, edge_of
from shared.http.idempotency_key import read_key
from shared.http.json_body import read_json
from shared.http.load_shedder import LoadShedder
from shared.observing import metrics
from shared.observing.logs import log
from shared.seen_through import SeenThrough
from shared.upstream.call import Call, Change, Send
from shared.upstream.reading import Accepted, Declined, checking_subject, json_or_declined

Outdate = Callable[[Sequence[str]], Awaitable[bool]]
"""Outdates what carries any of these tags; tells whether every process knows of it."""

_OUTCOMES: Final = ("done", "declined", "not_done", "unknown")


class CommandRoute:
    """The route of one command. Whoever leaves does not stop what was begun."""

    def __init__(
        self,
        command: AnyCommand,
        call: Send,
        outdate: Outdate,
        seen_through: SeenThrough,
        shedder: LoadShedder,
        *,
        budget: float,
    ) -> None:
        """``call`` asks the command's service; a request may take ``budget`` seconds."""
        self._command = command
        self._send = call
        self._outdate = outdate
        self._seen_through = seen_through
        self._shedder = shedder
        self._budget = budget
        self._media_types = media_types(command)
        self._read: Callable[[bytes], Any] = codec.decoder(command.request)
        read_answer = json_or_declined(command.answer, command.statuses, command.refusals)
        self._read_answer = checking_subject(read_answer, self._is_about)
        self._outcomes = {one: metrics.commands.labels(command.name, one) for one in _OUTCOMES}
        self._untold = metrics.commands_untold.labels(command.name)

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the route to ``app``."""
        command = self._command
        path = command.path.replace("{", "<").replace("}", ":str>")
        add = routing.patch if command.method == "PATCH" else routing.post
        add(app, path, self._answer, command.name, operation_of(command))

    async def _answer(self, request: Request, **parameters: str) -> HTTPResponse:
        command = self._command
        named = {name: command.id_type(name).checked(name, text) for name, text in parameters.items()}
        key = _of_caller(request, read_key(request, required=command.wants_key))
        asked = command.asked(named, read_json(request, self._read, self._media_types))
        self._check_owner(request, asked)
        exchange: Exchange = request.ctx.exchange
        deadline = Deadline(exchange.started + self._budget)
        path = command.target.filled(named)
        done = await self._seen_through(self._carry_out(asked, path, key, deadline))
        return routing.struct_response(done.value, done.status, {"Cache-Control": "no-store"})

    def _is_about(self, subject: str, got: Accepted | Declined) -> bool:
        return isinstance(got, Declined) or self._command.is_about(subject, got.value)

    def _check_owner(self, request: Request, asked: Asked[Any]) -> None:
        """Where the path tells whose it is, that was decided before."""
        command, edge, exchange = self._command, edge_of(request), request.ctx.exchange
        if command.owner_in_path or command.access is None or edge is None or exchange.caller is None:
            return
        refused = edge.owner_refusal(exchange.caller, command.access, asked.subject)
        if refused is not None:
            raise refused.with_traceback(None)

    async def _carry_out(self, asked: Asked[Any], path: str, key: str, deadline: Deadline) -> Accepted:
        command = self._command
        repeatable = command.repeatable and bool(key)
        change = Change(command.method, self._media_types[0], key, repeatable=repeatable)

        read = partial(self._read_answer, asked.subject)
        call = Call(path, read, deadline, codec.encode(asked.body), template=command.to, change=change)
        with self._shedder:
            try:
                got = await self._send(call)
            except UpstreamError as error:
                if _left_no_trace(error, change):
                    self._outcomes["not_done"].inc()
                    raise ServiceUnavailable(NOT_DONE.detail, NOT_DONE.retry_after) from None
                got = None
            if isinstance(got, Declined) and (got.status != 409 or change.sent == 1):
                self._outcomes["declined"].inc()
                raise refusal(command, got.status)
            await self._make_known(asked, got.value if isinstance(got, Accepted) else None)
        if isinstance(got, Accepted):
            self._outcomes["done"].inc()
            return got
        self._outcomes["unknown"].inc()
        raise unknown(command, keyed=bool(key))

    async def _make_known(self, asked: Asked[Any], answer: object) -> None:
        """What was changed stays changed, whoever cannot be told of it now."""
        command = self._command
        if not await self._outdate(command.tags(asked, answer)):
            self._untold.inc()
            log("warning", "command not known everywhere", "cache", command=command.name)


def _of_caller(request: Request, key: str) -> str:
    """The ``key`` as the service is told it: of each who is known their own, so that nobody can use up another's."""
    caller = request.ctx.exchange.caller
    if not key or caller is None or caller.principal is None:
        return key
    return blake2b(f"{caller.principal.key}\n{key}".encode(), digest_size=16).hexdigest()


def _left_no_trace(error: UpstreamError, change: Change) -> bool:
    """Whether the service has surely done nothing: it was not asked, or has declined by a status of 4xx."""
    return not change.sent or (change.sent == 1 and error.status is not None and 400 <= error.status < 500)
