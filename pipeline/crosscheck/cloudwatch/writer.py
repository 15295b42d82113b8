"""The way into CloudWatch: samples of series as PutMetricData requests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.clock import NS_PER_SEC
from pipeline.crosscheck.cloudwatch.names import MetricKey

__all__ = ["MAX_DATA", "MAX_VALUES", "build_data", "group_requests"]

MAX_DATA = 1_000
"""Entries of one request."""
MAX_VALUES = 150
"""Distinct values of one entry."""
MAX_REQUEST_BYTES = 900_000
"""Well below the megabyte a request may have."""
SMALLEST, LARGEST = 2.0**-360, 2.0**360
"""Magnitudes CloudWatch takes; smaller ones are written as 0."""


def build_data(
    key: MetricKey, samples: Sequence[tuple[int, float]], period_secs: int, unit: str | None = None
) -> list[dict[str, Any]]:
    """Entries of PutMetricData: one a period, with its distinct values and how often each was seen.

    Parameters
    ----------
    key : MetricKey
        The metric.
    samples : sequence of (int, float)
        Event time, ns UTC, and value in CloudWatch's unit; values that CloudWatch refuses (NaN, infinite, too large) are left out.
    period_secs : int
        Length of a period.
    unit : str, optional
        As CloudWatch spells it.

    Examples
    --------
    >>> data = build_data(MetricKey("N", "m", (), "Average"), [(0, 1.0), (10**9, 1.0), (61 * 10**9, 3.0)], 60)
    >>> [(entry["Timestamp"], entry["Values"], entry["Counts"]) for entry in data]
    [(0, [1.0], [2.0]), (60, [3.0], [1.0])]
    """
    counts_by_period: dict[int, Counter[float]] = {}
    for time_ns, value in samples:
        if not math.isfinite(value) or abs(value) > LARGEST:
            continue
        rounded = 0.0 if abs(value) < SMALLEST else value
        start_secs = time_ns // (period_secs * NS_PER_SEC) * period_secs
        counts_by_period.setdefault(start_secs, Counter())[rounded] += 1
    data = []
    for start_secs, counts in sorted(counts_by_period.items()):
        values = sorted(counts)
        for first in range(0, len(values), MAX_VALUES):
            part = values[first : first + MAX_VALUES]
            entry: dict[str, Any] = {
                "MetricName": key.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
                "Timestamp": start_secs,
                "Values": part,
                "Counts": [float(counts[value]) for value in part],
            }
            if unit is not None:
                entry["Unit"] = unit
            data.append(entry)
    return data


def _measure(entry: Mapping[str, Any]) -> int:
    labels = sum(len(one["Name"].encode()) + len(one["Value"].encode()) + 30 for one in entry["Dimensions"])
    return 150 + len(entry["MetricName"].encode()) + labels + 36 * len(entry["Values"])


def group_requests(data: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Entries of one namespace in requests as large as CloudWatch takes them.

    Examples
    --------
    >>> entry = {"MetricName": "m", "Dimensions": [], "Values": [1.0]}
    >>> [len(request) for request in group_requests([entry] * 2_300)]
    [1000, 1000, 300]
    """
    request: list[dict[str, Any]] = []
    n_bytes = 0
    for entry in data:
        size = _measure(entry)
        if request and (len(request) == MAX_DATA or n_bytes + size > MAX_REQUEST_BYTES):
            yield request
            request, n_bytes = [], 0
        request.append(entry)
        n_bytes += size
    if request:
        yield request
