"""Clients generated from the document of this checkout compile, and their examples tell what the gateway does."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Client, Clients
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer
from tests.fixtures.processes import free_port, wait_until
from tests.fixtures.system import StartSystem, System

pytestmark = pytest.mark.node

LANGUAGES = pytest.mark.parametrize("language", ["typescript", "python"])
MODULES = shutil.ignore_patterns("node_modules")
METHODS = {"get", "put", "post", "delete", "patch"}
ORDERS = [
    "  order456, shipped, 79.85: 1 x Espresso Cups, 1 x Wireless Mouse",
    "  order123, delivered, 1059.89: 1 x Laptop Pro 14, 2 x Wireless Mouse",
]
CHANGES_FOUND = {
    "typescript": ["Argument of type 'string' is not assignable to parameter of type 'number'", "type 'never'"],
    "python": ['No overload variant of "round" matches argument type "str"', 'Argument 1 to "provenance"'],
}


def _told(client: Client, system: System, user_id: str, token: str = "") -> list[str]:
    """What its example prints of a profile, be it partial: that is no failure."""
    ended = client.run("start", user_id, GATEWAY_URL=system.gateway.url, ACCESS_TOKEN=token)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def _refused(client: Client, url: str, user_id: str, token: str = "") -> str:
    """What its example says when there is no profile."""
    ended = client.run("start", user_id, GATEWAY_URL=url, ACCESS_TOKEN=token)
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


def test_there_is_a_call_for_each_operation(clients: Clients) -> None:
    """None is left out because a generator cannot express it."""
    document = json.loads((clients.folder / "openapi.json").read_text())
    types = (clients.typescript.folder / "generated/gateway.d.ts").read_text()
    calls = clients.python.folder / "generated/profile_gateway_client/api"
    for path, item in document["paths"].items():
        assert f'    "{path}": {{' in types
        for operation in (item[method] for method in METHODS & item.keys()):
            assert f"    {operation['operationId']}: {{" in types
            assert (calls / operation["tags"][0] / f"{operation['operationId']}.py").exists()


@LANGUAGES
def test_the_example_is_of_the_types_generated(clients: Clients, language: str) -> None:
    """Checked strictly."""
    checked = clients.by_language[language].run("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@LANGUAGES
def test_tokens_are_shown_where_they_are_asked_for(
    clients: Clients, start_system: StartSystem, tmp_path: Path, language: str
) -> None:
    """By the example as it is, made of the document of a gateway that asks for them; refusals are told in its words."""
    issuer, keys = Issuer(), tmp_path / "keys.json"
    keys.write_bytes(issuer.key_set())
    asks = {"AUTH": "jwt", "AUTH_JWKS_FILE": str(keys), "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE}
    client = _copied(clients, tmp_path).by_language[language]
    for step in ("generate", "check"):
        ended = client.run(step, **asks)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    system = start_system(**asks)
    token = issuer.token("user123", scope="profile:read")
    assert _told(client, system, "user123", token)[0] == "Profile of user123: complete"
    assert _refused(client, system.gateway.url, "user456", token).startswith("Forbidden: ")
    assert _refused(client, system.gateway.url, "user123", "nonsense").startswith("Unauthorized: The access token is ")
    assert _refused(client, system.gateway.url, "user123").startswith("Unauthorized: This needs ")


def _copied(clients: Clients, folder: Path) -> Clients:
    """Another copy, with what is installed in the first."""
    copy = shutil.copytree(clients.folder.parent, folder / "copy", symlinks=True, ignore=MODULES) / "clients"
    (copy / "typescript/node_modules").symlink_to(clients.typescript.folder / "node_modules")
    return Clients(copy)


@LANGUAGES
def test_types_that_changed_are_found(clients: Clients, tmp_path: Path, language: str) -> None:
    """An age that is text, and a status that the example says nothing of: it no longer compiles."""
    changed: Any = json.loads((clients.folder / "openapi.json").read_text())
    schemas = changed["components"]["schemas"]
    schemas["Stale"]["properties"]["age"] = {"type": "string"}
    schemas["Late"] = {
        **schemas["Fresh"],
        "title": "Late",
        "properties": {"status": {"enum": ["late"], "type": "string"}},
    }
    products = schemas["ProfileParts"]["properties"]["products"]
    products["anyOf"].append({"$ref": "#/components/schemas/Late"})
    products["discriminator"]["mapping"]["late"] = "#/components/schemas/Late"

    copy = _copied(clients, tmp_path)
    (copy.folder / "changed.json").write_text(json.dumps(changed))
    (copy.folder / "document.sh").write_text("#!/bin/sh\ncp ../changed.json ../openapi.json\n")
    client = copy.by_language[language]
    generated = client.run("generate")
    assert generated.returncode == 0, generated.stdout + generated.stderr
    checked = client.run("check")
    assert checked.returncode != 0
    for error in CHANGES_FOUND[language]:
        assert error in checked.stdout


@LANGUAGES
def test_a_complete_profile_is_shown(clients: Clients, running_system: System, language: str) -> None:
    """Every part is fresh, and says so."""
    assert _told(clients.by_language[language], running_system, "user123") == [
        "Profile of user123: complete",
        "user: Maria Santos (fresh)",
        "orders: 2 (fresh)",
        *ORDERS,
        "products: 3 (fresh)",
    ]


@LANGUAGES
def test_why_there_is_no_profile_is_told(clients: Clients, running_system: System, language: str) -> None:
    """In the words of the gateway; without one in words as well."""
    client, url = clients.by_language[language], running_system.gateway.url
    assert _refused(client, url, "nobody").startswith("Not found: There is no such user. (request ")
    assert _refused(client, url, "a b").startswith("Invalid input: user_id must be 1 to 64 characters")
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert _refused(client, nowhere, "user123").startswith(f"No answer of use from {nowhere}: ")


def test_a_partial_profile_is_shown(clients: Clients, start_system: StartSystem) -> None:
    """Stale products with their age, missing ones as unknown, each with its reason; what there is, is shown."""
    system = start_system(CACHE_TTL_SECONDS="1")
    assert system.profile("user123").status == 200
    system.apps["products"].kill()
    wait_until(lambda: system.part("user123", "products")["status"] == "stale", "the products are still fresh")
    for client in clients.by_language.values():
        head, user, orders, *further, products = _told(client, system, "user123")
        assert [head, user, orders] == [
            "Profile of user123: partial",
            "user: Maria Santos (fresh)",
            "orders: 2 (fresh)",
        ]
        assert further == ORDERS
        assert products.startswith("products: 3 (stale, ")
        assert products.endswith((" s old: unavailable)", " s old: circuit_open)"))

        head, user, orders, *further, products = _told(client, system, "user700")
        assert [head, user, orders] == ["Profile of user700: partial", "user: Pedro Weber (fresh)", "orders: 4 (fresh)"]
        assert further[0] == "  order4705, delivered, 285.99: 1 x prod157"
        assert products in {f"products: unknown (missing: {reason})" for reason in ("unavailable", "circuit_open")}


def test_an_outage_is_told(clients: Clients, start_system: StartSystem) -> None:
    """And when to try again."""
    system = start_system()
    system.apps["users"].kill()
    system.apps["orders"].kill()
    for client in clients.by_language.values():
        said = _refused(client, system.gateway.url, "user123")
        assert said.startswith(
            "Service unavailable: Neither the user nor the orders can be had at the moment. Try again in "
        )
