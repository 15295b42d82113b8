"""What must hold for series: they are remembered for as long as something is judged by them."""

from __future__ import annotations

from pipeline.config.crosscheck_rules import list_providers
from pipeline.config.findings import Findings
from pipeline.config.providers import LocalProvider
from pipeline.config.schema import Config

__all__ = ["check_series"]


def check_series(config: Config, findings: Findings) -> None:
    """A series is not forgotten before its silence can be told."""
    series = config.series
    if series.evict_after_secs <= series.silence_min_secs:
        findings.note(
            ("series", "evict_after_secs"),
            "CFG306",
            expected=f"more than silence_min_secs, {series.silence_min_secs:g}",
            found=f"{series.evict_after_secs:g}",
            cure="raise evict_after_secs: a series that is forgotten cannot be missed",
            among=[("series", "silence_min_secs")],
        )
    for path, provider in list_providers(config):
        if isinstance(provider, LocalProvider) and provider.min_samples > series.context_samples:
            findings.note(
                (*path, "min_samples"),
                "CFG306",
                expected=f"at most series.context_samples, {series.context_samples}",
                found=str(provider.min_samples),
                cure="lower min_samples or raise series.context_samples: every verdict would be unknown",
                among=[("series", "context_samples")],
            )
