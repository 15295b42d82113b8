"""Anomaly groups as Lookout tells them: what one poll of a detector says about many candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.crosscheck.lookout.naming import parse_time

__all__ = ["AnomalyGroup", "Contribution", "DetectorView", "GroupSeries", "describe_contributions", "read_contributions"]

DONE_STATUSES = frozenset({"COMPLETED"})
FAILED_STATUSES = frozenset({"FAILED", "FAILED_TO_SCHEDULE"})


@dataclass(frozen=True, slots=True)
class AnomalyGroup:
    """One summary of ListAnomalyGroupSummaries.

    Attributes
    ----------
    id : str
        Of the group.
    start_secs, end_secs : float
        Starts of its first and last interval, s since the epoch.
    score : float
        Severity, 0 to 100.
    primary_measure : str
        The measure it began with.
    """

    id: str
    start_secs: float
    end_secs: float
    score: float
    primary_measure: str

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any]) -> AnomalyGroup:
        """From an entry of the API.

        Raises
        ------
        KeyError, ValueError
            The entry is not one.
        """
        return cls(
            str(summary["AnomalyGroupId"]),
            parse_time(summary["StartTime"]),
            parse_time(summary["EndTime"]),
            float(summary.get("AnomalyGroupScore", 0.0)),
            str(summary.get("PrimaryMetricName", "")),
        )

    def covers(self, start_secs: float, interval_secs: float) -> bool:
        """Whether the interval that begins then is one of the group's."""
        return self.start_secs - interval_secs < start_secs <= self.end_secs


@dataclass(frozen=True, slots=True)
class GroupSeries:
    """One entry of ListAnomalyGroupTimeSeries: a series that is anomalous in a group."""

    id: str
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> GroupSeries:
        """From an entry of the API."""
        dimensions = tuple((one["DimensionName"], one["DimensionValue"]) for one in entry.get("DimensionList", ()))
        return cls(str(entry["TimeSeriesId"]), dimensions)

    def fits(self, dimensions: Sequence[tuple[str, str]]) -> bool:
        """Whether it is the series with these dimensions, or one that lacks some of them (an aggregate above it)."""
        return set(self.dimensions) <= set(dimensions)


@dataclass(frozen=True, slots=True)
class Contribution:
    """A dimension value's share in a measure's anomaly, 0 to 100."""

    dimension: str
    value: str
    share: float


def read_contributions(group: Mapping[str, Any], measure: str) -> list[Contribution]:
    """The contribution matrix of one measure, largest share first.

    Parameters
    ----------
    group : mapping
        `AnomalyGroup` of a GetAnomalyGroup answer.
    measure : str
        Name of the measure.

    Examples
    --------
    >>> values = [{"DimensionValue": "a", "ContributionScore": 20.0}, {"DimensionValue": "b", "ContributionScore": 80.0}]
    >>> matrix = {"DimensionContributionList": [{"DimensionName": "node", "DimensionValueContributionList": values}]}
    >>> group = {"MetricLevelImpactList": [{"MetricName": "tps", "NumTimeSeries": 2, "ContributionMatrix": matrix}]}
    >>> describe_contributions(read_contributions(group, "tps"))
    'node=b 80 %, node=a 20 %'
    """
    found = []
    for impact in group.get("MetricLevelImpactList", ()):
        if impact.get("MetricName") != measure:
            continue
        for dimension in impact.get("ContributionMatrix", {}).get("DimensionContributionList", ()):
            for value in dimension.get("DimensionValueContributionList", ()):
                share = float(value.get("ContributionScore", 0.0))
                found.append(Contribution(dimension.get("DimensionName", ""), value.get("DimensionValue", ""), share))
    return sorted(found, key=lambda one: (-one.share, one.dimension, one.value))


def describe_contributions(contributions: Sequence[Contribution], n_told: int = 3) -> str:
    """The largest shares in words; "" when there are none."""
    return ", ".join(f"{one.dimension}={one.value} {one.share:.0f} %" for one in contributions[:n_told])


@dataclass(slots=True)
class DetectorView:
    """What was read of one detector at one time.

    Attributes
    ----------
    arn, status : str
        Of the detector.
    groups : list of AnomalyGroup
        At or above the sensitivity.
    is_complete : bool
        Whether these are all of them.
    executions : dict of int to str
        Status by the second the interval of an execution begins.
    """

    arn: str
    status: str
    groups: list[AnomalyGroup] = field(default_factory=list)
    is_complete: bool = True
    executions: dict[int, str] = field(default_factory=dict)

    def execution_of(self, start_secs: int, interval_secs: int) -> str:
        """``done``, ``failed`` or ``awaited``: whether the detector has looked at an interval.

        The stamp of an execution may be the beginning or the end of what it looked at; so an interval counts as looked at only
        when an execution is stamped with its end or later, and as failed only when both of its stamps say so.
        """
        if any(status in DONE_STATUSES and at_secs >= start_secs + interval_secs for at_secs, status in self.executions.items()):
            return "done"
        own = [self.executions.get(start_secs), self.executions.get(start_secs + interval_secs)]
        if any(status in FAILED_STATUSES for status in own) and not any(status in DONE_STATUSES for status in own):
            return "failed"
        return "awaited"
