"""What operations of all apps have in common: tags, header fields, and what any request may say."""

from typing import Final

from shared.http.openapi.operation import Header, Parameter, Tag

OPERATIONS: Final = Tag("operations", "What those ask who run this: health, metrics, and what there is.")

EXAMPLE_TIME: Final = 1_795_413_600.123
"""When the answers in examples were made, in seconds since the epoch."""

_STRING: Final = {"type": "string"}

AGE: Final = Header("Age", "Seconds since the answer was made (RFC 9111).", {"type": "integer", "minimum": 0})
CACHE_CONTROL: Final = Header("Cache-Control", "Who may keep the answer, and for how long (RFC 9111).", always=True)
CACHE_STATUS: Final = Header("Cache-Status", "What each cache said, the one nearest the origin first (RFC 9211).")
ETAG: Final = Header("ETag", "Tells this answer from others, for `If-None-Match` (RFC 9110).")
LINK: Final = Header("Link", "Leads to the next page, if there is one (RFC 8288).")
SERVER_TIMING: Final = Header("Server-Timing", "Milliseconds that each part took, and the whole.")
VARY: Final = Header("Vary", "Fields of the request that the answer depends on.", always=True)

COMMON_HEADERS: Final = (
    Header(
        "X-Request-ID",
        "Names the request in our logs; that of the request where it had one.",
        {"type": "string", "minLength": 1, "maxLength": 128},
        always=True,
    ),
    Header("traceparent", "The trace that the request belongs to (W3C Trace Context).", always=True),
    Header("X-Content-Type-Options", "Always `nosniff`.", {"type": "string", "enum": ["nosniff"]}, always=True),
)

LIMIT_HEADERS: Final = (
    Header("RateLimit", "What is left of a quota, and the seconds until it is whole again."),
    Header("RateLimit-Policy", "The quotas that count here, each with its window in seconds."),
)
CORS_HEADERS: Final = (
    Header("Access-Control-Allow-Origin", "The origin whose scripts may read the answer (CORS)."),
    Header("Access-Control-Expose-Headers", "The header fields that they may read."),
    VARY,
)

PROBLEM_HEADERS: Final = (
    Header("Retry-After", "Seconds after which to try again.", {"type": "integer", "minimum": 0}),
    Header("WWW-Authenticate", "How to authenticate (RFC 9110).", always=True),
    Header("Accept", "The media types that are taken here (RFC 9110)."),
    *LIMIT_HEADERS,
)

IF_NONE_MATCH: Final = Parameter(
    "If-None-Match", "header", "The `ETag` of an answer at hand: if it is still good, 304 says so.", _STRING
)
COMMON_PARAMETERS: Final = (
    Parameter("X-Request-ID", "header", "A name for the request, of 1 to 128 visible ASCII characters.", _STRING),
    Parameter("traceparent", "header", "The trace to go on with (W3C Trace Context).", _STRING),
)
