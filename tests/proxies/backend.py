"""A server in the place of the gateway: remembers what reaches it, and on which connection."""

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.fixtures.processes import START_SECONDS

CHECK = "/health/ready"
STREAM = "/api/stream"
DROP = "/api/drop"
FIRST, SECOND = b"data: first\n\n", b"data: second\n\n"


class Backend:
    """Answers 200; to be entered.

    Attributes:
        heads: The fields of each request but probes, names in lower case.
        lines: Their request lines.
        connections: How many connections they came on.
        go_on: What a stream waits for between its first and its second event.
    """

    def __init__(self) -> None:
        self.heads: list[list[tuple[str, str]]] = []
        self.lines: list[str] = []
        self.connections = 0
        self.go_on = threading.Event()
        backend = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            seen = False

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path != CHECK:
                    backend.connections += not self.seen
                    self.seen = True
                    backend.lines.append(self.requestline)
                    backend.heads.append([(name.lower(), value) for name, value in self.headers.items()])
                if self.path == DROP:
                    self.close_connection = True
                    return
                self.send_response(200)
                if self.path == STREAM:
                    self._stream()
                    return
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}" if self.command != "HEAD" else b"")

            def _stream(self) -> None:
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n%b\r\n" % (len(FIRST), FIRST))
                backend.go_on.wait(START_SECONDS)
                self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(SECOND), SECOND))

            do_GET = do_HEAD = do_POST = do_DELETE = do_PATCH = _answer  # noqa: N815 - names that the library looks for

            def handle(self) -> None:
                with suppress(ConnectionError):
                    super().handle()

            def log_message(self, *_arguments: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def fields(self, name: str) -> list[str]:
        """The values of a field in the last request."""
        return [value for found, value in self.heads[-1] if found == name]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
