"""What a lane counts, exported: the accounting identity, series by state, scoring time."""

from __future__ import annotations

from pipeline.engine.accounting import Accounting
from pipeline.telemetry.metrics import Metrics

__all__ = ["LaneGauges"]

_Key = tuple[str, str, str]


class LaneGauges:
    """Adds to the worker's counters what one lane counts from `begin` on.

    A lane's accounting goes on across workers, for it is part of the checkpoint; a worker's counters tell what the worker itself did.

    Parameters
    ----------
    metrics : Metrics
        Of the worker.
    topic, partition
        Of the lane.
    """

    def __init__(self, metrics: Metrics, topic: str, partition: int) -> None:
        self._metrics = metrics
        self._topic = topic
        self._partition = str(partition)
        self._seen: dict[_Key, int] = {}
        self._n_evicted = 0

    def begin(self, accounting: Accounting, n_evicted: int) -> None:
        """What has been counted so far is not ours, or counted already."""
        self._seen = _totals(accounting)
        self._n_evicted = n_evicted

    def observe(self, accounting: Accounting, *, secs: float, cpu_secs: float) -> None:
        """Take over the lane's counts after a batch, and what it cost.

        Parameters
        ----------
        accounting : Accounting
            Of the lane.
        secs, cpu_secs : float
            Time and CPU time from bytes to anomalies.
        """
        metrics, topic = self._metrics, self._topic
        totals = _totals(accounting)
        for key, total in totals.items():
            n = total - self._seen.get(key, 0)
            if n:
                name, outcome, reason = key
                labels = {"reason": reason} if name == "reasons_total" else {}
                metrics.count(name, n, topic=topic, outcome=outcome, **labels)
        self._seen = totals
        metrics.observe("batch_seconds", secs, topic=topic)
        metrics.count("scoring_cpu_seconds_total", cpu_secs, topic=topic)

    def observe_evicted(self, n_total: int) -> None:
        """Take over how many series the lane has forgotten so far."""
        self._metrics.count("series_evicted_total", n_total - self._n_evicted, topic=self._topic)
        self._n_evicted = n_total

    def close(self) -> None:
        """The partition is gone."""
        self._metrics.drop("lag_records", topic=self._topic, partition=self._partition)


def _totals(accounting: Accounting) -> dict[_Key, int]:
    totals = {("records_total", outcome, ""): n for outcome, n in accounting.records.items()}
    totals |= {("samples_total", outcome, ""): n for outcome, n in accounting.samples.items()}
    totals |= {("reasons_total", outcome, reason): n for (outcome, reason), n in accounting.reasons.items()}
    return totals
