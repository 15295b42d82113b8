"""JSON over HTTP with SigV4, basic authentication or none, through botocore's own HTTP session: no further client library."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pipeline.config.providers import RemoteProvider
from pipeline.config.schema import Secret
from pipeline.config.secret import resolve_secret
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.crosscheck.remote.failure import explain_status
from pipeline.errors import ProviderError

__all__ = ["JsonEndpoint"]


class JsonEndpoint:
    """Requests to one base address.  Blocking: to be called from a thread.

    Parameters
    ----------
    where : str
        Name in messages.
    settings : RemoteProvider
        Timeouts, and region for signatures.
    clients : AwsClients
        Whose session holds credentials.
    service : str or None
        Signing name for SigV4, e.g. ``aps``; None = not signed.
    basic : tuple of (str, Secret), optional
        User and password.
    ca_file : str, optional
        Certificate authority.
    """

    def __init__(
        self,
        where: str,
        settings: RemoteProvider,
        clients: AwsClients,
        *,
        service: str | None,
        basic: tuple[str, Secret] | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._where = where
        self._settings = settings
        self._clients = clients
        self._service = service
        self._basic = basic
        self._ca_file = ca_file
        self._http: Any = None

    def post(
        self, url: str, *, document: Mapping[str, Any] | None = None, form: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send a JSON document or a form, get a JSON object.

        Raises
        ------
        ProviderError
            The answer is no success, cut short, or no JSON object.
        botocore.exceptions.BotoCoreError
            No connection, no credentials.
        ConfigError
            The password cannot be had.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import NoCredentialsError, NoRegionError

        if document is not None:
            body, kind = json.dumps(document, separators=(",", ":")).encode(), "application/json"
        else:
            body, kind = urlencode(form or {}).encode(), "application/x-www-form-urlencoded"
        request = AWSRequest("POST", url, headers={"Content-Type": kind, "User-Agent": "streamwarden"}, data=body)
        if self._basic is not None:
            token = f"{self._basic[0]}:{resolve_secret(self._basic[1])}".encode()
            request.headers["Authorization"] = f"Basic {base64.b64encode(token).decode()}"
        elif self._service is not None:
            session = self._clients.session()
            credentials = session.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            region = self._settings.region or session.get_config_variable("region")
            if not region:
                raise NoRegionError
            SigV4Auth(credentials.get_frozen_credentials(), self._service, region).add_auth(request)
        return self._read(self._session().send(request.prepare()))

    def _session(self) -> Any:
        if self._http is None:
            from botocore.httpsession import URLLib3Session

            timeout_secs = self._settings.call_timeout_secs
            self._http = URLLib3Session(
                verify=self._ca_file or True,
                timeout=(timeout_secs, timeout_secs),
                max_pool_connections=self._settings.n_threads,
            )
        return self._http

    def _read(self, response: Any) -> dict[str, Any]:
        body: bytes = response.content
        headers = {name.lower(): value for name, value in response.headers.items()}
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > len(body):
            raise ProviderError(
                f"{self._where}: expected {length} bytes, found {len(body)}; check proxies and load balancers in between",
                code="HALF_ANSWER",
            )
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if response.status_code >= 300:
            raise explain_status(self._where, response.status_code, body.decode(errors="replace"), headers.get("retry-after"))
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ProviderError(
                f"{self._where}: expected a JSON object, found {body[:60]!r}; check that endpoint_url leads to this service",
                code="BAD_ANSWER",
            )
        return answer

    def close(self) -> None:
        """Let go of connections."""
        if self._http is not None:
            self._http.close()
