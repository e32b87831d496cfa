"""What the routes of test apps declare."""

from typing import Any

from shared import ids
from shared.http.openapi.operation import Answer, Operation, Parameter
from shared.http.openapi.vocabulary import OPERATIONS


def operation(*parameters: str) -> Operation:
    """Some JSON for whoever asks, with these parameters in the path."""
    answers = (Answer(200, "Some JSON.", dict[str, Any]),)
    in_path = [Parameter.in_path(name, ids.TEXT) for name in parameters]
    return Operation("Something", OPERATIONS, answers, parameters=in_path)
