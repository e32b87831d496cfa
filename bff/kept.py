"""What the gateway's cache keeps: aggregates and parts, each with how it is read and for how long it may be used."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from bff.aggregates.kind import AggregateKind
from bff.answer import read_absence, read_answer
from bff.forms import KEYED, OWNED, SINGLE
from bff.parts.form import Form
from bff.settings import GatewaySettings
from shared.cache.kind import Kind, Rules

_READY_BYTES: Final = 1_700
"""What an answer takes that has been sent a few times, besides its body."""


def kinds_kept(settings: GatewaySettings, aggregates: Sequence[AggregateKind]) -> Iterator[Kind]:
    """Every kind of entries; nothing lives longer than the settings say, whoever stored it."""
    ttl, stale, negative_ttl = settings.cache_ttl, settings.cache_stale, settings.cache_negative_ttl
    for aggregate in aggregates:
        yield Kind(
            aggregate.kept_as,
            there=Rules(partial(read_answer, aggregate), ttl, ttl, lambda _: _READY_BYTES),
            absent=Rules(read_absence, negative_ttl, negative_ttl) if negative_ttl else None,
            owned=True,
            shape=aggregate.schema,
        )
    for form in SINGLE:
        yield Kind(form.kind, Rules(_checked(form), ttl, stale), owned=form.kind in OWNED, shape=form.schema)
    for form in KEYED:
        yield Kind(
            form.kind,
            there=Rules(form.read, ttl, stale, form.weigh),
            absent=Rules(_read_unknown, negative_ttl, stale),
            shape=form.schema,
        )


def _checked(form: Form[Any]) -> Any:
    """Reads without keeping what is read: it is needed once or never, and takes several times as much."""

    def read(subject: str, data: bytes) -> None:
        form.read(subject, data)

    return read


def _read_unknown(_subject: str, data: bytes) -> None:
    if data:
        raise ValueError
