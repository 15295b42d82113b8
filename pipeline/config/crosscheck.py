"""The second opinion: who is asked, and what comes of it."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from pipeline.config.providers import LocalProvider, ProviderSettings
from pipeline.config.section import Section
from pipeline.config.severity import Severity

__all__ = ["CrosscheckSettings", "Policy"]

Policy = Literal["emit_then_update", "hold"]

_LOCAL_POLICY: dict[Severity, Policy] = dict.fromkeys(get_args(Severity), "hold")
_REMOTE_POLICY: dict[Severity, Policy] = _LOCAL_POLICY | {"P0": "emit_then_update", "P1": "emit_then_update"}


class CrosscheckSettings(Section):
    """The second opinion."""

    provider: ProviderSettings | None = Field(LocalProvider(), description="Who is asked; null switches the cross-check off.")
    deadline_secs: Annotated[float, Field(gt=0)] = Field(5.0, description="A verdict later than this is unknown.")
    max_in_flight: Annotated[int, Field(ge=1, le=10_000)] = Field(1_000, description="Candidates asked about at a time.")
    policy: dict[Severity, Policy] = Field(
        {},
        description="Per severity: emit at once and update with the verdict, or hold until the verdict or the deadline. Severities "
        "left out are held; with a provider other than `local`, which answers in milliseconds, P0 and P1 are emitted at once.",
    )
    on_refuted: Literal["lower", "mute", "keep"] = Field(
        "lower",
        description="What a refutation does: lower the severity by one, mute (recorded, not emitted), or nothing.",
    )
    on_confirmed: Literal["raise", "keep"] = Field("keep", description="What a confirmation does to the severity.")

    @model_validator(mode="after")
    def _complete_policy(self) -> Self:
        is_quick = self.provider is None or isinstance(self.provider, LocalProvider)
        object.__setattr__(self, "policy", {**(_LOCAL_POLICY if is_quick else _REMOTE_POLICY), **self.policy})
        return self
