"""Sends the mix at a steady rate, whatever becomes of it.

A round is sent when it is due, not when the one before has been answered: whoever is slow or away holds up nobody
else, and is asked again by itself.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from uuid import uuid4

import aiohttp

from deploy.demo.calls import Call, Target
from deploy.demo.mix import rounds
from deploy.demo.reach import Reach
from deploy.demo.token import Token
from shared.observing.logs import log, log_error

ANSWER_SECONDS = 5.0
"""Who has waited for so long has given up."""

MOST_IN_FLIGHT = 100
"""While so many requests wait for their answers no further ones are sent."""

PATIENCE_SECONDS = 20.0
"""So long the services may take to become ready before traffic started without them; the gateway any time."""

_LOOK_SECONDS = 0.2


class Traffic:
    """Requests to the gateway and, past it, to the services.

    Args:
        addresses: Base address of each target; one without is left alone. The gateway is there.
        admin_token: Opens the admin routes; empty: nothing is purged.
        rate: Rounds a second; a few of them are two requests at once.
        token: What the gateway is shown in all other requests.
    """

    def __init__(self, addresses: Mapping[Target, str], admin_token: str, rate: float, token: Token) -> None:
        self._addresses = addresses
        self._admin_token = admin_token
        self._token = token
        self._pause = 1 / rate
        self._reach = {target: Reach() for target in addresses}
        self._etags: dict[str, str] = {}
        self._in_flight = 0

    async def run(self) -> None:
        """Begin when all are ready, and send until cancelled."""
        # A connection for each request: so that every worker of the gateway gets its share.
        connector = aiohttp.TCPConnector(force_close=True, limit=MOST_IN_FLIGHT)
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            await self._all_ready(session)
            await self._token.renew()
            log("info", "traffic started", "demo", targets=list(self._addresses), purges=bool(self._admin_token))
            async with asyncio.TaskGroup() as sending:
                sending.create_task(self._token.keep_fresh())
                for calls in rounds():
                    wanted = [call for call in calls if self._is_wanted(call)]
                    if not wanted:
                        continue
                    if self._in_flight + len(wanted) <= MOST_IN_FLIGHT:
                        self._in_flight += len(wanted)
                        for call in wanted:
                            sending.create_task(self._send(session, call))
                    await asyncio.sleep(self._pause)

    def _is_wanted(self, call: Call) -> bool:
        return call.target in self._addresses and (bool(self._admin_token) or not call.admin)

    async def _send(self, session: aiohttp.ClientSession, call: Call) -> None:
        url = f"{self._addresses[call.target]}{call.path}"
        try:
            async with session.request(
                call.method, url, data=call.body or None, headers=self._headers(call), allow_redirects=False
            ) as answer:
                await answer.read()
                if "ETag" in answer.headers:
                    self._remember(call, answer.headers["ETag"])
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            self._failed(call.target, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the traffic goes on
            log_error("request failed", "demo", error, target=call.target)
        else:
            self._answered(call.target)
        finally:
            self._in_flight -= 1

    def _headers(self, call: Call) -> dict[str, str]:
        headers = {"User-Agent": "demo"}
        if call.body:
            headers["Content-Type"] = "application/json"
        if call.keyed:
            headers["Idempotency-Key"] = str(uuid4())
        if call.admin:
            headers["Authorization"] = f"Bearer {self._admin_token}"
        elif self._token.text and call.target is Target.GATEWAY:
            headers["Authorization"] = f"Bearer {self._token.text}"
        if call.conditional and call.path in self._etags:
            headers["If-None-Match"] = self._etags[call.path]
        return headers

    def _remember(self, call: Call, etag: str) -> None:
        # Only of the few that are asked for with it, so that this does not grow.
        if call.conditional:
            self._etags[call.path] = etag

    def _failed(self, target: Target, error: Exception) -> None:
        if self._reach[target].failed(asyncio.get_running_loop().time()):
            log("warning", "target away", "demo", target=target, reason=type(error).__name__)

    def _answered(self, target: Target) -> None:
        seconds = self._reach[target].answered(asyncio.get_running_loop().time())
        if seconds is not None:
            log("info", "target back", "demo", target=target, seconds=round(seconds, 1))

    async def _all_ready(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        enough = loop.time() + PATIENCE_SECONDS
        waiting = set(self._addresses)
        while Target.GATEWAY in waiting or (waiting and loop.time() < enough):
            for target in tuple(waiting):
                if await self._is_ready(session, target):
                    waiting.remove(target)
            if waiting:
                await asyncio.sleep(_LOOK_SECONDS)

    async def _is_ready(self, session: aiohttp.ClientSession, target: Target) -> bool:
        try:
            async with session.get(f"{self._addresses[target]}/health/ready") as answer:
                return answer.status == HTTPStatus.OK
        except (aiohttp.ClientError, OSError):
            return False
