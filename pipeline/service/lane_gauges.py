"""What a lane counts, exported: the accounting identity, series by state, scoring time."""

from __future__ import annotations

from pipeline.engine.lane import Lane
from pipeline.telemetry.metrics import Metrics

__all__ = ["LaneGauges"]


class LaneGauges:
    """Brings the worker's metrics up to what one lane has counted.

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
        self._source = f"{topic}/{partition}"
        self.restart()

    def restart(self) -> None:
        """The lane begins anew: its counts start at 0 again."""
        self._metrics.restart(self._source)

    def observe(self, lane: Lane, *, secs: float, cpu_secs: float) -> None:
        """Take over the lane's counts after a batch, and what it cost.

        Parameters
        ----------
        lane : Lane
            Its accounting.
        secs, cpu_secs : float
            Time and CPU time from bytes to anomalies.
        """
        metrics, topic, accounting = self._metrics, self._topic, lane.accounting
        for outcome, n in accounting.records.items():
            metrics.follow("records_total", n, self._source, topic=topic, outcome=outcome)
        for outcome, n in accounting.samples.items():
            metrics.follow("samples_total", n, self._source, topic=topic, outcome=outcome)
        for (outcome, reason), n in accounting.reasons.items():
            metrics.follow("reasons_total", n, self._source, topic=topic, outcome=outcome, reason=reason)
        metrics.observe("batch_seconds", secs, topic=topic)
        metrics.count("scoring_cpu_seconds_total", cpu_secs, topic=topic)

    def observe_evicted(self, n_total: int) -> None:
        """Take over how many series the lane has forgotten so far."""
        self._metrics.follow("series_evicted_total", n_total, self._source, topic=self._topic)

    def close(self) -> None:
        """The partition is gone."""
        self._metrics.drop("lag_records", topic=self._topic, partition=self._partition)
