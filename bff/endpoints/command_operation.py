"""What the route of a command declares: everything that the command says of itself."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from bff.commands.kind import AnyCommand
from shared import codec
from shared.edge.access import SIGNED_IN, Access
from shared.errors import Conflict, NotFound, OutcomeUnknown, RequestError, ServiceUnavailable, Shed, Unprocessable
from shared.http import idempotency_key
from shared.http.idempotency_key import BAD_KEY, HEADER
from shared.http.json_body import MERGE_PATCH, NO_JSON, other_type
from shared.http.load_shedder import RETRY_AFTER_SECONDS
from shared.http.openapi.operation import JSON, Answer, Body, Operation, Parameter, Tag, example_of
from shared.http.openapi.vocabulary import CACHE_CONTROL

COMMANDS: Final = Tag("commands", "What changes something: passed on to the service that does it.")
NOT_DONE: Final = ServiceUnavailable("Nothing was changed: the service cannot be asked at the moment.", retry_after=2)
_SHED: Final = Shed("Too many requests are being answered at the moment.", RETRY_AFTER_SECONDS)
_KINDS: Final = {400: Unprocessable, 404: NotFound, 409: Conflict, 422: Unprocessable}


def operation_of(command: AnyCommand) -> Operation:
    """The operation of a ``command``."""
    asked, answer = command.examples()
    done = "Done, and everything that shows it is outdated, in every process."
    return Operation(
        command.name.replace("_", " ").capitalize(),
        COMMANDS,
        [
            Answer(one, done, command.answer, headers=(CACHE_CONTROL,), examples=example_of(answer))
            for one in command.statuses
        ],
        problems=(*_problems(command), NOT_DONE, _SHED, unknown(command, keyed=command.wants_key)),
        parameters=(
            *(
                Parameter.in_path(name, command.id_type(name), asked.subject if name == command.subject else None)
                for name in command.route.parameters
            ),
            _key_parameter(command),
        ),
        body=Body(command.request, codec.encode(asked.body), media_types(command)),
        access=first_access(command),
        owned=(command.subject, command.id_type(command.subject)) if command.owner_in_path else None,
    )


def media_types(command: AnyCommand) -> tuple[str, ...]:
    """Of its bodies."""
    return MERGE_PATCH if command.method == "PATCH" else (JSON,)


def first_access(command: AnyCommand) -> Access | None:
    """What is needed for it as far as that can be told before the body is read."""
    access = command.access
    if access is None or command.owner_in_path or not access.owner:
        return access
    return replace(access, owner="") if access.scope else SIGNED_IN


def refusal(command: AnyCommand, status: int) -> RequestError:
    """What a client is told where the service declines by this ``status``."""
    return _KINDS[status](command.refusals[status])


def unknown(command: AnyCommand, *, keyed: bool) -> OutcomeUnknown:
    """What a client is told where the service may have done it; ``keyed`` if there was a key."""
    if keyed and command.repeatable:
        return OutcomeUnknown(
            f"It is not known whether this was done. Sent again with the same {HEADER}, it is done once."
        )
    return OutcomeUnknown("It is not known whether this was done. See what is there before sending it again.")


def _problems(command: AnyCommand) -> Iterator[RequestError]:
    yield from (command.id_type(name).refusal(name) for name in command.route.parameters)
    yield BAD_KEY
    yield NO_JSON
    yield other_type(media_types(command))
    yield Unprocessable("The body has another shape.")
    yield from (refusal(command, status) for status in sorted(command.refusals))


def _key_parameter(command: AnyCommand) -> Parameter:
    does = "however often it is sent, it is done once" if command.repeatable else "it is passed on"
    description = f"Names what is wanted, 1 to 255 visible ASCII characters such as a UUID: {does}."
    example = "8e03978e-40d5-43dd-bc93-6894a57f9324"
    return idempotency_key.parameter(description, example, required=command.wants_key)
