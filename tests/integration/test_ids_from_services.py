"""Ids that one service gives and another is asked for: whatever they are, they cost no more than their part."""

import msgspec
import orjson
import pytest

from bff.aggregates.kind import AggregateKind
from bff.parts.keyed import keyed
from bff.parts.part import Aggregate
from bff.parts.single import single
from bff.parts.sources import Sources
from shared import ids
from shared.errors import ServiceUnavailable
from shared.upstream.call import Call
from shared.upstream.service import Service
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import StartGateway


class Ticket(msgspec.Struct, frozen=True):
    """Somebody's ticket, which names other things."""

    owner: str
    seller: str
    seats: list[str]


class Seller(msgspec.Struct, frozen=True):
    """A seller, named by text."""

    id: str


class Seat(msgspec.Struct, frozen=True):
    """A seat, which has a number."""

    id: int


SERVICE = Service("ticket_service", url="http://127.0.0.1:1")
TICKET = single("ticket", SERVICE, Ticket, "/tickets/{user_id}", owner="user_id", about=lambda one: one.owner)
SELLER = single("seller", SERVICE, Seller, "/sellers/{seller_id}/about", about=lambda one: one.id)
SEATS = keyed("seats", SERVICE, Seat, post="/seats", id_type=ids.INTEGER)


async def load_trip(user_id: str, sources: Sources) -> Aggregate:
    """The ticket, and whatever it names."""
    ticket = await sources.take(TICKET, user_id)
    if ticket.value is None:
        raise ServiceUnavailable("No ticket can be had at the moment.", retry_after=2)
    seller, seats = await sources.together(
        sources.take(SELLER, ticket.value.seller), sources.take(SEATS, ticket.value.seats)
    )
    return Aggregate({"ticket": ticket, "seller": seller, "seats": seats})


TRIP = AggregateKind("trip", "/api/trip", "user_id", load_trip, parts=(TICKET, SELLER, SEATS))


def _services(seller: str, *seats: str) -> FakeServices:
    def found(call: Call[object]) -> object:
        assert call.body is not None
        return [{"id": number} for number in orjson.loads(call.body)["ids"]]

    ticket = {"owner": "user1", "seller": seller, "seats": seats}
    documents = {"/tickets/user1": ticket, "/sellers/s1/about": {"id": "s1"}, "/seats": found}
    return FakeServices(documents={"ticket_service": documents})


@pytest.mark.parametrize("odd", ["A7", "", "07", "-7", "1_0", " 7", "\u0667", "7.0", "9" * 30, "\u0000"])
async def test_what_is_no_number_names_nothing_that_has_one(start_gateway: StartGateway, odd: str) -> None:
    """It is absent, as what a service does not accept is; the others are there, and the answer is whole."""
    gateway = await start_gateway(_services("s1", odd, "5"), kinds=[TRIP])
    for cached in (False, True):
        document = (await gateway.get("/api/trip/user1")).json()
        assert document["seats"] == {"5": {"id": 5}}
        assert (document["metadata"]["partial"], document["metadata"]["cached"]) == (False, cached)


@pytest.mark.parametrize("odd", ["", ".", ".."])
async def test_what_is_no_segment_is_not_asked_for(start_gateway: StartGateway, odd: str) -> None:
    """It would lead to something else than was meant: the part is missing, and nobody is asked."""
    gateway = await start_gateway(_services(odd, "5"), kinds=[TRIP])
    document = (await gateway.get("/api/trip/user1")).json()
    assert document["seller"] is None
    assert document["metadata"]["parts"]["seller"] == {"status": "missing", "reason": "bad_response"}
    assert document["seats"] == {"5": {"id": 5}}
    assert [path for _, path in gateway.services.calls] == ["/tickets/user1", "/seats"]
