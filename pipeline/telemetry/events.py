"""Operational events: one call writes one log line and adds to one counter.

Call sites name the event and its fields; the sentence, the level and the counter stand here, once.  What repeats is logged once
in `REPEAT_SECS` per event and code, with the number of lines left out; the counter counts all.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from pipeline.clock import Clock, SystemClock
from pipeline.telemetry.logs import FIELDS_ATTRIBUTE
from pipeline.telemetry.metrics import Metrics

__all__ = ["EVENTS", "REPEAT_SECS", "EventSpec", "Telemetry"]

REPEAT_SECS = 10.0
_LOGGER = logging.getLogger("streamwarden")


@dataclass(frozen=True, slots=True)
class EventSpec:
    """An event's level and its constant sentence, in the past tense.

    `is_repeatable`: every one of them is logged, also in a row (few, and each matters by itself).
    """

    level: int
    message: str
    is_repeatable: bool = False


def _each(level: int, message: str) -> EventSpec:
    return EventSpec(level, message, is_repeatable=True)


EVENTS: dict[str, EventSpec] = {
    "worker_started": _each(logging.INFO, "Worker started."),
    "kernels_warmed": _each(logging.INFO, "Kernels were compiled or loaded."),
    "kernel_cache_failed": _each(
        logging.ERROR, "Compiled kernels could not be kept on disk, or not be read from it; the worker goes on with what it compiles."
    ),
    "worker_ready": _each(logging.INFO, "Worker is ready: kernels are warm, its partitions restored."),
    "stop_requested": _each(logging.INFO, "A signal asked the worker to stop."),
    "worker_stopped": _each(logging.INFO, "Worker stopped."),
    "worker_failed": _each(logging.CRITICAL, "Worker failed and stopped."),
    "partitions_assigned": _each(logging.INFO, "Partitions were assigned."),
    "partitions_revoked": _each(logging.INFO, "Partitions were taken away."),
    "fast_reader_unavailable": EventSpec(logging.WARNING, "This aiokafka cannot be read fast; records are read one by one."),
    "fast_reader_left": EventSpec(logging.WARNING, "A fetch could not be read fast; its records were read one by one."),
    "batch_unreadable": EventSpec(
        logging.ERROR, "A record batch could not be read; its partition stands still before it, and it is fetched again."
    ),
    "relearn_started": _each(logging.INFO, "Reading again from the restart horizon, to learn without emitting."),
    "relearn_finished": _each(logging.INFO, "Learned up to the committed offset; emitting from here on."),
    "offset_out_of_range": _each(
        logging.WARNING, "The committed offset is not in the topic any more: records expired unread, or the topic was made anew."
    ),
    "batch_abandoned": _each(logging.WARNING, "A batch did not finish before its partition was taken away; it is read again."),
    "batch_failed": EventSpec(logging.ERROR, "A stage raised; the record that made it is looked for."),
    "incidents_restored": _each(logging.INFO, "Incidents were restored."),
    "checkpoint_restored": _each(logging.INFO, "State was restored from a checkpoint."),
    "checkpoint_copy_failed": EventSpec(logging.WARNING, "The second copy of a checkpoint could not be written."),
    "checkpoint_written": EventSpec(logging.DEBUG, "Checkpoint was written."),
    "batch_processed": EventSpec(logging.DEBUG, "Batch was processed."),
    "records_dead_lettered": EventSpec(logging.WARNING, "Records could not be used and went to the dead-letter topic."),
    "model_failed": _each(
        logging.ERROR,
        "The model of a detector raises on what it is given: such samples are not scored. Told once; model_faults_total counts them.",
    ),
    "series_ceiling_reached": EventSpec(logging.WARNING, "The ceiling of series was reached; further series are filtered."),
    "series_evicted": EventSpec(logging.INFO, "Idle series were evicted."),
    "anomaly_published": EventSpec(logging.DEBUG, "Anomaly was published."),
    "message_skipped": EventSpec(logging.ERROR, "A message on an internal topic could not be read and was skipped."),
    "verdicts_restored": EventSpec(logging.INFO, "Verdicts given before were read back from the ledger."),
    "provider_failed": EventSpec(logging.WARNING, "Cross-check provider failed; its verdicts are unknown."),
    "provider_late": EventSpec(logging.WARNING, "Cross-check provider missed the deadline; its verdicts are unknown."),
    "alert_published": EventSpec(logging.INFO, "Alert event was published."),
    "alert_suppressed": EventSpec(logging.INFO, "Suspicion raised no alert."),
    "library_warned": EventSpec(logging.WARNING, "A library warned."),
    "broker_unavailable": EventSpec(logging.WARNING, "Broker refused or could not be reached; trying again."),
    "producer_id_refused": EventSpec(
        logging.WARNING, "The broker gave out no producer id; a message may stand twice after a connection broke."
    ),
    "offsets_committed": EventSpec(logging.DEBUG, "Offsets were committed."),
    "standby_behind": EventSpec(logging.WARNING, "Checkpoints of other workers could not be followed; beginning anew."),
    "commit_failed": EventSpec(logging.WARNING, "Offsets could not be committed; they will be with the next commit."),
    "state_uncertain": _each(logging.CRITICAL, "State is uncertain; the process stops."),
}  # fmt: skip
"""Every event there is, by name."""


class Telemetry:
    """Where events go: the log and the metrics.

    Parameters
    ----------
    metrics : Metrics, optional
        Fresh ones when absent.
    clock : Clock, optional
        For the limit on repeats.
    logger : logging.Logger, optional
        ``streamwarden`` when absent.

    Examples
    --------
    >>> telemetry = Telemetry()
    >>> telemetry.emit("worker_stopped", reason="signal")
    >>> telemetry.metrics.read("events_total", event="worker_stopped", code="")
    1.0
    """

    def __init__(self, metrics: Metrics | None = None, clock: Clock | None = None, logger: logging.Logger | None = None) -> None:
        self.metrics = metrics if metrics is not None else Metrics()
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._logger = logger if logger is not None else _LOGGER
        self._logged_secs: dict[tuple[str, str], float] = {}
        self._n_suppressed: dict[tuple[str, str], int] = {}

    def emit(self, event: str, *, code: str = "", error: BaseException | None = None, **fields: Any) -> None:
        """Log and count one event.

        Parameters
        ----------
        event : str
            A key of `EVENTS`.
        code : str
            Error code (of few values); part of the counter's labels and of what counts as a repeat.
        error : exception, optional
            Logged with its text; its traceback too at level error and above.
        fields : values that JSON can hold
            Particulars, e.g. topic, partition, offset.

        Raises
        ------
        KeyError
            No such event.
        """
        spec = EVENTS[event]
        self.metrics.count("events_total", event=event, code=code)
        if not self._logger.isEnabledFor(spec.level):
            return
        n_suppressed = 0 if spec.is_repeatable else self._admit((event, code))
        if n_suppressed is None:
            return
        data: dict[str, Any] = {"event": event, **({"error_code": code} if code else {}), **fields}
        if n_suppressed:
            data["n_suppressed"] = n_suppressed
        if error is not None:
            data.setdefault("error", f"{type(error).__name__}: {error}")
        exc_info = error if error is not None and spec.level >= logging.ERROR else None
        self._logger.log(spec.level, spec.message, extra={FIELDS_ATTRIBUTE: data}, exc_info=exc_info)

    def flush(self) -> None:
        """Log how many repeats were left out and not told yet; call it at the end and now and then."""
        for (event, code), n_suppressed in sorted(self._n_suppressed.items()):
            if n_suppressed:
                data = {"event": event, **({"error_code": code} if code else {}), "n_suppressed": n_suppressed}
                self._logger.log(EVENTS[event].level, EVENTS[event].message, extra={FIELDS_ATTRIBUTE: data})
        self._n_suppressed.clear()

    def _admit(self, key: tuple[str, str]) -> int | None:
        """Number of lines left out since the last one; None = leave this one out too."""
        now_secs = self._clock.monotonic_secs()
        logged_secs = self._logged_secs.get(key)
        if logged_secs is not None and now_secs - logged_secs < REPEAT_SECS:
            self._n_suppressed[key] = self._n_suppressed.get(key, 0) + 1
            return None
        self._logged_secs[key] = now_secs
        return self._n_suppressed.pop(key, 0)
