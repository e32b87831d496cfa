"""Header fields that came lately, and who is remembered with them."""

from shared.http.fields_table import FieldsTable

BLOCK = b"Host: x\r\nAuthorization: Bearer t\r\n\r\n"


def test_a_block_is_read_once_for_each_peer() -> None:
    """Who asks depends on the peer as well, so the same block from another one is another's."""
    table = FieldsTable()
    one, other = table.get(BLOCK, "192.0.2.1"), table.get(BLOCK, "192.0.2.2")
    assert one is not None
    assert one == other
    assert one is not other
    assert table.get(bytes(bytearray(BLOCK)), "192.0.2.1") is one
    assert one.authorization == "Bearer t"


def test_what_cannot_be_read_is_nothing_each_time() -> None:
    """It is not remembered either."""
    table = FieldsTable()
    assert [table.get(b"X: y\r\n\r\n", "") for _ in range(2)] == [None, None]


def test_what_is_asked_for_stays_while_any_number_of_others_comes() -> None:
    """The rest is forgotten in two generations, so that the table is bounded."""
    table = FieldsTable(max_bytes=20_000)
    wanted = table.get(BLOCK, "")
    first = table.get(b"Host: first\r\n\r\n", "")
    for number in range(1_000):
        table.get(b"Host: x%d\r\n\r\n" % number, "")
        assert table.get(BLOCK, "") is wanted
    assert table.get(b"Host: first\r\n\r\n", "") is not first
