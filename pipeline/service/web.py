"""``/metrics``, ``/healthz``, ``/readyz``: an HTTP server in a thread of its own, so that it answers while the worker scores."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST

from pipeline.errors import ConfigError
from pipeline.telemetry.metrics import Metrics

__all__ = ["Health", "WebServer"]

Health = Callable[[], dict[str, Any]]
"""Tells ``{"ok": bool, ...}`` with particulars."""


class WebServer:
    """Answers until closed.

    Parameters
    ----------
    host, port
        Address; port 0 takes a free one.
    metrics : Metrics
        What ``/metrics`` shows.
    health : callable
        What ``/healthz`` says: 200 while ``ok``, else 503.
    readiness : callable
        What ``/readyz`` says.

    Attributes
    ----------
    port : int
        The port it listens on.

    Raises
    ------
    ConfigError
        The address cannot be listened on (``WEB_ADDRESS``).
    """

    def __init__(self, host: str, port: int, metrics: Metrics, health: Health, readiness: Health) -> None:
        answers: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/metrics": lambda: (200, CONTENT_TYPE_LATEST, metrics.render()),
            "/healthz": lambda: _answer(health),
            "/readyz": lambda: _answer(readiness),
        }

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answer = answers.get(self.path.partition("?")[0])
                status, content_type, body = answer() if answer is not None else (404, "text/plain", b"not here; try /metrics\n")
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Requests are not logged."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that went away is no news."""

        try:
            self._server = Server((host, port), Handler)
        except OSError as error:
            raise ConfigError(
                f"worker.web_host, worker.web_port: cannot listen on {host}:{port}: {error.strerror or error}; expected a free port "
                "of this machine; choose another, or 0 for a free one",
                code="WEB_ADDRESS",
            ) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="web", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)


def _answer(health: Health) -> tuple[int, str, bytes]:
    told = health()
    return 200 if told["ok"] else 503, "application/json", orjson.dumps(told) + b"\n"
