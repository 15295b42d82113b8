"""What every part of the schema is made of: the strict frozen section, texts of a form, secrets, matchers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Form", "Glob", "LabelName", "Match", "NonEmpty", "Secret", "Section", "VariableName"]

Glob = str | list[str]


@dataclass(frozen=True, slots=True)
class Form:
    """What a pattern asks for, in words."""

    words: str


LabelName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.:/-]{0,127}$"),
    Form("a label name: a letter or underscore, then letters, digits and _ . : / -"),
]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), Form("the name of an environment variable")]
NonEmpty = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A mapping of the configuration: no unknown keys, no conversions, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Secret(Section):
    """A secret taken from the environment or a file, never written in the configuration."""

    env: VariableName | None = Field(None, description="Name of the environment variable that holds the secret.")
    file: NonEmpty | None = Field(None, description="Path of a file that holds the secret; the last line break is dropped.")


class Match(Section):
    """Which series a detector or rule is for; an absent field fits everything."""

    topic: Glob | None = Field(None, description="Source topic.")
    name: Glob | None = Field(None, description="Metric name.")
    labels: dict[str, Glob] = Field({}, description="Label values; a label that is missing has the value ''.")
