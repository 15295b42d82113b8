"""Sets up what the configured providers need on their side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.config.providers import AmpProvider, EnsembleProvider, LookoutProvider
from pipeline.config.schema import CrosscheckSettings
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.crosscheck.remote.failure import explain_failure

__all__ = ["set_up_amp", "set_up_providers"]


def set_up_providers(
    settings: CrosscheckSettings, tell: Callable[[str], None], *, activates: bool = False, tests_back: bool = False
) -> int:
    """Make what is missing; how many providers there was something to set up for.

    Parameters
    ----------
    settings : CrosscheckSettings
        Of the cross-check.
    tell : callable
        Gets one line for each thing made or found.
    activates : bool
        True = also start Lookout detectors.
    tests_back : bool
        True = have new Lookout detectors run once over the history in the bucket.

    Raises
    ------
    ProviderError
        A call failed; what was made before stays.
    ConfigError
        A setting is missing.
    """
    provider = settings.provider
    members = provider.members if isinstance(provider, EnsembleProvider) else [provider]
    n_set_up = 0
    for member in members:
        if isinstance(member, LookoutProvider):
            from pipeline.crosscheck.lookout.setup import set_up

            set_up(member, AwsClients(member), tell, activates=activates, tests_back=tests_back)
            n_set_up += 1
        elif isinstance(member, AmpProvider) and any(detector.query is not None for detector in member.detectors):
            set_up_amp(member, AwsClients(member), tell)
            n_set_up += 1
    return n_set_up


def set_up_amp(settings: AmpProvider, clients: AwsClients, tell: Callable[[str], None]) -> None:
    """Make the anomaly detectors of Amazon Managed Prometheus that have a query and are not there.

    Parameters
    ----------
    settings : AmpProvider settings
        Workspace and detectors.
    clients : AwsClients
        For the calls, which block.
    tell : callable
        Gets one line for each detector.

    Raises
    ------
    ProviderError
        A call failed.
    """

    def call(api: str, method: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(clients.get("amp"), method)(**request)
        except Exception as error:
            raise explain_failure(f"amp {api}", error) from error
        return answer

    for detector in settings.detectors:
        if detector.query is None:
            continue
        request: dict[str, Any] = {"workspaceId": settings.workspace_id, "alias": detector.alias}
        found = call("ListAnomalyDetectors", "list_anomaly_detectors", request).get("anomalyDetectors", ())
        # The alias of a request is a prefix of those that are listed.
        own = next((one for one in found if one.get("alias") == detector.alias), None)
        if own is not None:
            tell(f"detector {detector.alias}: there already, {own.get('status', {}).get('statusCode', '')}")
            continue
        request |= {
            "evaluationIntervalInSeconds": detector.interval_secs,
            "configuration": {"randomCutForest": {"query": detector.query}},
            "missingDataAction": {"skip": True},
        }
        made = call("CreateAnomalyDetector", "create_anomaly_detector", request)
        tell(f"detector {detector.alias}: made, {made.get('arn', '')}")
