"""Asking a provider, and its verdicts in short."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pipeline.crosscheck.base import Provider, Verdict
from pipeline.engine.anomaly import Anomaly

__all__ = ["ask", "short"]


def ask(provider: Provider, anomalies: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
    """Its verdicts; it is closed afterwards."""

    async def run() -> Sequence[Verdict]:
        try:
            return await provider.judge(anomalies, deadline_secs)
        finally:
            await provider.close()

    return asyncio.run(run())


def short(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """Outcomes and reasons."""
    return [(verdict.outcome, verdict.reason) for verdict in verdicts]
