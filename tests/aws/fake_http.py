"""A local HTTP server for services that are no AWS API of botocore's: what came is kept, a handler answers, faults on demand."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass
class HttpRequest:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at_secs: float = field(default_factory=time.monotonic)


@dataclass
class HttpAnswer:
    """Status, document or bytes, headers."""

    document: Any = None
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    n_missing: int = 0
    wait_secs: float = 0.0


class FakeHttp:
    """A server on 127.0.0.1 whose `handler` answers; `faults` go first."""

    def __init__(self, handler: Callable[[HttpRequest], HttpAnswer]) -> None:
        self.handler = handler
        self.requests: list[HttpRequest] = []
        self.faults: deque[HttpAnswer] = deque()
        self.errors: list[str] = []
        owner = self

        class RequestHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                """Silence."""

            def do_POST(self) -> None:
                owner._serve(self)

            do_GET = do_PUT = do_POST  # noqa: N815

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that went away is no matter."""

        self._server = Server(("127.0.0.1", 0), RequestHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if kind is None:
            assert not self.errors, self.errors

    def _serve(self, http: BaseHTTPRequestHandler) -> None:
        body = http.rfile.read(int(http.headers.get("Content-Length", 0)))
        request = HttpRequest(http.command, http.path, dict(http.headers.items()), body)
        self.requests.append(request)
        try:
            answer = self.faults.popleft() if self.faults else self.handler(request)
        except Exception as error:  # noqa: BLE001 - told at the end
            self.errors.append(repr(error))
            answer = HttpAnswer({"error": repr(error)}, 500)
        time.sleep(answer.wait_secs)
        content = answer.body if answer.body is not None else json.dumps(answer.document).encode()
        http.send_response(answer.status)
        http.send_header("Content-Type", "application/json")
        http.send_header("Content-Length", str(len(content) + answer.n_missing))
        for name, value in answer.headers.items():
            http.send_header(name, value)
        if answer.n_missing:
            http.close_connection = True
        http.end_headers()
        http.wfile.write(content)
