"""Bands as GetMetricData gives them, and what a value says against one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.crosscheck.expected_band import Band

__all__ = ["SeriesAnswer", "collect_answers", "to_secs"]


@dataclass(slots=True)
class SeriesAnswer:
    """What one query was answered.

    Attributes
    ----------
    values : dict of int to float
        Value by the second its period begins.
    bands : dict of int to Band
        Band by the second its period begins.
    fault : str
        Status and message when CloudWatch did not answer it completely; else "".
    """

    values: dict[int, float] = field(default_factory=dict)
    bands: dict[int, Band] = field(default_factory=dict)
    fault: str = ""

    def band_at(self, start_secs: int, period_secs: int, max_age_periods: int) -> tuple[int, Band] | None:
        """The newest band at or before a period, not older than so many periods, and when it is of."""
        for age in range(max_age_periods + 1):
            at_secs = start_secs - age * period_secs
            if at_secs in self.bands:
                return at_secs, self.bands[at_secs]
        return None


def to_secs(timestamp: datetime) -> int:
    """Whole seconds since the epoch; a time without a zone is UTC, as AWS means it."""
    if timestamp.tzinfo is None:
        timestamp = timestamp.replace(tzinfo=UTC)
    return int(timestamp.timestamp())


def collect_answers(pages: Iterable[Mapping[str, Any]]) -> dict[int, SeriesAnswer]:
    """Answers by position from the pages of one GetMetricData request.

    The band comes as two results with one Id.  Which is the upper one is told by their labels, of no documented form; so the
    higher of the two values at a time is taken for the upper edge.  A time with only one of them has no band.

    Parameters
    ----------
    pages : iterable of mapping
        Responses in the order they came.

    Examples
    --------
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> results = [{"Id": "v0", "Timestamps": [at], "Values": [9.0]}, {"Id": "b0", "Timestamps": [at], "Values": [2.0]},
    ...            {"Id": "b0", "Timestamps": [at], "Values": [7.0]}]
    >>> collect_answers([{"MetricDataResults": results}])[0].bands
    {1767225600: Band(lower=2.0, upper=7.0)}
    """
    answers: dict[int, SeriesAnswer] = {}
    edges: dict[tuple[int, int], list[float]] = {}
    faults: dict[str, str] = {}
    for page in pages:
        for result in page.get("MetricDataResults", ()):
            result_id = result["Id"]
            if result_id[:1] not in "vb" or not result_id[1:].isdigit():
                continue
            position = int(result_id[1:])
            answer = answers.setdefault(position, SeriesAnswer())
            points = zip(result.get("Timestamps", ()), result.get("Values", ()), strict=True)
            for timestamp, value in points:
                if result_id[0] == "v":
                    answer.values[to_secs(timestamp)] = float(value)
                else:
                    edges.setdefault((position, to_secs(timestamp)), []).append(float(value))
            messages = " ".join(str(message.get("Value", "")) for message in result.get("Messages", ()))
            status = result.get("StatusCode", "Complete")
            # The status of a later page supersedes: a result that goes on is PartialData until it is complete.
            faults[result_id] = "" if status == "Complete" else f"{status} {messages}".strip()
    for (position, at_secs), values in edges.items():
        if len(values) >= 2:
            answers[position].bands[at_secs] = Band(min(values), max(values))
    for result_id, fault in faults.items():
        if fault:
            answers[int(result_id[1:])].fault = fault
    return answers
