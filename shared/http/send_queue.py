"""Ready answers on their way: none is sent before it is counted, and they are counted by the turn of the event loop."""

import asyncio
from collections.abc import Sequence

from shared.http.early_tallies import Tally
from shared.observing.logs import log_error


class SendQueue:
    """Answers that wait to be counted and sent.

    Attributes:
        uncounted: where there is something to count.
    """

    def __init__(self) -> None:
        self.uncounted: list[Tally] = []
        self._waiting: list[tuple[asyncio.Transport, Sequence[bytes]]] = []

    def send(self, transport: asyncio.Transport, answer: Sequence[bytes]) -> None:
        """Send the pieces of an answer in this turn of the event loop, once all that wait with it are counted.

        So nobody ever holds more answers than have been counted, even if the process is killed just then.
        """
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._count_and_send)
        self._waiting.append((transport, answer))

    def _count_and_send(self) -> None:
        uncounted, self.uncounted = self.uncounted, []
        waiting, self._waiting = self._waiting, []
        for tally in uncounted:
            try:
                tally.flush()
            except Exception as error:  # noqa: BLE001 - whoever waits for an answer has nothing to do with it
                log_error("unexpected error", "app", error)
        for transport, answer in waiting:
            if not transport.is_closing():
                transport.writelines(answer)
