"""What browsers are told about pages of other origins."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sanic.compat import Header

from bff.settings import GatewaySettings
from shared.edge.cors import Cors
from shared.edge.forms import Forms
from shared.errors import SettingsError
from shared.http.request_head import Fields
from shared.settings.loading import load

LISTED = ("https://app.example.org", "http://localhost:3000", "capacitor://localhost")
OTHERS = [
    "https://evil.example", "https://app.example.org.evil.example", "https://evil-app.example.org", "null", "*", "",
    "http://app.example.org", "https://app.example.org:8443", "https://app.example.org:443", "https://app.example.org/",
    "HTTPS://APP.EXAMPLE.ORG", "http://localhost", "http://localhost:30000", "https://app.example.org, http://a", None,
]  # fmt: skip
METHODS = ["GET", "HEAD", "PATCH"]
SIMPLE = {
    "Access-Control-Expose-Headers": (
        "ETag, Cache-Status, Server-Timing, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
    ),
    "Vary": "Origin",
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, PATCH",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Request-ID, traceparent, "
        "tracestate"
    ),
    "Access-Control-Max-Age": "7200",
    "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
}


@pytest.mark.parametrize("origin", LISTED)
def test_a_listed_origin_is_let_in(origin: str) -> None:
    """By its own name, with the fields that its scripts may read; for a preflight with all that it may send."""
    cors = Cors(LISTED)
    assert cors.headers_for(origin) == {"Access-Control-Allow-Origin": origin} | SIMPLE
    for method in (*METHODS, "DELETE"):
        assert cors.preflight(origin, method, METHODS) == {"Access-Control-Allow-Origin": origin} | PREFLIGHT


@pytest.mark.parametrize("origin", OTHERS)
def test_any_other_is_told_nothing(origin: str | None) -> None:
    """But what the answer goes by, for caches on the way."""
    cors = Cors(LISTED)
    assert cors.headers_for(origin) == {"Vary": "Origin"}
    told = cors.preflight(origin, "GET", METHODS)
    assert told == ({} if origin is None else {"Vary": PREFLIGHT["Vary"]})


@pytest.mark.parametrize("origin", [*LISTED, *OTHERS])
def test_without_a_list_there_is_no_cors(origin: str | None) -> None:
    """Nothing is told to anybody, not even what would matter."""
    cors = Cors(())
    assert cors.headers_for(origin) == {}
    assert cors.preflight(origin, "GET", METHODS) == {}


@pytest.mark.parametrize("origin", [*LISTED, *OTHERS])
def test_options_by_itself_is_no_preflight(origin: str | None) -> None:
    """It is one only where a method is asked about."""
    assert Cors(LISTED).preflight(origin, None, METHODS) == {}


_origins = st.sampled_from([*LISTED, *OTHERS])


@given(origin=_origins, listed=st.lists(st.sampled_from(LISTED), unique=True), method=st.sampled_from([None, *METHODS]))
def test_nobody_is_let_in_by_another_name(origin: str | None, listed: list[str], method: str | None) -> None:
    """An origin is allowed if it is listed, letter by letter, and never all; credentials never are."""
    cors = Cors(listed)
    for fields in (cors.headers_for(origin), cors.preflight(origin, method, METHODS)):
        allowed = fields.get("Access-Control-Allow-Origin")
        assert allowed is None or allowed == origin
        assert allowed is None or allowed in listed
        assert "Access-Control-Allow-Credentials" not in fields
        assert "*" not in "".join(fields.values())


@pytest.mark.parametrize(
    ("had", "has"),
    [
        ({}, "Origin"),
        ({"Vary": "Accept, Accept-Encoding"}, "Accept, Accept-Encoding, Origin"),
        ({"Vary": "Origin"}, "Origin"),
        ({"Vary": PREFLIGHT["Vary"]}, PREFLIGHT["Vary"]),
    ],
)
@pytest.mark.parametrize("kind", [dict, Header])
@pytest.mark.parametrize("origin", [LISTED[0], "https://evil.example", None])
def test_what_an_answer_varies_by_is_kept(
    kind: type[dict[str, str]], had: Mapping[str, str], has: str, origin: str | None
) -> None:
    """However often it is completed, and without a list nothing is changed."""
    headers = kind({"ETag": "x", **had})
    for form in Forms().of(Fields(b"", origin=origin)):
        assert form.complete(headers) == {}
    assert dict(headers) == {"ETag": "x", **had}
    let_in = origin in LISTED
    told = {**SIMPLE, "Access-Control-Allow-Origin": origin} if let_in else {}
    for form in Forms(cors=Cors(LISTED)).of(Fields(b"", origin=origin)):
        headers.update(form.complete(headers))
        assert dict(headers) == {"ETag": "x", **told, "Vary": has}


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://app.example.org", "https://app.example.org"), ("HTTPS://App.Example.ORG", "https://app.example.org"),
        ("https://app.example.org:443", "https://app.example.org"), ("http://a:80", "http://a"),
        ("http://a:443", "http://a:443"), ("https://a:80", "https://a:80"), ("http://a:", "http://a"),
        ("http://a/", "http://a"), ("http://localhost:3000", "http://localhost:3000"), ("http://[::1]:80", "http://[::1]"),
        ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"), ("http://10.0.0.1:0080", "http://10.0.0.1"),
        ("capacitor://localhost", "capacitor://localhost"), ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)  # fmt: skip
def test_an_origin_is_listed_as_browsers_write_it(written: str, origin: str) -> None:
    """In lower case, without the usual port."""
    settings = load(GatewaySettings, {"CORS_ORIGINS": f"https://b.example,{written}"})
    assert settings.cors_origins == ("https://b.example", origin)


@pytest.mark.parametrize(
    "written",
    [
        "*", "null", "app.example.org", "https://", "https://a/path", "https://a?b", "https://a#b", "https://user@a",
        "https://bücher.example", "https://*.example.org", "https://a b", "https://a:0", "https://a:70000", "file:///a",
        "//a", "1a://b", "https:a", "https://[::1",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_a_mistake(written: str) -> None:
    """Found at the start: a browser would never send it."""
    with pytest.raises(SettingsError, match="CORS_ORIGINS"):
        load(GatewaySettings, {"CORS_ORIGINS": written})
