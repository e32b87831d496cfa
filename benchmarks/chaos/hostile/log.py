"""What the gateway has written: every line is a JSON object, none tells of a fault of its own or of what is secret."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from benchmarks.chaos.hostile import truth
from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.forgeries import SUBJECT
from benchmarks.chaos.hostile.honest import ADMIN_TOKEN
from benchmarks.chaos.hostile.watch import ABORTED

_FIELDS: Final = frozenset(("timestamp", "level", "event", "logger", "service"))
_FAULTS: Final = (
    "unexpected error", "loop error", "Traceback", "never retrieved", "was destroyed", "never awaited",
    "ResourceWarning",
)  # fmt: skip
_SECRETS: Final = (f"@{truth.MAIL}", ADMIN_TOKEN, "Full Name of", "All about", SUBJECT)
_is_told_of_a_token = re.compile(r"eyJ|[A-Za-z0-9_-]{40}").search
"""JSON in base64url, or so much of anything as no other word has: half of a signature."""


def hold(log: Path, failures: Failures) -> Counter[str]:
    """Hold every line against that, up to where a worker was aborted; how many there are of each level above info."""
    levels: Counter[str] = Counter()
    with log.open("rb") as lines:
        for line in lines:
            if line.startswith(ABORTED):
                break
            for kind, what in _complaints(line, levels):
                failures.add(kind, what, body=line)
    return levels


def _complaints(line: bytes, levels: Counter[str]) -> Iterator[tuple[str, str]]:
    text = line.decode("utf-8", "replace")
    try:
        document = orjson.loads(line)
        if _FIELDS - document.keys():
            yield "an odd line in the log", f"without {sorted(_FIELDS - document.keys())}"
        elif document["level"] not in {"debug", "info"}:
            levels[f"{document['level']}: {document['event'][:60]}"] += 1
        place = f"{document.get('error')} in {document.get('frames', [''])[-1]}"
    except (ValueError, AttributeError):
        yield "an odd line in the log", "no JSON object"
        place = ""
    found = [fault for fault in _FAULTS if fault in text]
    if found:
        yield "a fault in the log", f"{place} ({found[0]})"
    if any(secret in text for secret in _SECRETS) or _is_told_of_a_token(text):
        yield "a secret in the log", "what nobody may read there"
