"""Detectors: which series, which model, where to cut, and how suspicions become episodes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.config.section import Form, LabelName, Match, NonEmpty, Section

__all__ = [
    "Category",
    "DetectorSettings",
    "EpisodeSettings",
    "FixedThreshold",
    "GroupSettings",
    "ModelSettings",
    "TailThreshold",
    "Threshold",
]

Category = Literal["infrastructure", "application", "business", "security"]

DetectorName = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]{0,63}$"),
    Form("a name of lower-case letters, digits and underscores, a letter first, at most 64"),
]


class ModelSettings(Section):
    """A model by its registered name."""

    type: str = Field("default", description="Registered name of the model; `streamwarden models` lists them.")
    parameters: dict[str, Any] = Field({}, description="Parameters of the model; unknown or out-of-range ones are refused.")


class TailThreshold(Section):
    """Cut on a tail probability that is calibrated per series."""

    type: Literal["tail"] = Field("tail", description="A cut on the calibrated tail probability.")
    probability: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        1e-5,
        description="A sample whose tail probability is at or below this is anomalous. Of a model without a tail of its own, "
        "plain noise meets 0.01 up to 1.5 times as often as it says, 0.001 up to 2.7 times.",
    )
    min_samples: Annotated[int, Field(ge=10)] = Field(
        100, description="Scored samples a series must have had before its tail is trusted."
    )


class FixedThreshold(Section):
    """Cut on the bare score."""

    type: Literal["fixed"] = Field("fixed", description="A cut on the bare score.")
    score: float = Field(description="A sample whose score is at or above this is anomalous.")


Threshold = Annotated[TailThreshold | FixedThreshold, Field(discriminator="type")]


class EpisodeSettings(Section):
    """When a run of anomalous samples opens, is reported again, and is over."""

    open_after_samples: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="Anomalous samples in a row that open an episode."
    )
    clear_after_samples: Annotated[int, Field(ge=1, le=100_000)] = Field(
        10, description="Normal samples in a row that end an episode."
    )
    repeat_secs: Annotated[float, Field(gt=0)] = Field(
        300.0, description="An episode that goes on is reported again after this much event time."
    )


class GroupSettings(Section):
    """Series that are scored together: one vector a group and period."""

    by: Annotated[list[LabelName], Field(min_length=1, max_length=16)] = Field(
        description="Labels whose values make one group; all its series must be in one partition, so let producers key by them."
    )
    features: Annotated[list[NonEmpty], Field(min_length=2, max_length=64)] = Field(
        description="Metric names, one a column of the vectors."
    )
    target: NonEmpty | None = Field(
        None,
        description="Feature that is predicted from the others, or the only one a model of one value looks at; never held. Without "
        "one, a model that predicts predicts the first.",
    )
    period_secs: Annotated[float, Field(gt=0)] = Field(
        60.0, description="Event-time period from which one vector is made; of several samples of a feature the last counts."
    )
    wait_secs: Annotated[float, Field(ge=0)] = Field(
        10.0,
        description="How long after its end, by the watermark, a period waits for stragglers; later ones are late to the group.",
    )
    missing: Literal["last", "absent", "skip"] = Field(
        "last",
        description="A feature without a sample in the period: its last value, missing to the model, or no vector for the period.",
    )
    hold_periods: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        3,
        description="With `missing: last`, for how many periods a value stands in; after that the feature is missing to the model.",
    )


class DetectorSettings(Section):
    """One detector: which series, which model, where to cut."""

    name: DetectorName = Field(description="Name, unique, in anomalies and metrics.")
    match: Match = Field(Match(), description="Series it scores.")
    model: ModelSettings = Field(ModelSettings(), description="What scores them.")
    group: GroupSettings | None = Field(
        None,
        description="Score vectors of several series instead of each series; needs a multivariate model, and never ends the search.",
    )
    threshold: Threshold = Field(TailThreshold(), description="Where a score becomes an anomaly.")
    direction: Literal["both", "above", "below"] = Field(
        "both",
        description="Side of the expected value on which anomalies count; needs a model that has an expected value.",
    )
    episode: EpisodeSettings = Field(EpisodeSettings(), description="Opening, repeating and ending of episodes.")
    category: Category = Field("infrastructure", description="Category of its alerts.")
    absence: bool = Field(True, description="Whether silence of its series raises absence anomalies.")
    also: bool = Field(
        False,
        description="A series goes to the first detector that fits; `also: true` joins in without ending the search.",
    )
    runbook: str | None = Field(None, description="Link put into its alerts.")
