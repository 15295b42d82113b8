"""A local HTTP server for services that are no AWS API of botocore's: what came is kept, a handler answers, faults on demand."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.aws.local_server import LocalServer


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


class FakeHttp(LocalServer):
    """A server on 127.0.0.1 whose `handler` answers; `faults` go first."""

    def __init__(self, handler: Callable[[HttpRequest], HttpAnswer]) -> None:
        super().__init__()
        self.handler = handler
        self.requests: list[HttpRequest] = []
        self.faults: deque[HttpAnswer] = deque()

    def serve(self, http: BaseHTTPRequestHandler) -> None:
        body = http.rfile.read(int(http.headers.get("Content-Length", 0)))
        request = HttpRequest(http.command, http.path, dict(http.headers.items()), body)
        self.requests.append(request)
        try:
            answer = self.faults.popleft() if self.faults else self.handler(request)
        except Exception as error:  # noqa: BLE001 - told at the end
            self.complaints.append(repr(error))
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
