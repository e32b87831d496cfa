"""What the route of an aggregate declares: everything that its kind says of it."""

from collections.abc import Mapping, Sequence
from typing import Final

from bff.document import document_type, examples
from bff.representation import Representation
from shared.errors import InvalidInput, NotAcceptable, NotFound, ServiceUnavailable, Shed
from shared.http.load_shedder import RETRY_AFTER_SECONDS
from shared.http.openapi.operation import Answer, Operation, Parameter, Tag
from shared.http.openapi.vocabulary import AGE, CACHE_CONTROL, CACHE_STATUS, ETAG, IF_NONE_MATCH, SERVER_TIMING, VARY
from shared.http.streams.event import FORMATS
from shared.http.streams.places import TOO_MANY

VIEW: Final = "view"
"""The query parameter that names a view."""
AGGREGATES: Final = Tag("aggregates", "What clients come for: put together from several services, and cached.")
_HEADERS: Final = (CACHE_CONTROL, CACHE_STATUS, AGE, ETAG, SERVER_TIMING, VARY)
_FOUND: Final = (
    "All there is of it, or what could be had: `metadata.parts` tells which part is stale or missing, and why. "
    "A document that is not whole has no `ETag` and is not to be stored."
)

VIEW_IN_ONE: Final = NotAcceptable("A view is given whole: it can be had as application/json.")
"""What is said of a view that is to come part by part."""
LIVE_IN_ONE: Final = NotAcceptable("What is live is a stream: it can be had as text/event-stream or application/jsonl.")
"""What is said of a document that is to stay open."""
LAST_EVENT_ID: Final = "last_event_id"
"""The query parameter of those who cannot set ``Last-Event-ID``."""
LIVE: Final = "live"
"""The query parameter of those whose stream is to stay open."""
_OF_STREAMS: Final = (
    Parameter(LIVE, "query", "Whether a stream stays open and tells of changes.", {"type": "boolean"}),
    Parameter("Last-Event-ID", "header", "The `id` of the state at hand, of a stream.", {"type": "string"}),
    Parameter(LAST_EVENT_ID, "query", "The same, where no field can be set.", {"type": "string"}),
)

_STREAMED: Final = (
    "As a stream: `begin`, a `part` for each as soon as it is known, `complete` with the metadata, `end`."
)


def operation_of(representations: Mapping[Representation, int]) -> Operation:
    """The operation of a kind in all its ``representations``, each with the seconds that it counts as current for."""
    kind = next(iter(representations)).kind
    views = [one.view for one in representations if one.view]
    return Operation(
        f"One {kind.name.replace('_', ' ')}",
        AGGREGATES,
        (
            *(
                Answer(200, _FOUND, document_type(one), headers=_HEADERS, examples=examples(one, ttl))
                for one, ttl in representations.items()
            ),
            Answer(200, _STREAMED, str, media_types=[one.media_type for one in FORMATS], headers=(CACHE_CONTROL, VARY)),
            Answer(204, "A stream of the state with this id would tell nothing new.", headers=(CACHE_CONTROL, VARY)),
            Answer(304, "The document at hand is still good.", headers=_HEADERS),
        ),
        problems=(
            kind.id_type.refusal(kind.parameter),
            *([view_refusal(views)] if views else []),
            NotFound(f"There is no such {kind.subject}."),
            LIVE_IN_ONE,
            *([VIEW_IN_ONE] if views else []),
            ServiceUnavailable("Nothing of it can be had at the moment.", retry_after=2),
            Shed("Too many requests are being answered at the moment.", RETRY_AFTER_SECONDS),
            TOO_MANY,
        ),
        problem_headers={NotFound: (CACHE_STATUS, AGE), ServiceUnavailable: (CACHE_STATUS,)},
        parameters=(
            Parameter.in_path(kind.parameter, kind.id_type, kind.example_id),
            *([_view_parameter(views)] if views else []),
            IF_NONE_MATCH,
            *_OF_STREAMS,
        ),
        access=kind.access,
        owned=(kind.parameter, kind.id_type),
    )


def view_refusal(views: Sequence[str]) -> InvalidInput:
    """What is said of a view that is none of these."""
    if not views:
        return InvalidInput(f"There is no {VIEW} of this.")
    return InvalidInput(f"{VIEW} must be {' or '.join(views)}, once, or be left out.")


def _view_parameter(views: Sequence[str]) -> Parameter:
    description = "A reduction for a kind of client; everything without one."
    return Parameter(VIEW, "query", description, {"type": "string", "enum": [*views]})
