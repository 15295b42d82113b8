"""AWS clients: the usual credential chain, an endpoint of one's own where wanted, service models that boto3 no longer carries."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.providers import RemoteProvider
from pipeline.errors import ProviderError

__all__ = ["MODEL_DIR", "AwsClients", "check_answer"]

MODEL_DIR = Path(__file__).parent.parent / "aws_models"
"""Service models in the layout of botocore's data folder."""


class AwsClients:
    """Clients of AWS services, built when first asked for.

    boto3 is imported and the credential chain is walked in the thread that asks, never on import and never in the constructor.

    Parameters
    ----------
    settings : RemoteProvider
        Region, profile, endpoint, timeouts.

    Notes
    -----
    botocore's own retries are off: they know nothing of the deadline, the rate limit and the breaker.
    """

    def __init__(self, settings: RemoteProvider) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, str | None], Any] = {}

    def get(self, service: str, endpoint_url: str | None = None, *, is_own: bool = True) -> Any:
        """The client of a service.

        Parameters
        ----------
        service : str
            As botocore calls it.
        endpoint_url : str, optional
            Where it is; None = at the provider's configured endpoint, or where AWS has it.
        is_own : bool
            False = not the provider's own service but one it works with: the provider's endpoint is not its.

        Raises
        ------
        botocore.exceptions.BotoCoreError
            No region, no such profile; what calls raise comes later.
        """
        if endpoint_url is None and is_own:
            endpoint_url = self._settings.endpoint_url
        key = (service, endpoint_url)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._build(service, endpoint_url)
            return self._clients[key]

    def session(self) -> Any:
        """The botocore session: credentials and region."""
        with self._lock:
            return self._get_session()

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _get_session(self) -> Any:
        if self._session is None:
            import botocore.session

            # A session of botocore's own for what the chain is: variables, files, web identity, container, instance.
            session = botocore.session.Session(profile=self._settings.profile)
            if self._settings.region is not None:
                session.set_config_variable("region", self._settings.region)
            session.get_component("data_loader").search_paths.insert(0, str(MODEL_DIR))
            self._session = session
        return self._session

    def _build(self, service: str, endpoint_url: str | None) -> Any:
        import boto3
        from botocore.config import Config

        settings = self._settings
        config = Config(
            connect_timeout=settings.call_timeout_secs,
            read_timeout=settings.call_timeout_secs,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=settings.n_threads,
            user_agent_extra="streamwarden",
        )
        session = boto3.Session(botocore_session=self._get_session())
        client = session.client(service, endpoint_url=endpoint_url, config=config)
        if "json" in client.meta.service_model.resolved_protocol:
            client.meta.events.register("before-parse", check_answer)
        return client


def check_answer(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse a successful answer that is cut short or no JSON object: botocore would take it for an empty one.

    Raises
    ------
    ProviderError
        ``HALF_ANSWER`` or ``BAD_ANSWER``.
    """
    if response_dict["status_code"] >= 300:
        return
    body, where = response_dict["body"], f"{operation_model.service_model.service_name} {operation_model.name}"
    length = response_dict["headers"].get("content-length", "")
    if length.isdigit() and int(length) > len(body) and "content-encoding" not in response_dict["headers"]:
        raise ProviderError(
            f"{where}: expected {length} bytes, found {len(body)}; check proxies and load balancers in between",
            code="HALF_ANSWER",
        )
    try:
        # What only writes may have nothing to say.
        is_object = isinstance(json.loads(body), dict) if body else operation_model.name.startswith("Put")
    except ValueError:
        is_object = False
    if not is_object:
        raise ProviderError(
            f"{where}: expected a JSON object, found {body[:60]!r}; check that endpoint_url leads to this service",
            code="BAD_ANSWER",
        )
