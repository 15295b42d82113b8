"""Exports how far reading is behind, and how well the series are covered: ready, warming up, silent, failing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from faust.types import TP

from pipeline.service.flow import Flow
from pipeline.service.source_flow import SourceFlow
from pipeline.telemetry.metrics import Metrics

__all__ = ["show_coverage", "show_lag"]


def show_lag(metrics: Metrics, lags: Mapping[TP, tuple[Flow, int | None]]) -> None:
    """Bring the lag of every partition up to date; None = not known.

    Parameters
    ----------
    metrics : Metrics
        Of the worker.
    lags : mapping
        The flow of a partition, and the records it has not read yet.
    """
    for tp, (flow, lag) in lags.items():
        if lag is not None:
            name = "lag_records" if isinstance(flow, SourceFlow) else "stage_lag_records"
            metrics.show(name, lag, topic=tp.topic, partition=str(tp.partition))


def show_coverage(
    metrics: Metrics, flows: Mapping[TP, Flow], topics: Iterable[str], failing_before: Mapping[str, int]
) -> dict[str, int]:
    """Bring the counts of series up to date.

    Parameters
    ----------
    metrics : Metrics
        Of the worker.
    flows : mapping
        Flows of this worker by partition.
    topics : iterable of str
        Source topics, also those of which it has no partition.
    failing_before : mapping of str to int
        What this returned the last time.

    Returns
    -------
    dict of str to int
        Series that their model cannot score, by detector.
    """
    n_by_topic = {name: Counter(dict.fromkeys(("ready", "warming", "silent"), 0)) for name in topics}
    failing: Counter[str] = Counter()
    for tp, flow in flows.items():
        if isinstance(flow, SourceFlow):
            coverage = flow.observe_coverage()
            failing.update(coverage.failing)
            n_by_topic[tp.topic].update(ready=coverage.n_ready, warming=coverage.n_warming, silent=coverage.n_silent)
    for topic, counts in n_by_topic.items():
        for state, n in counts.items():
            metrics.show("series", n, topic=topic, state=state)
    for detector in {*failing, *failing_before}:
        metrics.show("series_failing", failing[detector], detector=detector)
    return {detector: failing[detector] for detector in {*failing, *failing_before}}
