"""What the incident state machine goes by, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.config.schema import AlertSettings, Config, CrosscheckSettings

__all__ = ["AlertPolicy"]


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """Settings that decide about incidents.

    Attributes
    ----------
    alerts : AlertSettings
        Grouping, updating, resolving, severity rules.
    crosscheck : CrosscheckSettings
        What verdicts do to severity.
    region : str
        Region of alerts whose series carry none.

    Examples
    --------
    >>> AlertPolicy(region="us-east-1").alerts.incident.max_series
    50
    """

    alerts: AlertSettings = field(default_factory=AlertSettings)
    crosscheck: CrosscheckSettings = field(default_factory=CrosscheckSettings)
    region: str = "local"

    @classmethod
    def from_config(cls, config: Config) -> AlertPolicy:
        """The part of a configuration that decides about incidents."""
        return cls(config.alerts, config.crosscheck, config.worker.region)
