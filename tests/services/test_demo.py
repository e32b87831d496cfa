"""What the demo changes, at the services that it is sent to."""

from hashlib import sha256

import pytest

from deploy.demo.changes import changes
from tests.services.conftest import StartService
from tests.services.kinds import SERVICES, Service


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_services_take_what_it_changes(start_new: StartService, service: Service) -> None:
    """Prices, names and orders: of those that go to this one, each makes a difference."""
    client = await start_new(service)
    calls = [call for number in range(40) for call in changes(number) if call.target == service.title]
    assert calls
    for call in calls:
        headers = {"Content-Type": "application/json"}
        headers |= {"Idempotency-Key": sha256(call.body).hexdigest()} if call.keyed else {}
        before = None if call.keyed else (await client.get(call.path)).content
        answer = await client._request(call.method, call.path, content=call.body, headers=headers)
        assert answer.status_code == (201 if call.keyed else 200), answer.text
        assert answer.content != before
