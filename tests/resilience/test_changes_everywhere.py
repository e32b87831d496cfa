"""What the sample services change is shown by every gateway, long before anything would have expired."""

import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.edge_on import shown_to
from tests.fixtures.processes import App, ending, free_port, wait_until
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.system import SERVICES

TOKEN = "the-token-of-events"
USER, PRODUCT = "user123", "prod1"
ORDER = {"user_id": USER, "items": [{"product_id": PRODUCT, "quantity": 1, "price": 9.5}]}


class Scene:
    """The services, telling of changes in Redis or by POST to the first of two gateways of two workers each."""

    def __init__(self, stack: ExitStack, folder: Path, redis: RedisServer, *, by_post: bool) -> None:
        ports = {name: free_port() for name in ("first", "second", *SERVICES)}
        to = {"EVENTS_URL": f"http://127.0.0.1:{ports['first']}/api/events", "EVENTS_TOKEN": TOKEN}
        telling = to if by_post else {"REDIS_URL": redis.url}
        urls = {f"{name[:-1].upper()}_SERVICE_URL": f"http://127.0.0.1:{ports[name]}" for name in SERVICES}
        settings = {"REDIS_URL": redis.url, "EVENTS_TOKEN": TOKEN, "CACHE_TTL_SECONDS": "3600", "WORKERS": "2", **urls}
        self.apps = {
            name: App(
                f"services.{name}", ports[name], {"DATABASE_URL": f"sqlite:///{folder / name}.db", **telling}, log
            )
            for name in SERVICES
            for log in [folder / f"{name}.log"]
        }
        self.gateways = [App("bff", ports[name], settings, folder / f"{name}.log") for name in ("first", "second")]
        every = [*self.apps.values(), *self.gateways]
        for app in every:
            stack.enter_context(ending(app))
            app.launch()
        for app in every:
            app.wait_ready()

    def change(self, service: str, method: str, path: str, body: object, **fields: str) -> None:
        """Send it to the service itself, which no gateway sees."""
        _sent(self.apps[service], method, path, body, fields)

    def wait_for(self, what: Callable[[Any], object], value: object) -> None:
        """Wait until each worker of each gateway shows it, as far as eight answers tell."""
        wait_until(lambda: all(what(one) == value for one in self._profiles()), f"{value} is not shown")

    def _profiles(self) -> Iterator[Any]:
        return (_sent(app, "GET", f"/api/profile/{USER}") for app in self.gateways for _ in range(4))


def _sent(app: App, method: str, path: str, body: object = None, fields: Mapping[str, str] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    head = {**shown_to(app.environment), "Content-Type": "application/json", **(fields or {})}
    with urllib.request.urlopen(
        urllib.request.Request(app.url + path, data, head, method=method), timeout=20
    ) as answer:
        return json.load(answer)


@pytest.fixture(params=["redis", "post"])
def scene(
    request: pytest.FixtureRequest, founded_data: Path, tmp_path: Path, redis_server: RedisServer
) -> Iterator[Scene]:
    """All of it, with databases of its own."""
    folder = shutil.copytree(founded_data, tmp_path / "databases")
    with ExitStack() as stack:
        yield Scene(stack, folder, redis_server, by_post=request.param == "post")


def _price(profile: Any) -> object:
    return profile["products"][PRODUCT]["price"]


def test_every_change_is_shown_everywhere(scene: Scene) -> None:
    """A name, a price and an order, one after another and again; what was shown before is not any more."""
    known = len(_sent(scene.gateways[0], "GET", f"/api/profile/{USER}")["orders"])
    for number in range(3):
        scene.change("users", "PATCH", f"/users/{USER}", {"full_name": f"Name {number}"})
        scene.wait_for(lambda profile: profile["user"]["full_name"], f"Name {number}")
        scene.change("products", "PATCH", f"/products/{PRODUCT}", {"price": 10.5 + number})
        scene.wait_for(_price, 10.5 + number)
        scene.change("orders", "POST", "/orders", ORDER, **{"Idempotency-Key": f"key-{number}"})
        scene.wait_for(lambda profile: len(profile["orders"]), known + number + 1)
