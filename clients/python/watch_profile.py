"""Shows one profile as it arrives, part by part: ``client.sh watch USER_ID``, from the gateway at GATEWAY_URL.

No generator makes streams. They come as JSON lines (``docs/streams.md``), which httpx reads and the generated types
decode.
"""

import json
import os
import sys
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx
from profile_gateway_client.models import Order, ProblemDetails, Product, User
from show_profile import UNKNOWN, UNREADABLE, connect, refusal

JSON_LINES: Final = "application/jsonl"


def told(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Each event by its name, with its data; empty lines say that the connection is alive, and nothing more."""
    for line in filter(None, response.iter_lines()):
        event = json.loads(line)
        yield event["event"], event["data"]


def summary(name: str, value: Any) -> str:
    """What a part holds, in a word or two; None is not the same as nothing."""
    if value is None:
        return UNKNOWN
    match name:
        case "user":
            return User.from_dict(value).full_name
        case "orders":
            return str(len([Order.from_dict(one) for one in value]))
        case "products":
            return str(len([Product.from_dict(one) for one in value.values()]))
        case _:
            return "?"


def lines(events: Iterator[tuple[str, Any]]) -> Iterator[str]:
    """A line an event; those of a later version are passed over."""
    for event, data in events:
        match event:
            case "begin":
                yield f"parts: {', '.join(data['parts'])}"
            case "part":
                yield f"{data['name']}: {summary(data['name'], data['value'])} ({data['provenance']['status']})"
            case "complete":
                yield "partial" if data["metadata"]["partial"] else "complete"
            case "end":
                yield f"end: {data['reason']}" if "problem" not in data else f"end: {data['problem']['detail']}"


def problem_of(response: httpx.Response) -> object:
    """Why there is no stream, if that can be read."""
    try:
        return ProblemDetails.from_dict(json.loads(response.read()))
    except UNREADABLE:
        return None


def main(arguments: list[str]) -> int:
    """Print the profile of the user who is named; 0 when all was told that there is."""
    if len(arguments) != 1:
        print("usage: client.sh watch USER_ID", file=sys.stderr)
        return 2
    url, path = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8000"), f"/api/profile/{quote(arguments[0], safe='')}"
    with connect(url, os.environ.get("ACCESS_TOKEN", "")) as client:
        try:
            with client.get_httpx_client().stream("GET", path, headers={"Accept": JSON_LINES}) as response:
                if response.headers.get("Content-Type", "").partition(";")[0] != JSON_LINES:
                    print(
                        refusal(problem_of(response), HTTPStatus(response.status_code), response.headers),
                        file=sys.stderr,
                    )
                    return 1
                for line in lines(told(response)):
                    print(line, flush=True)
        except (httpx.HTTPError, *UNREADABLE) as error:
            print(f"No stream of use from {url}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
