"""What a series is called in CloudWatch, and the queries that ask for its value and its band."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config.matching import matches
from pipeline.config.providers import CloudWatchMetric, CloudWatchSource
from pipeline.crosscheck.label_template import fill_template
from pipeline.samples.labels import NAME_LABEL

__all__ = ["MAX_DIMENSIONS", "BandQuery", "MetricKey", "band_queries", "find_metric", "map_series"]

MAX_DIMENSIONS = 30


@dataclass(frozen=True, slots=True)
class MetricKey:
    """One metric of CloudWatch with a statistic.

    Attributes
    ----------
    namespace, name, stat : str
        As CloudWatch spells them.
    dimensions : tuple of (str, str)
        Sorted by name.
    """

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str

    def to_metric(self) -> dict[str, Any]:
        """The structure `Metric` of the API."""
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        return {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}

    def __str__(self) -> str:
        inside = ",".join(f"{name}={value}" for name, value in self.dimensions)
        return f"{self.namespace}/{self.name}[{inside}] {self.stat}"


@dataclass(frozen=True, slots=True)
class BandQuery:
    """What is compared with its band: one metric, or metric math over several.

    Attributes
    ----------
    inputs : tuple of (str, MetricKey)
        Metrics by the name they have in the expression; one of any name where there is none.
    expression : str or None
        Metric math.
    period_secs : int
        Period of the data points.
    """

    inputs: tuple[tuple[str, MetricKey], ...]
    expression: str | None
    period_secs: int

    @property
    def n_metrics(self) -> int:
        """Metrics a request for its value and band is charged for."""
        return len(self.inputs)

    @property
    def n_queries(self) -> int:
        """Entries it takes in a request."""
        return len(self.inputs) + (2 if self.expression is not None else 1)

    def __str__(self) -> str:
        if self.expression is None:
            return str(self.inputs[0][1])
        return f"{self.expression} over " + ", ".join(f"{name}={key}" for name, key in self.inputs)


def find_metric(metrics: Sequence[CloudWatchMetric], topic: str, labels: Mapping[str, str]) -> CloudWatchMetric | None:
    """The first of the settings that fits a series."""
    return next((metric for metric in metrics if matches(metric.match, topic, labels)), None)


def _map_source(source: CloudWatchSource, labels: Mapping[str, str]) -> MetricKey | None:
    namespace, name = fill_template(source.namespace, labels), fill_template(source.metric, labels)
    if source.dimensions is None:
        filled = {label: value for label, value in labels.items() if label != NAME_LABEL}
    else:
        filled = {}
        for dimension, template in source.dimensions.items():
            value = fill_template(template, labels)
            if value is None:
                return None
            filled[dimension] = value
    if namespace is None or name is None or len(filled) > MAX_DIMENSIONS:
        return None
    return MetricKey(namespace, name, tuple(sorted(filled.items())), source.stat)


def map_series(metric: CloudWatchMetric, labels: Mapping[str, str]) -> BandQuery | None:
    """What to ask about a series; None when it lacks a label that a name or dimension is made of, or has too many.

    Parameters
    ----------
    metric : CloudWatchMetric
        The setting that fits it.
    labels : mapping of str to str
        Of the series.

    Examples
    --------
    >>> cpu = CloudWatchMetric(namespace="AWS/EC2", metric="CPUUtilization", dimensions={"InstanceId": "{instance}"})
    >>> str(map_series(cpu, {"__name__": "node_cpu", "instance": "i-1"}))
    'AWS/EC2/CPUUtilization[InstanceId=i-1] Average'
    >>> map_series(cpu, {"__name__": "node_cpu"}) is None
    True
    """
    sources: list[tuple[str, CloudWatchSource]] = [("m", metric)] if metric.expression is None else sorted(metric.inputs.items())
    inputs = []
    for name, source in sources:
        key = _map_source(source, labels)
        if key is None:
            return None
        inputs.append((name, key))
    return BandQuery(tuple(inputs), metric.expression, metric.period_secs)


def _rename(expression: str, ids: Mapping[str, str]) -> str:
    """The expression with its inputs' names as the request calls them; what stands in quotes is left alone."""
    parts = re.split(r"""("[^"]*"|'[^']*')""", expression)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"[A-Za-z_][A-Za-z0-9_]*", lambda word: ids.get(word.group(), word.group()), parts[i])
    return "".join(parts)


def value_queries(query: BandQuery, position: int, *, returns_inputs: bool = False) -> list[dict[str, Any]]:
    """Entries of a request that ask for the value; the last one is the value itself, with the Id ``v<position>``."""
    own_id = f"v{position}"
    entries = []
    ids: dict[str, str] = {}
    for number, (name, key) in enumerate(query.inputs):
        ids[name] = own_id if query.expression is None else f"i{position}_{number}"
        stat = {"Metric": key.to_metric(), "Period": query.period_secs, "Stat": key.stat}
        entries.append({"Id": ids[name], "MetricStat": stat, "ReturnData": query.expression is None or returns_inputs})
    if query.expression is not None:
        expression = _rename(query.expression, ids)
        entries.append({"Id": own_id, "Expression": expression, "Period": query.period_secs, "ReturnData": True})
    return entries


def band_queries(query: BandQuery, position: int, band_width: float) -> list[dict[str, Any]]:
    """Entries of a GetMetricData request that ask for the value and the band of one query.

    Parameters
    ----------
    query : BandQuery
        What is asked about.
    position : int
        Tells its entries from others' in one request: ``v<position>`` is the value, ``b<position>`` the band.
    band_width : float
        In standard deviations.

    Examples
    --------
    >>> key = MetricKey("N", "errors", (), "Sum")
    >>> both = BandQuery((("e", key), ("n", key)), "100 * e / n", 60)
    >>> [entry.get("Expression") for entry in band_queries(both, 3, 2.0)]
    [None, None, '100 * i3_0 / i3_1', 'ANOMALY_DETECTION_BAND(v3, 2)']
    """
    band = {"Id": f"b{position}", "Expression": f"ANOMALY_DETECTION_BAND(v{position}, {band_width:g})", "ReturnData": True}
    return [*value_queries(query, position), band]
