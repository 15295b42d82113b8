"""A local AWS over real HTTP: one service, handlers by operation, faults on demand.

Every request is held against botocore's service model and its signature is recomputed; every answer is held against the model too.
What deviates is kept in `FakeAws.complaints`, and the request is refused as the real service would.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.aws.local_server import LocalServer
from tests.aws.wire import check_shape, check_signature, match_operation, service_model, to_wire

Handler = Callable[[dict[str, Any]], dict[str, Any]]


class AwsFaultError(Exception):
    """What a handler raises to answer with an error of the service."""

    def __init__(self, code: str, message: str = "no", status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.headers = code, message, status, headers or {}


@dataclass
class Misbehaviour:
    """How the connection misbehaves for one request: waits, breaks off, drips, or answers something else."""

    kind: str
    secs: float = 0.0
    body: bytes = b""
    status: int = 200


@dataclass
class Recorded:
    """One request as it came."""

    operation: str
    params: dict[str, Any]
    at_secs: float = field(default_factory=time.monotonic)


class FakeAws(LocalServer):
    """One AWS service on 127.0.0.1.

    Parameters
    ----------
    service : str
        As boto3 calls it.
    handlers : dict
        By operation name; parameters in, answer in Python values out.
    is_signed : bool
        Whether signatures are checked.
    """

    def __init__(self, service: str, handlers: dict[str, Handler], *, is_signed: bool = True) -> None:
        super().__init__()
        self.model = service_model(service)
        self.handlers = handlers
        self.requests: list[Recorded] = []
        self.faults: deque[AwsFaultError | Misbehaviour] = deque()
        self.clock_offset = timedelta()
        self._is_signed = is_signed
        self._lock = threading.Lock()

    @property
    def n_calls(self) -> Counter[str]:
        """Requests by operation."""
        return Counter(request.operation for request in self.requests)

    def serve(self, http: BaseHTTPRequestHandler) -> None:
        raw = http.rfile.read(int(http.headers.get("Content-Length", 0)))
        body = gzip.decompress(raw) if http.headers.get("Content-Encoding") == "gzip" else raw
        split = urlsplit(http.path)
        matched = match_operation(self.model, http.command, split.path, http.headers.get("X-Amz-Target", ""))
        if matched is None:
            self.complaints.append(f"{http.command} {http.path} {http.headers.get('X-Amz-Target')} is no operation")
            self._refuse(http, AwsFaultError("UnknownOperationException", status=404))
            return
        operation, from_path = matched
        params = json.loads(body) if body else {}
        shape = operation.input_shape
        if shape is not None and from_path:
            members = {member.serialization.get("name", name): name for name, member in shape.members.items()}
            params |= {members.get(name, name): value for name, value in from_path.items()}
        params |= self._read_query(operation, split.query)
        with self._lock:
            self.requests.append(Recorded(operation.name, params))
            fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, Misbehaviour):
            self._misbehave(http, fault)
            return
        if fault is not None:
            self._refuse(http, fault)
            return
        if self._is_signed:
            headers = dict(http.headers.items())
            now = datetime.now(UTC) + self.clock_offset
            wrong = check_signature(http.command, http.path, headers, raw, self.model.signing_name, now)
            if wrong:
                is_skew = wrong.startswith("Signature expired")
                if not is_skew:
                    self.complaints.append(wrong)
                self._refuse(http, AwsFaultError("InvalidSignatureException", wrong, 403))
                return
        found = check_shape(shape, params) if shape is not None else []
        if found:
            self.complaints += [f"{operation.name} {one}" for one in found]
            self._refuse(http, AwsFaultError("ValidationException", "; ".join(found)))
            return
        try:
            answer = self.handlers[operation.name](params)
        except AwsFaultError as refused:
            self._refuse(http, refused)
            return
        except Exception as error:  # noqa: BLE001 - told as a violation
            self.complaints.append(f"{operation.name} handler: {error!r}")
            self._refuse(http, AwsFaultError("InternalServerException", repr(error), 500))
            return
        wire: Any = {}
        if operation.output_shape is not None:
            wire = to_wire(operation.output_shape, answer)
            self.complaints += [f"{operation.name} answer {one}" for one in check_shape(operation.output_shape, wire)]
        self._send(http, 200, json.dumps(wire).encode())

    @staticmethod
    def _read_query(operation: Any, query: str) -> dict[str, Any]:
        pairs = dict(parse_qsl(query))
        params: dict[str, Any] = {}
        for name, member in operation.input_shape.members.items() if operation.input_shape else ():
            if member.serialization.get("location") == "querystring" and (key := member.serialization.get("name")) in pairs:
                params[name] = int(pairs[key]) if member.type_name in ("integer", "long") else pairs[key]
        return params

    def _content_type(self) -> str:
        return "application/x-amz-json-1.0" if self.model.metadata.get("targetPrefix") else "application/json"

    def _send(self, http: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        http.send_response(status)
        http.send_header("Content-Type", self._content_type())
        http.send_header("Content-Length", str(len(body)))
        http.send_header("x-amzn-RequestId", "00000000-0000-0000-0000-000000000000")
        for name, value in (headers or {}).items():
            http.send_header(name, value)
        http.end_headers()
        http.wfile.write(body)

    def _refuse(self, http: BaseHTTPRequestHandler, fault: AwsFaultError) -> None:
        body = json.dumps({"__type": fault.code, "message": fault.message, "Message": fault.message}).encode()
        self._send(http, fault.status, body, {"x-amzn-ErrorType": fault.code, **fault.headers})

    def _misbehave(self, http: BaseHTTPRequestHandler, fault: Misbehaviour) -> None:
        http.close_connection = True
        if fault.kind == "silent":
            time.sleep(fault.secs)
            return
        if fault.kind == "reset":
            http.connection.close()
            return
        body = fault.body or b'{"MetricDataResults": []}'
        http.send_response(fault.status)
        http.send_header("Content-Type", self._content_type())
        if fault.kind == "garbage":
            http.send_header("Content-Length", str(len(body)))
            http.end_headers()
            http.wfile.write(body)
            return
        # Half an answer: more is promised than comes.
        http.send_header("Content-Length", str(len(body) + 1_000))
        http.end_headers()
        if fault.kind == "half":
            http.wfile.write(body[: len(body) // 2])
        elif fault.kind == "drip":
            end_secs = time.monotonic() + fault.secs
            for i in range(len(body) + 999):
                if time.monotonic() > end_secs:
                    break
                http.wfile.write(body[i : i + 1] or b" ")
                http.wfile.flush()
                time.sleep(0.05)
