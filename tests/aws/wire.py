"""Requests and answers held against botocore's own service models, and SigV4 signatures recomputed.

What a fake of ours takes and says is thereby what the real API takes and says, as far as its published model tells.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@cache
def service_model(service: str) -> ServiceModel:
    """The model that botocore's loader finds; for lookoutmetrics that of the package ``botocore-a-la-carte-lookoutmetrics``."""
    return botocore.session.get_session().get_service_model(service)


def check_shape(shape: Shape, value: Any, path: str = "$") -> list[str]:
    """Deviations of a value on the wire from its shape: types, required and unknown members, enums, lengths, ranges, patterns."""
    kind = shape.type_name
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no structure"]
        found = [f"{path}: {name} is required" for name in shape.required_members if value.get(name) is None]
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name, one in value.items():
            if name not in names:
                found.append(f"{path}: {name} is unknown")
            else:
                found += check_shape(names[name], one, f"{path}.{name}")
        if shape.metadata.get("union") and len(value) != 1:
            found.append(f"{path}: {len(value)} members of a union")
        return found
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        found = _check_bounds(shape, len(value), path)
        for i, one in enumerate(value):
            found += check_shape(shape.member, one, f"{path}[{i}]")
        return found
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no map"]
        found = _check_bounds(shape, len(value), path)
        for name, one in value.items():
            found += check_shape(shape.key, name, f"{path} key") + check_shape(shape.value, one, f"{path}.{name}")
        return found
    if kind == "string":
        if not isinstance(value, str):
            return [f"{path}: {value!r} is no string"]
        found = _check_bounds(shape, len(value), path)
        if shape.enum and value not in shape.enum:
            found.append(f"{path}: {value!r} is none of {shape.enum}")
        pattern = shape.metadata.get("pattern")
        if pattern and "[:" not in pattern and not re.search(pattern, value):
            found.append(f"{path}: {value!r} does not fit {pattern}")
        return found
    if kind in ("integer", "long"):
        is_fit = isinstance(value, int) and not isinstance(value, bool)
        return _check_bounds(shape, value, path) if is_fit else [f"{path}: {value!r} is no integer"]
    if kind in ("double", "float", "timestamp"):
        is_fit = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return _check_bounds(shape, value, path) if is_fit else [f"{path}: {value!r} is no number"]
    if kind == "boolean":
        return [] if isinstance(value, bool) else [f"{path}: {value!r} is no boolean"]
    if kind == "blob":
        return [] if isinstance(value, str | bytes) else [f"{path}: {value!r} is no blob"]
    return [f"{path}: shape of type {kind} is not known here"]


def _check_bounds(shape: Shape, size: float, path: str) -> list[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        return [f"{path}: {size} is not in {low} to {high}"]
    return []


def to_wire(shape: Shape, value: Any) -> Any:
    """An answer in Python values as the wire has it: times as seconds, bytes in base 64."""
    if isinstance(shape, StructureShape):
        return {
            shape.members[name].serialization.get("name", name): to_wire(shape.members[name], one) for name, one in value.items()
        }
    if isinstance(shape, ListShape):
        return [to_wire(shape.member, one) for one in value]
    if isinstance(shape, MapShape):
        return {name: to_wire(shape.value, one) for name, one in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, datetime):
        return value.timestamp()
    if shape.type_name == "blob" and isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def match_operation(model: ServiceModel, method: str, path: str, target: str) -> tuple[OperationModel, dict[str, str]] | None:
    """The operation a request is for, and what its path says."""
    if target:
        prefix, _, name = target.partition(".")
        if prefix != model.metadata.get("targetPrefix") or name not in model.operation_names:
            return None
        return model.operation_model(name), {}
    for name in model.operation_names:
        operation = model.operation_model(name)
        uri = operation.http["requestUri"].split("?")[0]
        pattern = re.sub(r"\\{(\w+)\\\+?\\?}", r"(?P<\1>[^/]+)", re.escape(uri).replace(r"\{", "{").replace(r"\}", "}"))
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", pattern)
        found = re.fullmatch(pattern, path)
        if operation.http["method"] == method and found:
            return operation, {name: unquote(value) for name, value in found.groupdict().items()}
    return None


def check_signature(method: str, url: str, headers: dict[str, str], body: bytes, service: str, now: datetime) -> str:
    """What is wrong with a SigV4 signature; "" when it is right.

    References
    ----------
    AWS General Reference, Signature Version 4: canonical request, string to sign, signing key.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})",
        lowered.get("authorization", ""),
    )
    if not found:
        return f"no SigV4 authorization: {lowered.get('authorization')!r}"
    access_key, day, region, signed_service, signed_headers, signature = found.groups()
    if access_key != ACCESS_KEY:
        return f"access key {access_key}"
    if signed_service != service:
        return f"signed for {signed_service}, not for {service}"
    at = lowered["x-amz-date"]
    skew_secs = abs((datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) - now).total_seconds())
    if skew_secs > 300:
        return f"Signature expired: {at} is now {skew_secs:.0f} s away"
    split = urlsplit(url)
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(split.query, keep_blank_values=True))
    names = signed_headers.split(";")
    canonical = "\n".join(
        [
            method,
            quote(split.path or "/", safe="/-_.~") if service != "s3" else split.path or "/",
            "&".join(f"{k}={v}" for k, v in pairs),
            *(f"{name}:{' '.join(lowered[name].split())}" for name in names),
            "",
            signed_headers,
            lowered.get("x-amz-content-sha256", hashlib.sha256(body).hexdigest()),
        ]
    )
    scope = f"{day}/{region}/{signed_service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (day, region, signed_service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return "" if hmac.compare_digest(expected, signature) else "the signature does not fit the request"
