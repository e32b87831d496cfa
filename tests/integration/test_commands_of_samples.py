"""Commands through the whole system: real services with real databases, which are killed or stand still."""

import signal
from typing import Final

from tests.fixtures.processes import wait_until
from tests.fixtures.system import StartSystem, System

PROFILE: Final = "/api/profile/user123"
PATIENT: Final = {"ATTEMPT_TIMEOUT_SECONDS": "3", "REQUEST_BUDGET_SECONDS": "6"}
"""A busy machine is no part of what is told here."""
ORDERS: Final = "/api/orders"


def _order(quantity: int = 1) -> dict[str, object]:
    return {"user_id": "user123", "items": [{"product_id": "prod1", "quantity": quantity, "price": 9.99}]}


def _orders(system: System) -> list[str]:
    return [one["id"] for one in system.get(PROFILE).document["orders"]]


def test_the_next_read_sees_what_was_changed(start_own_system: StartSystem) -> None:
    """A name and an order, though the profile was in memory; what was answered is what is read."""
    system = start_own_system(**PATIENT)
    for number in range(3):
        before = _orders(system)
        changed = system.send("PATCH", PROFILE, {"full_name": f"Maria the {number}th"})
        assert (changed.status, changed.document["full_name"]) == (200, f"Maria the {number}th")
        assert system.get(PROFILE).document["user"] == changed.document
        placed = system.send("POST", ORDERS, _order(), Idempotency_Key=f"key-{number}")
        assert (placed.status, placed.document["total_amount"]) == (201, 9.99)
        assert _orders(system) == [placed.document["id"], *before]


def test_a_key_stands_for_one_order(start_own_system: StartSystem) -> None:
    """Sent again it is answered the same; of another order it is refused, and so is a user that there is not."""
    system = start_own_system(**PATIENT)
    first, again = [system.send("POST", ORDERS, _order(), Idempotency_Key="one") for _ in range(2)]
    assert (first.status, again.status, first.document) == (201, 201, again.document)
    assert system.send("POST", ORDERS, _order(2), Idempotency_Key="one").status == 422
    assert system.send("PATCH", "/api/profile/nobody", {"full_name": "Nobody"}).status == 404
    assert len(_orders(system)) == 3


def test_a_service_that_is_away_has_done_nothing(start_own_system: StartSystem) -> None:
    """503 says so; when it is back, it is done."""
    system = start_own_system(**PATIENT)
    users = system.apps["users"]
    users.kill()
    answer = system.send("PATCH", PROFILE, {"full_name": "Nobody Yet"})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    users.start()
    wait_until(lambda: system.send("PATCH", PROFILE, {"full_name": "Maria"}).status == 200, "it is not done")
    assert system.get(PROFILE).document["user"]["full_name"] == "Maria"


def test_an_order_of_which_nobody_knows_is_placed_once(start_own_system: StartSystem) -> None:
    """504 while the service stands still, though it has read the order; sent again with its key, there is one of it."""
    system = start_own_system(**PATIENT, RETRIES="0")
    before, service = _orders(system), system.apps["orders"].process
    assert service is not None
    service.send_signal(signal.SIGSTOP)
    try:
        answer = system.send("POST", ORDERS, _order(), Idempotency_Key="once")
    finally:
        service.send_signal(signal.SIGCONT)
    assert (answer.status, answer.document["type"]) == (504, "urn:problem:outcome-unknown")
    wait_until(lambda: system.send("POST", ORDERS, _order(), Idempotency_Key="once").status == 201, "it is not placed")
    placed = system.send("POST", ORDERS, _order(), Idempotency_Key="once")
    assert _orders(system) == [placed.document["id"], *before]
