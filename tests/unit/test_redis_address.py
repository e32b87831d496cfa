"""Addresses of Redis, good and bad."""

import contextlib
from typing import Any

import pytest

from shared.cache.address import REDIS_URL, RedisAddress, parse
from shared.cache.topology import topology

GOOD: dict[str, RedisAddress] = {
    "redis://cache": RedisAddress("single", (("cache", 6379),), "", False, {}, {}),
    "redis://cache:7000/3": RedisAddress("single", (("cache", 7000),), "", False, {"db": 3}, {}),
    "redis://[::1]:7000": RedisAddress("single", (("::1", 7000),), "", False, {}, {}),
    "redis://cache?socket_timeout=0.4": RedisAddress("single", (("cache", 6379),), "", False, {}, {}, 0.4),
    "rediss://cache?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false": RedisAddress(
        "single", (("cache", 6379),), "", True, {"ssl_ca_certs": "/etc/ca.pem", "ssl_check_hostname": False}, {}
    ),
    "redis+sentinel://a,b:7000,c/set": RedisAddress(
        "sentinel", (("a", 26379), ("b", 7000), ("c", 26379)), "set", False, {}, {}
    ),
    "redis+sentinel://a/set?socket_timeout=1": RedisAddress("sentinel", (("a", 26379),), "set", False, {}, {}, 1.0),
    "redis+cluster://a?socket_timeout=2": RedisAddress("cluster", (("a", 6379),), "", False, {}, {}, 2.0),
    "redis+sentinel://u:p@a/set/2?sentinel_username=s&sentinel_password=q%26": RedisAddress(
        "sentinel",
        (("a", 26379),),
        "set",
        False,
        {"username": "u", "password": "p", "db": 2},
        {"username": "s", "password": "q&"},
    ),
    "rediss+sentinel://a/set": RedisAddress("sentinel", (("a", 26379),), "set", True, {}, {}),
    "redis+cluster://a,b:7000": RedisAddress("cluster", (("a", 6379), ("b", 7000)), "", False, {}, {}),
    "rediss+cluster://:p@a/?ssl_cert_reqs=none": RedisAddress(
        "cluster", (("a", 6379),), "", True, {"password": "p", "ssl_cert_reqs": "none"}, {}
    ),
}

BAD = [
    "", "cache", "cache:6379", "redis", "redis:", "redis://", "redis:cache", "http://cache", "unix:///run/redis.sock",
    "REDIS://cache", "redis+tls://cache", "redis://:6379", "redis://cache:x", "redis://cache:0",
    "redis://cache:65536", "redis://cache:-1", "redis://[::1", "redis://a,b", "redis://user:p@", "redis://u:p/w@cache",
    "redis://cache/x", "redis://cache/-1", "redis://cache/0/1", "redis://cache//", "redis://cache/٣",
    "redis://cache#1", "redis://cache /0", "redis://cache\n", "redis://cache?x", "redis://cache?db=x",
    # Unknown, not for us to choose, or without TLS: none of them may come up only when the connection is made.
    "redis://cache?db=1", "redis://cache?max_size=1", "redis://cache?protocol=2",
    "redis://cache?socket_timeout=0", "redis://cache?socket_timeout=2.1", "redis://cache?socket_timeout=nan",
    "redis://cache?socket_timeout=-1", "redis://cache?socket_timeout=0_1", "redis://cache?socket_timeout=%201",
    "redis://cache?socket_timeout=%D9%A1", "redis://cache?socket_timeout=soon", "redis://cache?socket_timeout=",
    "redis://cache?ssl_ca_certs=/etc/ca.pem", "rediss://cache?ssl_ca_certs=", "rediss://cache?ssl_cert_reqs=perhaps",
    "redis://cache?sentinel_password=p", "redis+cluster://a?sentinel_password=p",
    "redis+sentinel://a", "redis+sentinel://a/", "redis+sentinel://a//0", "redis+sentinel://a/set/x",
    "redis+sentinel://a/set/0/1", "redis+sentinel://a,/set", "redis+sentinel://,a/set",
    "redis+cluster://a/0", "redis+cluster://a?db=0", "redis+cluster://a,", "redis+cluster://a,b:x",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_read(text: str) -> None:
    """Scheme, hosts, credentials, service, database and options become what they stand for."""
    assert parse(text) == GOOD[text]
    assert REDIS_URL.parse(text) == text


@pytest.mark.parametrize("text", BAD)
def test_a_malformed_address_is_refused(text: str) -> None:
    """Whatever is wrong with an address is found before anything is opened."""
    with contextlib.suppress(ValueError):
        pytest.fail(f"taken for {parse(text)}")


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ("", {}),
        (":secret@", {"password": "secret"}),
        ("user:secret@", {"username": "user", "password": "secret"}),
        ("user:p%40ss%2Fw%3Ard%25@", {"username": "user", "password": "p@ss/w:rd%"}),
        ("user:p@ss,word@", {"username": "user", "password": "p@ss,word"}),
        ("us%65r@", {"username": "user"}),
    ],
)
@pytest.mark.parametrize("rest", ["redis://{}a", "redis+sentinel://{}a,b/set", "rediss+cluster://{}a,b"])
def test_credentials_are_decoded(credentials: str, expected: dict[str, Any], rest: str) -> None:
    """User and password are percent-decoded; they stand once, before all hosts."""
    address = parse(rest.format(credentials))
    assert address.options == expected
    assert address.hosts[0][0] == "a"


@pytest.mark.parametrize("text", GOOD)
async def test_what_is_read_can_be_used(text: str, loop: object) -> None:
    """Nothing in an accepted address is unknown to the connections that are made of it."""
    nodes = topology(parse(text))
    try:
        assert nodes.reply_seconds == GOOD[text].reply_seconds
        if text.startswith(("redis://", "rediss://")):
            assert len(await nodes.connections()) == 1
    finally:
        await nodes.close()
