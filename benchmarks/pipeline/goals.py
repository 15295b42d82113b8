"""What the worker is to cost at most, in multiples of what a rival of the same run costs."""

from __future__ import annotations

from typing import Any, NamedTuple


class Goal(NamedTuple):
    """`who` is to cost at most `most` times what `rival` costs."""

    who: str
    rival: str
    most: float


GOALS = (
    Goal("worker-default", "confluent-bare", 1.0),
    Goal("worker-default", "java-zscore", 1.0),
    Goal("worker-default", "kafka-streams", 1 / 4),
    Goal("worker-default", "quix-river", 1 / 15),
    Goal("worker-lane", "confluent-bare", 0.6),
)
"""Of issue 7: the worker with its default detector, and the lane alone."""

SAMPLES_PER_CPU_SEC = 2_000_000
"""Of the same issue: what the worker with its default detector is to score at least, where messages are requests of many samples."""

HALF_LOAD_P99_MS = 100.0
"""Of the same issue: from the append of a record to the append of the alert, at half of the sustained rate."""

MILLION_LIGHT_SERIES_MIB = 2_560.0
"""Of the same issue: what a process may take that holds 1,000,000 series of the model of least state."""


def find_goals(report: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Goals that a result of another benchmark than the pipeline's speaks of: what, at most, measured.

    Examples
    --------
    >>> find_goals({"benchmark": "latency", "results": [{"share": 0.5, "append_ms": {"p99": 80.0}}]})
    [('p99 at half load, ms', 100.0, 80.0)]
    """
    found: list[tuple[str, float, float]] = []
    if report["benchmark"] == "latency":
        found += [
            ("p99 at half load, ms", HALF_LOAD_P99_MS, one["append_ms"]["p99"])
            for one in report["results"]
            if one["share"] == 0.5 and one["append_ms"]
        ]
    if report["benchmark"] == "memory":
        found += [
            ("1,000,000 light series, peak MiB", MILLION_LIGHT_SERIES_MIB, one["peak_mib"])
            for one in report["results"]
            if one["model"] == "gaussian_scorer" and one["n_series"] >= 1_000_000
        ]
    return found
