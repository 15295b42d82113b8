"""What went wrong with a remote call: one `ProviderError` with a stable code, whatever the library raised."""

from __future__ import annotations

from pipeline.errors import ConfigError, ProviderError

__all__ = ["CODES", "RETRIABLE_CODES", "SHARED_CODES", "explain_failure", "explain_status"]

CODES: dict[str, str] = {
    "THROTTLED": "The service asked for fewer calls.",
    "SERVER_ERROR": "The service failed by its own account.",
    "TIMEOUT": "No answer, or not all of it, in time.",
    "UNREACHABLE": "No connection: a wrong address, a name that does not resolve, nobody listening, TLS refused.",
    "HALF_ANSWER": "The connection broke before the answer was complete.",
    "BAD_ANSWER": "The answer is not what the service's description says.",
    "CREDENTIALS_MISSING": "The credential chain has no credentials.",
    "CREDENTIALS_EXPIRED": "The credentials are expired or no longer valid.",
    "ACCESS_DENIED": "The credentials do not allow the call.",
    "CLOCK_SKEW": "The clock here and the service's differ too much for a signature.",
    "NOT_FOUND": "What was asked about is not there.",
    "BAD_REQUEST": "The service refused the request as wrong.",
    "REGION_MISSING": "No region is configured.",
    "RATE_LIMITED": "Our own limit of calls a minute leaves no room before the deadline.",
    "CIRCUIT_OPEN": "Too many failures in a row: the provider is left alone for a while.",
    "BUSY": "All threads wait for answers that do not come.",
}
"""Sentence by code."""

RETRIABLE_CODES = frozenset({"THROTTLED", "SERVER_ERROR", "TIMEOUT", "UNREACHABLE", "HALF_ANSWER", "BAD_ANSWER"})
"""Worth another attempt."""

SHARED_CODES = RETRIABLE_CODES | {"CREDENTIALS_MISSING", "CREDENTIALS_EXPIRED", "ACCESS_DENIED", "CLOCK_SKEW", "REGION_MISSING"}
"""Other calls would fail in the same way: these open the circuit breaker."""

_CODE_BY_AWS = {
    "Throttling": "THROTTLED",
    "ThrottlingException": "THROTTLED",
    "ThrottledException": "THROTTLED",
    "RequestThrottled": "THROTTLED",
    "RequestThrottledException": "THROTTLED",
    "RequestLimitExceeded": "THROTTLED",
    "LimitExceededException": "THROTTLED",
    "TooManyRequestsException": "THROTTLED",
    "SlowDown": "THROTTLED",
    "ExpiredToken": "CREDENTIALS_EXPIRED",
    "ExpiredTokenException": "CREDENTIALS_EXPIRED",
    "InvalidClientTokenId": "CREDENTIALS_EXPIRED",
    "UnrecognizedClientException": "CREDENTIALS_EXPIRED",
    "InvalidAccessKeyId": "CREDENTIALS_EXPIRED",
    "AccessDenied": "ACCESS_DENIED",
    "AccessDeniedException": "ACCESS_DENIED",
    "UnauthorizedOperation": "ACCESS_DENIED",
    "SignatureDoesNotMatch": "ACCESS_DENIED",
    "InvalidSignatureException": "ACCESS_DENIED",
    "RequestExpired": "CLOCK_SKEW",
    "RequestTimeTooSkewed": "CLOCK_SKEW",
    "RequestInTheFuture": "CLOCK_SKEW",
    "ResourceNotFoundException": "NOT_FOUND",
    "ResourceNotFound": "NOT_FOUND",
    "NoSuchBucket": "NOT_FOUND",
    "NoSuchKey": "NOT_FOUND",
}

_CURES = {
    "THROTTLED": "lower max_calls_per_minute, or ask for a higher quota",
    "SERVER_ERROR": "nothing to do here but wait",
    "TIMEOUT": "raise call_timeout_secs and crosscheck.deadline_secs if the service is only slow",
    "UNREACHABLE": "check region, endpoint_url and the network",
    "HALF_ANSWER": "check proxies and load balancers in between",
    "BAD_ANSWER": "check that endpoint_url leads to this service",
    "CREDENTIALS_MISSING": "give the worker a role, or set the usual AWS variables",
    "CREDENTIALS_EXPIRED": "renew the credentials",
    "ACCESS_DENIED": "allow the call: docs/iam holds the policies",
    "CLOCK_SKEW": "set the clock, e.g. with NTP",
    "NOT_FOUND": "check names and identifiers, and the region",
    "BAD_REQUEST": "correct the provider's settings",
    "REGION_MISSING": "set crosscheck.provider.region or AWS_DEFAULT_REGION",
}


