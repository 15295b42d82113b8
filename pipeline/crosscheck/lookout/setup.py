"""Makes detectors, metric sets and alerts of Lookout from the settings; what is there already is left as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.config.providers import LookoutDetector
from pipeline.config.providers import LookoutProvider as LookoutSettings
from pipeline.crosscheck.lookout.interval_table import TIMESTAMP_COLUMN, TIMESTAMP_FORMAT, templated_path
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.crosscheck.remote.failure import explain_failure
from pipeline.errors import ConfigError

__all__ = ["metric_set_request", "set_up"]


def metric_set_request(settings: LookoutSettings, detector: LookoutDetector, arn: str) -> dict[str, Any]:
    """Arguments of CreateMetricSet: measures, dimensions and where the files lie.

    Raises
    ------
    ConfigError
        No bucket in the settings (``LOOKOUT_NO_BUCKET``).
    """
    if settings.s3 is None:
        raise ConfigError(
            "crosscheck.provider.s3: found none; expected the bucket the detectors read; add s3: {bucket: ..., role_arn: ...}",
            code="LOOKOUT_NO_BUCKET",
        )
    csv_format = {"FileCompression": "NONE", "Charset": "UTF-8", "ContainsHeader": True, "Delimiter": ",", "QuoteSymbol": '"'}
    request: dict[str, Any] = {
        "AnomalyDetectorArn": arn,
        "MetricSetName": f"{detector.name}-series"[:63],
        "MetricList": [
            {"MetricName": name, "AggregationFunction": measure.aggregation} for name, measure in detector.measures.items()
        ],
        "Offset": detector.delay_secs,
        "TimestampColumn": {"ColumnName": TIMESTAMP_COLUMN, "ColumnFormat": TIMESTAMP_FORMAT},
        "MetricSetFrequency": detector.interval,
        "MetricSource": {
            "S3SourceConfig": {
                "RoleArn": settings.s3.role_arn,
                "TemplatedPathList": [templated_path(settings.s3, detector.name)],
                "FileFormatDescriptor": {"CsvFormatDescriptor": csv_format},
            }
        },
        "Timezone": "UTC",
    }
    if detector.dimensions:
        request["DimensionList"] = list(detector.dimensions)
    return request


def set_up(
    settings: LookoutSettings,
    clients: AwsClients,
    tell: Callable[[str], None],
    *,
    activates: bool = False,
    tests_back: bool = False,
) -> None:
    """Make what is missing, detector by detector.

    Parameters
    ----------
    settings : LookoutProvider settings
        Detectors, bucket, alert.
    clients : AwsClients
        For the calls, which block.
    tell : callable
        Gets one line for each thing made or found.
    activates : bool
        True = also start the detectors: from then on they cost money.
    tests_back : bool
        True = have new detectors run once over the history in the bucket instead.

    Raises
    ------
    ProviderError
        A call failed; what was made before stays, and the next run goes on from there.
    ConfigError
        No bucket in the settings, or the topic of the alert is not there (``LOOKOUT_NO_TOPIC``).
    """
    # Before anything is made.
    metric_set_request(settings, settings.detectors[0], "")
    _require_topic(settings, clients)
    found = {one["AnomalyDetectorName"]: one for one in _read(clients, "ListAnomalyDetectors", "AnomalyDetectorSummaryList", {})}
    for detector in settings.detectors:
        summary = found.get(detector.name)
        if summary is None:
            request = {
                "AnomalyDetectorName": detector.name,
                "AnomalyDetectorDescription": "Second opinion of Streamwarden",
                "AnomalyDetectorConfig": {"AnomalyDetectorFrequency": detector.interval},
            }
            arn, status = _call(clients, "CreateAnomalyDetector", request)["AnomalyDetectorArn"], "INACTIVE"
            tell(f"detector {detector.name}: made, {arn}")
        else:
            arn, status = summary["AnomalyDetectorArn"], summary.get("Status", "")
            tell(f"detector {detector.name}: there already, {arn}, {status}")
        _set_up_metric_set(settings, detector, arn, clients, tell)
        _set_up_alert(settings, detector, arn, clients, tell)
        if activates and status == "INACTIVE":
            _call(clients, "ActivateAnomalyDetector", {"AnomalyDetectorArn": arn})
            tell(f"detector {detector.name}: activated; it costs money from now on")
        elif tests_back and status == "INACTIVE":
            _call(clients, "BackTestAnomalyDetector", {"AnomalyDetectorArn": arn})
            tell(
                f"detector {detector.name}: tested back over what lies in the bucket; its anomalies are in the console of the service"
            )


def _require_topic(settings: LookoutSettings, clients: AwsClients) -> None:
    if settings.alert is None:
        return
    topic_arn = settings.alert.sns_topic_arn
    api = "GetTopicAttributes"
    try:
        clients.get("sns", settings.alert.endpoint_url, is_own=False).get_topic_attributes(TopicArn=topic_arn)
    except Exception as error:
        failure = explain_failure(f"sns {api}", error)
        if failure.code != "NOT_FOUND":
            raise failure from error
        raise ConfigError(
            f"crosscheck.provider.alert.sns_topic_arn: found no topic {topic_arn}; expected one that is there; make it "
            "(aws sns create-topic), or name another; nothing was set up",
            code="LOOKOUT_NO_TOPIC",
        ) from error


def _set_up_metric_set(
    settings: LookoutSettings, detector: LookoutDetector, arn: str, clients: AwsClients, tell: Callable[[str], None]
) -> None:
    request = metric_set_request(settings, detector, arn)
    sets = list(_read(clients, "ListMetricSets", "MetricSetSummaryList", {"AnomalyDetectorArn": arn}))
    if sets:
        # A detector has one metric set.
        tell(f"metric set of {detector.name}: there already, {sets[0].get('MetricSetName', '')}")
        return
    made = _call(clients, "CreateMetricSet", request)
    tell(f"metric set of {detector.name}: made, {made.get('MetricSetArn', '')}")


def _set_up_alert(
    settings: LookoutSettings, detector: LookoutDetector, arn: str, clients: AwsClients, tell: Callable[[str], None]
) -> None:
    if settings.alert is None:
        return
    name = f"{detector.name}-alert"[:63]
    alerts = _read(clients, "ListAlerts", "AlertSummaryList", {"AnomalyDetectorArn": arn})
    if any(one.get("AlertName") == name for one in alerts):
        tell(f"alert of {detector.name}: there already")
        return
    action = {
        "SNSConfiguration": {
            "RoleArn": settings.alert.role_arn,
            "SnsTopicArn": settings.alert.sns_topic_arn,
            "SnsFormat": "JSON",
        }
    }
    request = {
        "AlertName": name,
        "AlertSensitivityThreshold": settings.alert.sensitivity,
        "AnomalyDetectorArn": arn,
        "Action": action,
    }
    made = _call(clients, "CreateAlert", request)
    tell(f"alert of {detector.name}: made, {made.get('AlertArn', '')}")


def _call(clients: AwsClients, api: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    import botocore

    try:
        answer: Mapping[str, Any] = getattr(clients.get("lookoutmetrics"), botocore.xform_name(api))(**request)
    except Exception as error:
        raise explain_failure(f"lookout {api}", error) from error
    return answer


def _read(clients: AwsClients, api: str, key: str, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    token: str | None = None
    while True:
        page = _call(clients, api, dict(request) if token is None else {**request, "NextToken": token})
        yield from page.get(key, ())
        token = page.get("NextToken")
        if not token:
            return
