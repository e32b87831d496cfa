"""Where the parts of an aggregate come from, as a document tells it in ``metadata.parts``."""

from typing import Annotated, Final

import msgspec

from shared.errors import Reason

_Age = Annotated[float, msgspec.Meta(ge=0, description="Seconds since this was last known good.")]


class Fresh(msgspec.Struct, frozen=True, tag_field="status", tag="fresh"):
    """As current as answers out of the cache may be; an optional part that there is none of is null."""


class Stale(msgspec.Struct, frozen=True, tag_field="status", tag="stale"):
    """Last known good, because nothing current could be had."""

    age: _Age
    reason: Reason


class Partial(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="status", tag="partial"):
    """Some things are left out; an age is that of the oldest thing that is stale."""

    reason: Reason
    age: _Age | msgspec.UnsetType = msgspec.UNSET


class Missing(msgspec.Struct, frozen=True, tag_field="status", tag="missing"):
    """Could not be had: the part is null."""

    reason: Reason


SINGLE_PROVENANCE: Final = Fresh | Stale | Missing
KEYED_PROVENANCE: Final = Fresh | Stale | Partial | Missing
