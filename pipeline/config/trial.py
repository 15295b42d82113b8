"""Settings of trials: made samples and log lines, and the incidents they should come to (``tests`` in ``topics.yaml``)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.section import Glob, LabelName, NonEmpty, Section
from pipeline.config.severity import Severity

__all__ = ["ExpectedIncident", "Trial", "TrialLines", "TrialPart", "TrialSeries"]


class TrialPart(Section):
    """A stretch of a made series."""

    samples: Annotated[int, Field(ge=1, le=100_000)] = Field(description="How many samples it has.")
    value: float = Field(0.0, description="Value of its samples, before the spread.")
    to: float | None = Field(None, description="Value at its end, reached in a straight line; null = as at its beginning.")
    spread: Annotated[float, Field(ge=0)] = Field(0.0, description="Standard deviation of normal noise on the values.")
    silent: bool = Field(False, description="Whether its samples are not sent at all.")


class TrialSeries(Section):
    """A made series."""

    topic: NonEmpty | None = Field(None, description="Source topic; null = the first of kind metrics.")
    name: NonEmpty = Field(description="Metric name.")
    labels: dict[LabelName, str] = Field({}, description="Its labels.")
    interval_secs: Annotated[float, Field(gt=0, le=86_400)] = Field(15.0, description="Event time between two samples.")
    parts: Annotated[list[TrialPart], Field(min_length=1)] = Field(description="What it does, stretch after stretch.")


class TrialLines(Section):
    """Made log lines of one kind."""

    topic: NonEmpty | None = Field(None, description="Source topic; null = the first of format log_json.")
    labels: dict[LabelName, str] = Field({}, description="Labels of their source.")
    level: str = Field("INFO", description="Severity word.")
    message: NonEmpty = Field(description="Text of a line; {n} stands for a number that varies.")
    lines_per_minute: Annotated[float, Field(gt=0, le=60_000)] = Field(description="How many, evenly spread.")
    from_secs: Annotated[float, Field(ge=0)] = Field(0.0, description="Event time of the first, from the beginning of the trial.")
    to_secs: Annotated[float, Field(gt=0, le=1_000_000)] = Field(description="Event time after which there are no more.")


class ExpectedIncident(Section):
    """An incident that a trial should come to; what is left out may be anything."""

    severity: Severity | None = Field(None, description="Its most severe word.")
    category: Literal["infrastructure", "application", "business", "security"] | None = Field(None, description="Its category.")
    region: str | None = Field(None, description="Its region.")
    series: Glob | None = Field(None, description="Metric name of a series it shows.")
    after_secs: Annotated[float, Field(ge=0)] = Field(0.0, description="It is told no earlier than this, from the beginning.")
    before_secs: Annotated[float, Field(gt=0)] | None = Field(None, description="It is told before this, from the beginning.")


class Trial(Section):
    """Made input and the incidents it should come to; no other may come of it."""

    name: NonEmpty = Field(description="Name, unique.")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(1, description="Seed of the noise.")
    series: list[TrialSeries] = Field([], description="Made series.")
    lines: list[TrialLines] = Field([], description="Made log lines.")
    incidents: list[ExpectedIncident] = Field([], description="What it should come to; empty = to nothing at all.")
