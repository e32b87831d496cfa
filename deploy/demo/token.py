"""What the gateway is shown where it asks who comes: printed by a program, which is run again well before it ends."""

import asyncio
import subprocess
from collections.abc import Sequence

from shared.observing.logs import log

RENEW_SECONDS = 600.0
"""Tokens have to be good for longer."""

RETRY_SECONDS = 2.0


class Token:
    """A bearer token; empty where none is to be had.

    Args:
        command: The program that prints one, and its arguments; without, there is none.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self.text = ""
        self._has_failed = False

    async def keep_fresh(self) -> None:
        """Get a new one time and again, until cancelled."""
        while self._command:
            await asyncio.sleep(RETRY_SECONDS if self._has_failed else RENEW_SECONDS)
            await self.renew()

    async def renew(self) -> None:
        """Get a new one; the last one stays where there is no other."""
        if not self._command:
            return
        printed = await self._run()
        if printed:
            self.text = printed
        elif not self._has_failed:
            log("warning", "no token", "demo", program=self._command[0])
        self._has_failed = not printed

    async def _run(self) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:
            return ""
        printed, _ = await process.communicate()
        text = printed.decode("ascii", "replace").strip()
        return text if process.returncode == 0 and text.isascii() and text.isprintable() else ""
