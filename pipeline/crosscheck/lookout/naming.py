"""What a series is called in Lookout: detector, measure, dimensions; and the intervals a detector thinks in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.clock import NS_PER_SEC
from pipeline.config.matching import matches
from pipeline.config.providers import LookoutDetector
from pipeline.samples.labels import NAME_LABEL

__all__ = ["INTERVAL_SECS", "LookoutSeries", "find_series", "parse_time"]

INTERVAL_SECS: Mapping[str, int] = {"PT5M": 300, "PT10M": 600, "PT1H": 3_600, "P1D": 86_400}
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?(\[[^\]]*\])?")


@dataclass(frozen=True, slots=True)
class LookoutSeries:
    """A series by its names in Lookout.

    Attributes
    ----------
    detector : LookoutDetector
        Who watches it.
    measure : str
        Its measure.
    dimensions : tuple of (str, str)
        Value by dimension, in the order of the settings.
    """

    detector: LookoutDetector
    measure: str
    dimensions: tuple[tuple[str, str], ...]

    def interval_start_secs(self, event_time_ns: int) -> int:
        """When the interval that holds a time begins, s since the epoch."""
        length_secs = INTERVAL_SECS[self.detector.interval]
        return event_time_ns // (length_secs * NS_PER_SEC) * length_secs

    def __str__(self) -> str:
        inside = ",".join(f"{name}={value}" for name, value in self.dimensions)
        return f"{self.detector.name}/{self.measure}[{inside}]"


def find_series(detectors: Sequence[LookoutDetector], topic: str, labels: Mapping[str, str]) -> LookoutSeries | None:
    """The first detector that watches a series; None when none does.

    Examples
    --------
    >>> data = {"name": "dag", "measures": {"tps": {"metric": "dag_tps"}}, "dimensions": {"node": "instance"}}
    >>> detectors = [LookoutDetector.model_validate(data)]
    >>> str(find_series(detectors, "metrics", {"__name__": "dag_tps", "instance": "n1", "region": "eu-1"}))
    'dag/tps[node=n1]'
    >>> find_series(detectors, "metrics", {"__name__": "dag_tps"}) is None
    True
    """
    for detector in detectors:
        if not matches(detector.match, topic, labels):
            continue
        dimensions = tuple((dimension, labels.get(label, "")) for dimension, label in detector.dimensions.items())
        if not all(value for _, value in dimensions):
            continue
        for name, measure in detector.measures.items():
            if measure.metric == labels.get(NAME_LABEL):
                return LookoutSeries(detector, name, dimensions)
    return None


def parse_time(text: str) -> float:
    """Seconds since the epoch of a time as Lookout writes it: text with or without seconds, offset and zone name.

    Raises
    ------
    ValueError
        It is none.

    Examples
    --------
    >>> parse_time("2026-01-01T00:05:00Z"), parse_time("2026-01-01T00:05Z[UTC]"), parse_time("2026-01-01T01:05:00+01:00")
    (1767225900.0, 1767225900.0, 1767225900.0)
    """
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r}: expected a time, e.g. 2026-01-01T00:05:00Z")
    minutes, seconds, offset, _ = found.groups()
    return datetime.fromisoformat(minutes + (seconds or ":00") + (offset or "Z").replace("Z", "+00:00")).timestamp()
