"""Sends a few requests, so that the cache is warm and dashboards have something to draw."""

import http.client
import json
import time
from itertools import cycle
from pathlib import Path

from deploy.issuer import tokens
from deploy.issuer.store import Store
from deploy.local import probe, signals
from deploy.local.component import Component, Plan
from deploy.local.components import ISSUER

PAUSE_SECONDS = 0.1
NAMED = ("user123", "user456")


def send(plan: Plan, *, seconds: float) -> int:
    """Ask the gateway for profiles of several users, again and again.

    Args:
        plan: What runs.
        seconds: How long; longer than Prometheus' scrape interval, for rates to be seen.

    Returns:
        How many requests were answered.
    """
    gateway = plan.component("api-gateway")
    if gateway is None:
        return 0
    token = _token(plan)
    answered = 0
    limit = time.monotonic() + seconds
    for user in cycle([*NAMED, *_more(plan.component("user-service"))]):
        try:
            probe.get(f"{gateway.url}/api/profile/{user}", token=token)
            answered += 1
        except (OSError, http.client.HTTPException):
            pass
        signals.check()
        if time.monotonic() >= limit:
            return answered
        time.sleep(PAUSE_SECONDS)
    return answered


def _token(plan: Plan) -> str:
    if plan.component(ISSUER) is None:
        return ""
    return tokens.issue(Store(Path(plan.data)), tokens.Wish("start", scope=tokens.ANY_SCOPE))


def _more(users: Component | None) -> list[str]:
    if users is None:
        return []
    try:
        _, body = probe.get(f"{users.url}/users?limit=10")
        rows = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError):
        return []
    return [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row]