def _make(code: str, where: str, found: str, retry_after_secs: float | None = None) -> ProviderError:
    return ProviderError(f"{where}: {found}; {_CURES[code]}", code=code, retry_after_secs=retry_after_secs)


def _code_of_status(status: int) -> str:
    if status == 429:
        return "THROTTLED"
    if status == 408 or status == 504:
        return "TIMEOUT"
    if status >= 500:
        return "SERVER_ERROR"
    return {401: "ACCESS_DENIED", 403: "ACCESS_DENIED", 404: "NOT_FOUND"}.get(status, "BAD_REQUEST")


def _read_retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header; one that names a date is not used: it would need the other side's clock."""
    try:
        secs = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return min(secs, 300.0) if secs >= 0.0 else None


def explain_status(where: str, status: int, text: str, retry_after: str | None = None) -> ProviderError:
    """The error of an HTTP answer that is no success.

    Parameters
    ----------
    where : str
        What was called.
    status : int
        HTTP status, 300 or more.
    text : str
        Of the answer; its beginning is told.
    retry_after : str, optional
        The header of that name.

    Examples
    --------
    >>> error = explain_status("amp Query", 503, "try later", "7")
    >>> error.code, error.retry_after_secs
    ('SERVER_ERROR', 7.0)
    """
    found = f"found status {status}" + (f", {text.strip()[:200]}" if text.strip() else "")
    code = _code_of_status(status)
    if code == "ACCESS_DENIED":
        lowered = text.lower()
        if "expired" in lowered and "token" in lowered:
            code = "CREDENTIALS_EXPIRED"
        elif "signature expired" in lowered or "not yet current" in lowered:
            code = "CLOCK_SKEW"
    return _make(code, where, found, _read_retry_after(retry_after))


def explain_failure(where: str, error: BaseException) -> ProviderError:
    """The error that a library's exception stands for.

    Parameters
    ----------
    where : str
        What was called, e.g. ``cloudwatch GetMetricData``.
    error : BaseException
        Of botocore, urllib3 or the socket.

    Returns
    -------
    ProviderError
        Its code is a key of `CODES`.
    """
    import botocore.exceptions as aws

    if isinstance(error, ProviderError):
        return error
    if isinstance(error, aws.ClientError):
        return _explain_client_error(where, error)
    code = "BAD_ANSWER"
    if isinstance(
        error, aws.NoCredentialsError | aws.PartialCredentialsError | aws.ProfileNotFound | aws.CredentialRetrievalError
    ):
        code = "CREDENTIALS_MISSING"
    elif isinstance(error, aws.TokenRetrievalError | aws.SSOTokenLoadError | aws.UnauthorizedSSOTokenError):
        code = "CREDENTIALS_EXPIRED"
    elif isinstance(error, aws.NoRegionError):
        code = "REGION_MISSING"
    elif isinstance(error, aws.ReadTimeoutError | aws.ConnectTimeoutError | TimeoutError):
        code = "TIMEOUT"
    elif isinstance(error, aws.ConnectionClosedError | aws.IncompleteReadError | aws.ResponseStreamingError):
        code = "HALF_ANSWER"
    elif isinstance(error, aws.EndpointConnectionError | aws.HTTPClientError | OSError):
        code = "UNREACHABLE"
    elif isinstance(error, aws.ParamValidationError | ConfigError | aws.InvalidRegionError):
        code = "BAD_REQUEST"
    text = " ".join(str(error).split()) or type(error).__name__
    return _make(code, where, f"found {type(error).__name__}: {text[:200]}")


def _explain_client_error(where: str, error: BaseException) -> ProviderError:
    response = error.response  # type: ignore[attr-defined]
    aws_code = str(response.get("Error", {}).get("Code", ""))
    text = " ".join(str(response.get("Error", {}).get("Message", "")).split())
    metadata = response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0) or 0)
    code = _CODE_BY_AWS.get(aws_code.removesuffix("Fault")) or _CODE_BY_AWS.get(aws_code) or _code_of_status(status)
    if "signature expired" in text.lower() or "signature not yet current" in text.lower():
        code = "CLOCK_SKEW"
    retry_after = metadata.get("HTTPHeaders", {}).get("retry-after")
    return _make(code, where, f"found {aws_code or 'no error code'} ({status}), {text[:200]}", _read_retry_after(retry_after))
