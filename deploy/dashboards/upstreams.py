"""The services as the gateway sees them: calls and attempts, and what the policies round them do."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import StackingMode

from deploy.dashboards import links
from deploy.dashboards.blocks import Panel, heat, lines, states
from deploy.dashboards.frame import CALLED, GATEWAYS, Section, board
from deploy.dashboards.links import Place
from deploy.dashboards.look import FEW, SLOW, Limit, Query, State
from deploy.dashboards.promql import PERCENTILES, UPSTREAM, quantile, rate, spread, total

PLACE: Final = links.UPSTREAMS

_GOOD: Final = 'outcome=~"success|ignored|lost"'
_CALL: Final = "upstream_call_duration_seconds"
_ATTEMPT: Final = "upstream_attempt_duration_seconds"


def dashboard() -> model.Dashboard:
    """The services that are chosen, seen by the gateways that are chosen."""
    return board(
        PLACE,
        "The services as the gateway sees them: calls, attempts and retries, breakers and bulkheads, instances.",
        (GATEWAYS, CALLED),
        (_outcomes(), _latency(), _policies(), _instances()),
    )


def errors(*, more: Place | None = None) -> Panel:
    """What calls did not give."""
    return lines(
        "Errors by service",
        "ops",
        "Calls a second that gave nothing usable, by service; Redis is one of them.",
        Query(rate("service_errors_total", UPSTREAM, by="service_name"), "{{service_name}}"),
        limits=(Limit(1, "red"),),
        alert="UpstreamFailing",
        more=more,
    )


def breakers(*, more: Place | None = None, span: int = 8) -> Panel:
    """The states of the breakers over time."""
    return states(
        "Breakers",
        "State of the breaker of each service; of several workers and gateways the worst. While it is open the service"
        " is not called, and parts are last known good or missing.",
        Query(f"max by (service_name) (upstream_breaker_state{{{UPSTREAM}}})", "{{service_name}}"),
        State(0, "closed", "green"),
        State(1, "half-open", "orange"),
        State(2, "open", "red"),
        alert="BreakerOpen",
        more=more,
        span=span,
    )


def attempt_latency(percent: int, words: str, *, more: Place | None = None) -> Panel:
    """How long a service takes."""
    return lines(
        f"Attempt latency p{percent}",
        "s",
        f"What {words} takes at least, by service. At ATTEMPT_TIMEOUT_SECONDS (0.8 s) an attempt is given up; that is"
        " drawn up to 1 s, the next bound of the histogram. One that is refused takes no time: a service that is down"
        " looks quick, or has no line.",
        Query(quantile(percent / 100, _ATTEMPT, UPSTREAM, by="service_name"), "{{service_name}}"),
        limits=SLOW,
        more=more,
    )


def _failed(counter: str) -> str:
    every = rate(counter, UPSTREAM, by="service_name")
    good = rate(counter, f"{UPSTREAM}, {_GOOD}", by="service_name")
    return f"1 - {good} / ({every} > 0)"


def _outcomes() -> Section:
    return Section(
        "Calls and attempts",
        (
            lines(
                "Calls by outcome",
                "ops",
                "Calls a second as their callers see them, all attempts together. What a service refuses for good"
                " reason, and callers who leave, are ignored.",
                Query(
                    rate("upstream_calls_total", UPSTREAM, by="service_name, outcome"), "{{service_name}} {{outcome}}"
                ),
            ),
            lines(
                "Failed calls",
                "percentunit",
                "Share of the calls that gave nothing usable in spite of retries, by service.",
                Query(_failed("upstream_calls_total"), "{{service_name}}"),
                limits=FEW,
            ),
            errors(),
            lines(
                "Attempts by outcome",
                "ops",
                "Attempts a second by service and outcome; no_budget is one that was not made because too little time"
                " was left, wrong_subject an answer about somebody or something else, lost one that a second attempt"
                " has beaten.",
                Query(
                    rate("upstream_attempts_total", UPSTREAM, by="service_name, outcome"),
                    "{{service_name}} {{outcome}}",
                ),
            ),
            lines(
                "Failed attempts",
                "percentunit",
                "Share of the attempts that gave nothing usable, by service.",
                Query(_failed("upstream_attempts_total"), "{{service_name}}"),
                limits=(Limit(0.05, "orange"), Limit(0.25, "red")),
                alert="UpstreamFailing",
            ),
            lines(
                "Retries",
                "ops",
                "Retries a second that were done, and that the budget denied: too many calls in flight were retries.",
                Query(
                    rate("upstream_retries_total", UPSTREAM, by="service_name, outcome"), "{{service_name}} {{outcome}}"
                ),
            ),
        ),
    )


def _latency() -> Section:
    one_attempt = [attempt_latency(percent, words.replace("request", "attempt")) for percent, words in PERCENTILES]
    whole_call = [
        lines(
            f"Call latency p{percent}",
            "s",
            f"What {words.replace('request', 'call')} takes at least, by service, waiting and all attempts included.",
            Query(quantile(percent / 100, _CALL, UPSTREAM, by="service_name"), "{{service_name}}"),
            limits=SLOW,
        )
        for percent, words in PERCENTILES
    ]
    attempts = heat("Latency of all attempts", "How many attempts took how long.", spread(_ATTEMPT, UPSTREAM), span=24)
    return Section("Latency", (*one_attempt, *whole_call, attempts))


def _policies() -> Section:
    changes = rate("upstream_breaker_changes_total", UPSTREAM, by="service_name, state")
    in_flight, limit = (
        total(gauge, UPSTREAM, by="service_name") for gauge in ("upstream_in_flight", "upstream_concurrency_limit")
    )
    return Section(
        "Breakers and bulkheads",
        (
            breakers(span=12),
            lines(
                "Breaker changes",
                "cps",
                "Changes of breakers a second, by service and the state that each changed to.",
                Query(changes, "{{service_name}} {{state}}"),
                stacking=StackingMode.NORMAL,
                span=12,
            ),
            lines(
                "Calls in flight",
                "short",
                "Calls in flight at the moment of the scrape, and how many may be: a limit that shrinks while calls"
                " time out, and grows again.",
                Query(in_flight, "{{service_name}} in flight"),
                Query(limit, "{{service_name}} limit"),
                span=12,
            ),
            lines(
                "Bulkhead use",
                "percentunit",
                "Share of the calls to a service that may be in flight that are. At 1 further calls wait, no longer"
                " than their deadline allows.",
                Query(f"{in_flight} / ({limit} > 0)", "{{service_name}}"),
                span=12,
                at_most=1,
                limits=(Limit(0.7, "orange"), Limit(0.9, "red")),
            ),
        ),
    )


def _instances() -> Section:
    def known(state: str) -> str:
        return f'max by (service_name) (upstream_instances{{{UPSTREAM}, state="{state}"}})'

    return Section(
        "Instances",
        (
            lines(
                "Instances by state",
                "short",
                "Instances of each service that are asked, and that are ejected because five calls in a row failed"
                " there; as the worker sees it that knows most of them.",
                Query(known("healthy"), "{{service_name}} healthy"),
                Query(known("ejected"), "{{service_name}} ejected"),
                alert="InstanceEjected",
            ),
            lines(
                "Ejections",
                "cps",
                "Ejections a second; each worker of each gateway decides by what it has seen itself.",
                Query(rate("upstream_ejections_total", UPSTREAM, by="service_name"), "{{service_name}}"),
            ),
            lines(
                "Latency by instance",
                "s",
                "How long an instance takes lately as the choice between two of them sees it: peaks and failures count"
                " at once and are forgotten within 10 s. At most 50 instances of a service in each worker.",
                Query(
                    f"max by (service_name, address) (upstream_instance_latency_seconds{{{UPSTREAM}}})",
                    "{{service_name}} {{address}}",
                ),
                limits=SLOW,
            ),
            lines(
                "Hedges",
                "ops",
                "Reads a second that were late and sent to a second instance, those of them that it answered first, and"
                " those that were not sent: over 5 % of the calls, or the service had too much to do.",
                Query(
                    rate("upstream_hedges_total", UPSTREAM, by="service_name, outcome"), "{{service_name}} {{outcome}}"
                ),
                span=12,
            ),
            lines(
                "Look-ups by outcome",
                "ops",
                "Look-ups of the addresses of services a second, by outcome. The last set of instances is kept while"
                " they find nothing.",
                Query(
                    rate("upstream_lookups_total", UPSTREAM, by="service_name, outcome"),
                    "{{service_name}} {{outcome}}",
                ),
                alert="LookupFailing",
                span=12,
            ),
        ),
    )
