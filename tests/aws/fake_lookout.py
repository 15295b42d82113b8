"""Lookout for Metrics in the API's own shapes: detectors, executions, anomaly groups, feedback."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.aws.fake_aws import AwsFaultError, FakeAws

DETECTOR = {
    "name": "dag",
    "measures": {"tps": {"metric": "dag_tps"}, "lag": {"metric": "dag_lag", "aggregation": "SUM"}},
    "dimensions": {"region": "region", "node": "instance"},
}
S3 = {"bucket": "metrics", "role_arn": "arn:aws:iam::123456789012:role/read"}

ACCOUNT = "arn:aws:lookoutmetrics:us-east-1:123456789012"


def stamp(secs: float) -> str:
    return f"{datetime.fromtimestamp(secs, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Group:
    """An anomaly group: per measure, the dimensions of its anomalous series."""

    number: int
    start_secs: float
    end_secs: float
    score: float
    series: dict[str, list[dict[str, str]]]
    related: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.number:08x}-0000-4000-8000-000000000000"


class FakeLookout(FakeAws):
    """One account.  ``page_size`` cuts every list."""

    def __init__(self) -> None:
        operations = [
            "ActivateAnomalyDetector", "BackTestAnomalyDetector", "CreateAlert", "CreateAnomalyDetector", "CreateMetricSet",
            "DescribeAnomalyDetectionExecutions", "GetAnomalyGroup", "ListAlerts", "ListAnomalyDetectors",
            "ListAnomalyGroupRelatedMetrics", "ListAnomalyGroupSummaries", "ListAnomalyGroupTimeSeries", "ListMetricSets",
            "PutFeedback",
        ]  # fmt: skip
        super().__init__("lookoutmetrics", {name: getattr(self, f"on_{name}") for name in operations})
        self.detectors: dict[str, dict[str, Any]] = {}
        self.metric_sets: dict[str, list[dict[str, Any]]] = {}
        self.alerts: dict[str, list[dict[str, Any]]] = {}
        self.groups: list[Group] = []
        self.executions: dict[float, str] = {}
        self.feedback: list[dict[str, Any]] = []
        self.page_size = 100

    def add_detector(self, name: str, status: str = "ACTIVE") -> str:
        arn = f"{ACCOUNT}:AnomalyDetector:{name}"
        self.detectors[arn] = {"AnomalyDetectorArn": arn, "AnomalyDetectorName": name, "Status": status}
        return arn

    def _page(self, key: str, entries: list[Any], params: dict[str, Any]) -> dict[str, Any]:
        offset = int(params.get("NextToken", "0"))
        size = min(self.page_size, params.get("MaxResults", 100))
        page = {key: entries[offset : offset + size]}
        if offset + size < len(entries):
            page["NextToken"] = str(offset + size)
        return page

    def _check_arn(self, params: dict[str, Any]) -> str:
        arn = params["AnomalyDetectorArn"]
        if arn not in self.detectors:
            raise AwsFaultError("ResourceNotFoundException", f"{arn} is not there", 404)
        return arn

    def _group(self, params: dict[str, Any]) -> Group:
        self._check_arn(params)
        for group in self.groups:
            if group.id == params["AnomalyGroupId"]:
                return group
        raise AwsFaultError("ResourceNotFoundException", "no such group", 404)

    def on_ListAnomalyDetectors(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._page("AnomalyDetectorSummaryList", list(self.detectors.values()), params)

    def on_DescribeAnomalyDetectionExecutions(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._check_arn(params)
        newest_first = sorted(self.executions.items(), reverse=True)
        return self._page("ExecutionList", [{"Timestamp": stamp(at), "Status": status} for at, status in newest_first], params)

    def on_ListAnomalyGroupSummaries(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._check_arn(params)
        entries = [
            {
                "StartTime": stamp(group.start_secs),
                "EndTime": stamp(group.end_secs),
                "AnomalyGroupId": group.id,
                "AnomalyGroupScore": group.score,
                "PrimaryMetricName": next(iter(group.series)),
            }
            for group in self.groups
            if group.score >= params["SensitivityThreshold"]
        ]
        return self._page("AnomalyGroupSummaryList", entries, params)

    def on_GetAnomalyGroup(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        group = self._group(params)
        impacts = []
        for measure, series in group.series.items():
            names = sorted({name for dimensions in series for name in dimensions})
            contributions = [
                {
                    "DimensionName": name,
                    "DimensionValueContributionList": [
                        {"DimensionValue": value, "ContributionScore": 100.0 / len(series)}
                        for value in sorted({dimensions[name] for dimensions in series if name in dimensions})
                    ],
                }
                for name in names
            ]
            matrix = {"DimensionContributionList": contributions}
            impacts.append({"MetricName": measure, "NumTimeSeries": len(series), "ContributionMatrix": matrix})
        return {
            "AnomalyGroup": {
                "StartTime": stamp(group.start_secs),
                "EndTime": stamp(group.end_secs),
                "AnomalyGroupId": group.id,
                "AnomalyGroupScore": group.score,
                "PrimaryMetricName": next(iter(group.series)),
                "MetricLevelImpactList": impacts,
            }
        }

    def on_ListAnomalyGroupTimeSeries(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        group = self._group(params)
        series = group.series.get(params["MetricName"])
        if series is None:
            raise AwsFaultError("ValidationException", "the group has no such metric")
        entries = [
            {
                "TimeSeriesId": f"ts-{group.number}-{i}",
                "DimensionList": [{"DimensionName": name, "DimensionValue": value} for name, value in dimensions.items()],
                "MetricValueList": [1.0],
            }
            for i, dimensions in enumerate(series)
        ]
        page = self._page("TimeSeriesList", entries, params)
        return {
            "AnomalyGroupId": group.id,
            "MetricName": params["MetricName"],
            "TimestampList": [stamp(group.start_secs)],
            **page,
        }

    def on_ListAnomalyGroupRelatedMetrics(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._page("InterMetricImpactList", self._group(params).related, params)

    def on_PutFeedback(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._check_arn(params)
        self.feedback.append(params["AnomalyGroupTimeSeriesFeedback"])
        return {}

    def on_CreateAnomalyDetector(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"AnomalyDetectorArn": self.add_detector(params["AnomalyDetectorName"], "INACTIVE")}

    def on_ListMetricSets(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        sets = self.metric_sets.get(self._check_arn(params), [])
        entries = [{"MetricSetArn": f"{ACCOUNT}:MetricSet:x", "MetricSetName": one["MetricSetName"]} for one in sets]
        return self._page("MetricSetSummaryList", entries, params)

    def on_CreateMetricSet(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.metric_sets.setdefault(self._check_arn(params), []).append(params)
        return {"MetricSetArn": f"{ACCOUNT}:MetricSet:x"}

    def on_ListAlerts(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        alerts = self.alerts.get(self._check_arn(params), [])
        return self._page("AlertSummaryList", [{"AlertName": one["AlertName"]} for one in alerts], params)

    def on_CreateAlert(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.alerts.setdefault(self._check_arn(params), []).append(params)
        return {"AlertArn": f"{ACCOUNT}:Alert:x"}

    def on_ActivateAnomalyDetector(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        detector = self.detectors[self._check_arn(params)]
        if not self.metric_sets.get(params["AnomalyDetectorArn"]):
            raise AwsFaultError("ValidationException", "no metric set")
        detector["Status"] = "ACTIVATING"
        return {}

    def on_BackTestAnomalyDetector(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        detector = self.detectors[self._check_arn(params)]
        if detector["Status"] != "INACTIVE":
            raise AwsFaultError("ValidationException", "the detector is not inactive")
        detector["Status"] = "BACK_TEST_ACTIVATING"
        return {}
