"""CloudWatch as far as anomaly detection goes: metrics with data points and bands, in the API's own shapes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.aws.fake_aws import AwsFaultError, FakeAws

Key = tuple[str, str, tuple[tuple[str, str], ...]]


def key_of(metric: dict[str, Any]) -> Key:
    return metric["Namespace"], metric["MetricName"], tuple(sorted((d["Name"], d["Value"]) for d in metric.get("Dimensions", ())))


class FakeCloudWatch(FakeAws):
    """Bands by metric: ``bands[key] = (lower, upper)``, values by ``values[key][second]``."""

    def __init__(self) -> None:
        handlers = {
            "GetMetricData": self.get_metric_data,
            "PutMetricData": self.put_metric_data,
            "PutAnomalyDetector": self.put_anomaly_detector,
        }
        super().__init__("cloudwatch", handlers)
        self.bands: dict[Key, tuple[float, float]] = {}
        self.values: dict[Key, dict[int, float]] = {}
        self.put: list[dict[str, Any]] = []
        self.detectors: list[dict[str, Any]] = []
        self.page_size = 1_000_000
        self.band_end_secs: int | None = None
        self.statuses: dict[str, tuple[str, str]] = {}
        self.default_band: tuple[float, float] | None = None
        self.evaluate: Callable[[str, dict[str, Key]], tuple[float, float] | None] = lambda _expression, _inputs: None

    def get_metric_data(self, params: dict[str, Any]) -> dict[str, Any]:
        queries = params["MetricDataQueries"]
        if len(queries) > 500:
            raise AwsFaultError("ValidationError", f"{len(queries)} queries: at most 500")
        ids = [query["Id"] for query in queries]
        if len(set(ids)) != len(ids) or not all(re.fullmatch(r"[a-z][a-zA-Z0-9_]*", one) for one in ids):
            raise AwsFaultError("ValidationError", "ids must be unique and of letters, digits and underscores")
        by_id = {query["Id"]: query for query in queries}
        results = []
        for query in queries:
            if not query.get("ReturnData", True):
                continue
            results += self._results(query, by_id, params)
        offset = int(params.get("NextToken", "0"))
        page = {"MetricDataResults": results[offset : offset + self.page_size], "Messages": []}
        if offset + self.page_size < len(results):
            page["NextToken"] = str(offset + self.page_size)
        return page

    def _results(self, query: dict[str, Any], by_id: dict[str, dict[str, Any]], params: dict[str, Any]) -> list[dict[str, Any]]:
        band = re.fullmatch(r"ANOMALY_DETECTION_BAND\((\w+), [\d.]+\)", query.get("Expression", ""))
        of = by_id[band.group(1)] if band else query
        inputs = {}
        if "Expression" in of:
            names = re.findall(r"[A-Za-z_]\w*", of["Expression"])
            unknown = [name for name in names if name not in by_id and not name.isupper()]
            if unknown:
                raise AwsFaultError("ValidationError", f"{unknown} in {of['Expression']} is no query")
            inputs = {name: key_of(by_id[name]["MetricStat"]["Metric"]) for name in names if name in by_id}
            key, period = None, of["Period"]
        else:
            key, period = key_of(of["MetricStat"]["Metric"]), of["MetricStat"]["Period"]
        first = -(-int(params["StartTime"]) // period) * period
        times = list(range(first, int(params["EndTime"]), period))[::-1]
        status, message = self.statuses.get(query["Id"], ("Complete", ""))
        base = {"Id": query["Id"], "StatusCode": status, "Messages": [{"Code": status, "Value": message}] if message else []}
        if not band:
            values = self.values.get(key, {}) if key else {}
            found = [t for t in times if t in values]
            stamps = [datetime.fromtimestamp(t, UTC) for t in found]
            return [{**base, "Label": query["Id"], "Timestamps": stamps, "Values": [values[t] for t in found]}]
        edges = self.bands.get(key, self.default_band) if key else self.evaluate(of["Expression"], inputs)
        if edges is None or status != "Complete":
            return [{**base, "Label": query["Id"], "Timestamps": [], "Values": []}]
        kept = [t for t in times if self.band_end_secs is None or t <= self.band_end_secs]
        stamps = [datetime.fromtimestamp(t, UTC) for t in kept]
        # Upper first, and no telling which is which: the real order and labels are not documented.
        return [{**base, "Label": f"line {i}", "Timestamps": stamps, "Values": [edges[i]] * len(kept)} for i in (1, 0)]

    def put_metric_data(self, params: dict[str, Any]) -> dict[str, Any]:
        if len(params["MetricData"]) > 1_000:
            raise AwsFaultError("ValidationError", "too many entries")
        self.put.append(params)
        return {}

    def put_anomaly_detector(self, params: dict[str, Any]) -> dict[str, Any]:
        self.detectors.append(params)
        return {}
