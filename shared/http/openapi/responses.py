"""The answers and problems of an operation as the responses of a document."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import orjson

from shared import codec
from shared.http import problems
from shared.http.openapi import vocabulary
from shared.http.openapi.components import Components, Node
from shared.http.openapi.operation import Answer, Header, Operation
from shared.http.openapi.security import Security
from shared.http.problems import CONTENT_TYPE, Problem, ProblemDetails

_REQUEST_ID: Final = "9f86d081884c4d639b1f0c1f6d2c7a5e"
_PROBLEM_HEADERS: Final = {header.name: header for header in vocabulary.PROBLEM_HEADERS}

_Kinds = Mapping[Problem, str]
"""Kinds of problems, each with a sentence that explains one."""


def responses(operation: Operation, path: str, components: Components, security: Security) -> Node:
    """By status what ``operation`` answers at the ``path`` of an example, and what any route may answer besides."""
    errors = [*security.problems(operation.access, operation.credentials), *operation.problems]
    beside = [*security.headers()]
    own = {problems.of(error): error.detail for error in errors}
    kinds_of: defaultdict[int, dict[Problem, str]] = defaultdict(dict)
    for problem, detail in {**own, **problems.ON_EVERY_ROUTE}.items():
        kinds_of[problem.status][problem] = detail
    written: Node = {}
    for status in sorted({*kinds_of, *(answer.status for answer in operation.answers)}):
        kinds = kinds_of.get(status, {})
        answers = [answer for answer in operation.answers if answer.status == status]
        raised = [type(error) for error in errors if problems.of(error).status == status]
        if answers or raised:
            further = [header for kind in raised for header in operation.problem_headers.get(kind, ())]
            written[str(status)] = _response(answers, kinds, path, components, further=further, beside=beside)
        else:
            name = "Or".join(problem.title.title().replace(" ", "") for problem in kinds)
            written[str(status)] = components.response(name, _response([], kinds, "/", components, beside=beside))
    return written


def _response(
    answers: Sequence[Answer],
    kinds: _Kinds,
    path: str,
    components: Components,
    *,
    further: Iterable[Header] = (),
    beside: Iterable[Header],
) -> Node:
    """``further`` are header fields of some problems, ``beside`` those that any answer may have."""
    headers = [*vocabulary.COMMON_HEADERS, *(header for answer in answers for header in answer.headers), *further]
    content = _bodies(answers, components)
    if kinds:
        headers += [vocabulary.CACHE_CONTROL]
        content[CONTENT_TYPE] = {
            "schema": components.schema(ProblemDetails),
            "examples": {
                problem.slug: {
                    "summary": problem.title,
                    "value": orjson.loads(codec.encode(problem.details(detail, path, _REQUEST_ID))),
                }
                for problem, detail in kinds.items()
            },
        }
    written = {header.name: components.header(header) for header in headers}
    for name in dict.fromkeys(name for problem in kinds for name in problem.headers):
        always = all(name in problem.headers for problem in kinds)
        written[name] = components.header(_PROBLEM_HEADERS[name], always=always)
    for header in beside:
        written.setdefault(header.name, components.header(header, always=False))
    said = [answer.description for answer in answers] + [f"{problem.title}." for problem in kinds]
    response: Node = {"description": " ".join(dict.fromkeys(said)), "headers": written}
    return response | ({"content": content} if content else {})


def _bodies(answers: Iterable[Answer], components: Components) -> Node:
    """By media type what the body may be: anything that one of the answers has there."""
    bodies: Node = {}
    for answer in answers:
        for media_type in answer.media_types if answer.body is not None else ():
            body = bodies.setdefault(media_type, {"schema": {"anyOf": []}, "examples": {}})
            body["schema"]["anyOf"].append(components.schema(answer.body))
            body["examples"] |= {name: {"value": orjson.loads(one)} for name, one in answer.examples.items()}
    return {media_type: _plain(body) for media_type, body in bodies.items()}


def _plain(body: Node) -> Node:
    """``body`` without what only one alternative, or no example, makes needless."""
    alternatives = body["schema"]["anyOf"]
    written = {"schema": alternatives[0] if len(alternatives) == 1 else body["schema"]}
    return written | ({"examples": body["examples"]} if body["examples"] else {})
