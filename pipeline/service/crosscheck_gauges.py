"""Exports what the cross-check does: calls and cost by provider, breakers, checks under way."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.crosscheck.base import Provider
from pipeline.crosscheck.meters import list_callers
from pipeline.telemetry.metrics import Metrics

__all__ = ["show_crosscheck"]


def show_crosscheck(metrics: Metrics, provider: Provider | None, n_pending: Mapping[int, int]) -> None:
    """Bring the metrics up to date.

    Parameters
    ----------
    metrics : Metrics
        Of the worker.
    provider : Provider or None
        Who is asked.
    n_pending : mapping of int to int
        Checks under way, by partition.
    """
    for partition, n in n_pending.items():
        metrics.show("crosscheck_pending", n, partition=str(partition))
    for name, caller in list_callers(provider):
        source = f"crosscheck/{name}"
        for (api, outcome), n_calls in caller.meter.n_calls.items():
            metrics.follow("crosscheck_calls_total", n_calls, source, provider=name, api=api, outcome=outcome)
        metrics.follow("crosscheck_cost_usd_total", caller.meter.total_usd, source, provider=name)
        metrics.show("crosscheck_breaker_open", float(caller.breaker_state != "closed"), provider=name)
