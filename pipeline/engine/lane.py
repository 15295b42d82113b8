"""The lane: everything between the bytes of one partition and its anomalies.

A lane is a pure function of its log: no clock, no randomness.  Time is the watermark (`pipeline.samples.lateness`), and what depends on
time happens at the record that moves it, so the outcome is the same however the records were fetched.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from models.base import IntColumn
from pipeline.codecs.base import BadRecord, LogLines, Points
from pipeline.codecs.protobuf_rows import ProtobufCodec
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.registry import codec
from pipeline.config.schema import Config, SourceTopic
from pipeline.engine.accounting import DEAD_LETTERED, FILTERED, LATE, Accounting
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.dead_letter import DeadLetter
from pipeline.engine.dirty_blocks import BLOCK_SLOTS, DirtyBlocks
from pipeline.engine.explanation import explain_rate
from pipeline.engine.flow_output import Observer, RankedAnomaly
from pipeline.engine.future_limit import FutureLimit
from pipeline.engine.lane_output import Coverage, LaneOutput
from pipeline.engine.model_fault import ModelFault
from pipeline.engine.outcome import RecordOutcomes
from pipeline.engine.report import Place, Reporter
from pipeline.engine.series_flow import SeriesFlow
from pipeline.errors import RecordError, StateError
from pipeline.failpoint import reach
from pipeline.logs.mined_lines import CEILING_REASON, MinedLines, NewTemplate
from pipeline.logs.miner import LogMiner
from pipeline.samples.batch import SampleBatch

__all__ = ["SNAPSHOT_VERSION", "Lane"]

SNAPSHOT_VERSION = 2
"""Written.  Version 1, which can be read as well, had labels as objects."""

_READABLE_VERSIONS = (1, SNAPSHOT_VERSION)

_REQUEST_BYTES = 1 << 19


class Lane:
    """One partition of a source topic.

    Parameters
    ----------
    config : Config
        The whole configuration.
    source : SourceTopic
        The topic.
    partition : int
        The partition.
    config_hash : str
        Written into the anomalies.

    Attributes
    ----------
    accounting : Accounting
        Records and samples by outcome.
    next_offset : int
        Offset after the last record taken; records below it are passed over.
    first_offset : int
        Offset of the first record ever taken, by this lane or by those whose state it took over; -1 = none yet.

    Examples
    --------
    >>> from pipeline.config.schema import DetectorSettings
    >>> source = SourceTopic(name="m", kind="metrics", format="metric_json")
    >>> lane = Lane(Config(version=1, topics=[source], detectors=[DetectorSettings(name="all")]), source, 0, config_hash="")
    >>> value = b'{"name":"cpu","ts":1700000000,"value":0.5}'
    >>> output = lane.process(RecordBatch.from_rows("m", 0, [(7, 1700000000000, None, value), (8, 1700000000000, None, b"?")]))
    >>> output.dead_letters[0].code, lane.accounting.records["scored"], lane.next_offset
    ('JSON_SYNTAX', 1, 9)
    """

    def __init__(self, config: Config, source: SourceTopic, partition: int, *, config_hash: str) -> None:
        self.accounting = Accounting()
        self.next_offset = 0
        self.first_offset = -1
        self._future_limit = FutureLimit(source.future_secs)
        self._source = source
        self._partition = partition
        self._config_hash = config_hash
        self._codec = codec(source)
        self._miner = LogMiner(config.logs, source)
        self._flow = SeriesFlow(config, source, Reporter(source.name, partition, config_hash))

    def observe(self, observer: Observer | None) -> None:
        """Have every sample that is scored told to `observer`; None = to nobody.  The outcome is the same."""
        self._flow.observer = observer

    @property
    def watermark_ns(self) -> int:
        """Highest event time taken so far, ns UTC; -1 = none yet."""
        return self._flow.clock.watermark_ns

    @property
    def coverage(self) -> Coverage:
        """How much is watched; costs a pass over the series."""
        flow = self._flow
        n_scored, n_ready = flow.detectors.count_ready()
        return Coverage(
            flow.index.n_live, n_ready, n_scored - n_ready, flow.clock.n_silent, flow.n_evicted, flow.detectors.count_failing()
        )

    def take_faults(self) -> list[ModelFault]:
        """Faults of the models since they were taken last, in order of detectors; no outcome depends on it."""
        return self._flow.detectors.take_faults(self._flow.index.label_set)

    def process(self, batch: RecordBatch, emit_from_offset: int = 0) -> LaneOutput:
        """Take a batch of records in.

        Parameters
        ----------
        batch : RecordBatch
            The next records of the partition.  Those below `next_offset` were taken before: they are passed over and not counted.
        emit_from_offset : int
            Records below it are learned from, and counted as replayed; nothing comes out of them.

        Raises
        ------
        StateError
            The state is uncertain (the accounting does not add up): the process must stop.
        """
        n_taken = int(np.searchsorted(batch.offset, self.next_offset))
        if n_taken:
            batch = batch.from_row(n_taken)
        if not isinstance(self._codec, ProtobufCodec):
            return self._process(batch, emit_from_offset)
        anomalies: list[Anomaly] = []
        dead_letters: list[DeadLetter] = []
        for start, stop in pairwise(_cut(batch)):
            output = self._process(batch.between(start, stop), emit_from_offset)
            anomalies += output.anomalies
            dead_letters += output.dead_letters
        return LaneOutput(anomalies, dead_letters)

    def _process(self, batch: RecordBatch, emit_from_offset: int) -> LaneOutput:
        self._advance(batch)
        n_replayed = int(np.searchsorted(batch.offset, emit_from_offset))
        decoded = self._codec.decode(batch)
        reach("decoded", batch.values)
        outcomes = RecordOutcomes(batch, decoded.bad, decoded.n_empty)
        if isinstance(decoded, LogLines):
            anomalies = self._take_lines(batch, decoded, n_replayed, outcomes)
        else:
            kept = self._future_limit.refuse(batch, decoded.row, decoded.event_time_ns, outcomes)
            if kept is not None:
                n_refused = np.count_nonzero(decoded.row >= n_replayed) - np.count_nonzero(decoded.row[kept] >= n_replayed)
                self.accounting.add_samples(np.full(n_refused, DEAD_LETTERED, dtype=np.int8))
                decoded = decoded.select(kept)
            self._leave_out(decoded.skipped_row, n_replayed, outcomes)
            anomalies = self._take_points(batch, decoded, n_replayed, outcomes)
        reach("scored", batch.values)
        return LaneOutput(anomalies, outcomes.settle(self.accounting, n_replayed=n_replayed))

    def refuse(self, batch: RecordBatch, error: RecordError, emit_from_offset: int = 0) -> LaneOutput:
        """Take records in that no stage may look at: all of them are dead-lettered.

        Parameters
        ----------
        batch : RecordBatch
            The next records of the partition.
        error : RecordError
            Why.
        emit_from_offset : int
            As in `process`.

        Raises
        ------
        StateError
            The accounting does not add up: the process must stop.
        """
        self._advance(batch)
        outcomes = RecordOutcomes(batch, [BadRecord(row, error) for row in range(len(batch))], 0)
        n_replayed = int(np.searchsorted(batch.offset, emit_from_offset))
        return LaneOutput([], outcomes.settle(self.accounting, n_replayed=n_replayed))

    def _advance(self, batch: RecordBatch) -> None:
        self.next_offset = max(self.next_offset, batch.next_offset)
        if self.first_offset < 0 and len(batch):
            self.first_offset = int(batch.offset[0])

    def snapshot(self, blocks: Iterable[int] | None = None) -> dict[str, Any]:
        """Everything the lane knows, or of the series only those of some blocks of slots; shares no memory with it.

        Parameters
        ----------
        blocks : iterable of int, optional
            Blocks of `BLOCK_SLOTS` slots; None = all.

        Returns
        -------
        dict
            Plain values and arrays: ``head``, and ``blocks`` by number.  A whole one goes into `restore`.
        """
        n_slots = self._flow.index.n_slots
        chosen = range(self.n_blocks) if blocks is None else blocks
        return {
            "head": {
                "version": SNAPSHOT_VERSION,
                "source": [self._source.name, self._partition],
                "config_hash": self._config_hash,
                "model_hash": self._flow.detectors.model_hash,
                "first_offset": self.first_offset,
                "next_offset": self.next_offset,
                "accounting": self.accounting.to_dict(),
                "flow": self._flow.snapshot_head(),
                "miner": self._miner.snapshot() if self._source.kind == "logs" else None,
            },
            "blocks": {
                block: self._flow.snapshot_slots(block * BLOCK_SLOTS, min((block + 1) * BLOCK_SLOTS, n_slots)) for block in chosen
            },
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take over a whole snapshot; from there on the outcome is, bit for bit, that of the lane it is of.

        A changed configuration keeps what it did not change: a detector keeps its series' state when its name, model and parameters
        are the same; series whose detectors are others now begin anew with them.

        Raises
        ------
        StateError
            The lane has taken records in already, or the snapshot is of another partition (``SNAPSHOT_SOURCE``), of an unknown
            version (``SNAPSHOT_VERSION``), or damaged.
        """
        self.restore_blocks(snapshot["head"], snapshot["blocks"].values())

    def restore_blocks(self, head: Mapping[str, Any], blocks: Iterable[Mapping[str, Any]]) -> None:
        """As `restore`, one block after another, so that none need be held longer than it takes; after an error the lane is of no use.

        Parameters
        ----------
        head : mapping
            ``head`` of a snapshot.
        blocks : iterable of mapping
            The values of its ``blocks``, in order.

        Raises
        ------
        StateError
            As `restore`.
        """
        if head["version"] not in _READABLE_VERSIONS:
            raise StateError(
                f"snapshot of a lane: found version {head['version']!r}, expected at most {SNAPSHOT_VERSION}; run the release that "
                "wrote it, or start without it",
                code="SNAPSHOT_VERSION",
            )
        if head["source"] != [self._source.name, self._partition] or self.accounting.consumed:
            raise StateError(
                f"snapshot of {head['source']} for a lane of {[self._source.name, self._partition]} that has taken in "
                f"{self.accounting.consumed} records; expected a fresh lane of the same partition",
                code="SNAPSHOT_SOURCE",
            )
        # Millions of objects come to be and none goes: the collector would only walk over them again and again.
        was_collecting = gc.isenabled()
        gc.disable()
        try:
            self._flow.restore(head["flow"], blocks)
        finally:
            if was_collecting:
                gc.enable()
        if self._source.kind == "logs" and head["miner"] is not None:
            self._miner.restore(head["miner"])
        self.accounting = Accounting.from_dict(head["accounting"])
        self.first_offset = int(head.get("first_offset", -1))
        self.next_offset = int(head["next_offset"])

    @property
    def n_taken(self) -> int:
        """Records and samples taken in so far: what it costs to take them in again grows with it."""
        return self.accounting.consumed + sum(self.accounting.samples.values())

    @property
    def n_blocks(self) -> int:
        """Blocks of slots that a whole snapshot has."""
        return -(-self._flow.index.n_slots // BLOCK_SLOTS)

    @property
    def dirty(self) -> DirtyBlocks:
        """Blocks of slots of which something is not in a checkpoint yet."""
        return self._flow.dirty

    def _take_points(self, batch: RecordBatch, points: Points, n_replayed: int, outcomes: RecordOutcomes) -> list[Anomaly]:
        samples = self._to_samples(batch, points)
        cut = int(np.searchsorted(points.row, n_replayed))
        anomalies: list[Anomaly] = []
        for start, stop, accounting in ((0, cut, None), (cut, len(points), self.accounting)):
            if start == stop:
                continue
            taken = self._flow.take(samples, points.keys, points.labels_of, start, stop, accounting)
            outcomes.improve(points.row[start:stop], taken.outcome)
            for i, error in taken.errors:
                outcomes.fail(int(points.row[i]), error)
            anomalies += [ranked.anomaly for ranked in taken.anomalies]
        return anomalies

    def _take_lines(self, batch: RecordBatch, lines: LogLines, n_replayed: int, outcomes: RecordOutcomes) -> list[Anomaly]:
        kept = self._future_limit.refuse(batch, lines.row, lines.event_time_ns, outcomes)
        if kept is not None:
            lines = lines.select(kept)
        mined = self._miner.take(batch, lines)
        outcomes.improve(lines.row, mined.outcome)
        told = mined.outcome[lines.row >= n_replayed]
        self.accounting.add_reason("late", "late", int(np.count_nonzero(told == LATE)))
        self.accounting.add_reason("filtered", CEILING_REASON, int(np.count_nonzero(told == FILTERED)))
        self.accounting.anomalous["folded"] += sum(row >= n_replayed for row in mined.withheld)
        points, samples = mined.points, self._to_samples(batch, mined.points)
        news_by_row: dict[int, list[NewTemplate]] = {}
        for news in mined.new_templates:
            news_by_row.setdefault(news.row, []).append(news)
        ranked: list[RankedAnomaly] = []
        start = 0
        # What is new is taken in between the samples before its record and those from it on.
        for row in sorted({*news_by_row, n_replayed, len(batch)}):
            stop = int(np.searchsorted(points.row, row))
            if start < stop:
                accounting = self.accounting if points.row[start] >= n_replayed else None
                ranked += self._flow.take(samples, points.keys, points.labels_of, start, stop, accounting).anomalies
            start = stop
            for position, news in enumerate(news_by_row.get(row, [])):
                place = Place(int(batch.offset[row]), position, news.event_time_ns)
                ranked += self._flow.announce(news, place, is_told=row >= n_replayed)
        ranked.sort(key=lambda one: one[:3])
        return _tell_examples([one.anomaly for one in ranked], samples, mined)

    def _to_samples(self, batch: RecordBatch, points: Points) -> SampleBatch:
        return SampleBatch(
            self._flow.index.find_slots(points.keys),
            points.event_time_ns,
            points.value,
            batch.offset[points.row],
            points.position,
            points.row,
        )

    def _leave_out(self, skipped_row: IntColumn, n_replayed: int, outcomes: RecordOutcomes) -> None:
        """Count samples that hold no number."""
        if skipped_row.size:
            outcomes.improve(skipped_row, np.full(skipped_row.size, FILTERED, dtype=np.int8))
            n_new = int(np.count_nonzero(skipped_row >= n_replayed))
            self.accounting.add_samples(np.full(n_new, FILTERED, dtype=np.int8))
            self.accounting.add_reason("filtered", "no_number", n_new)


def _cut(batch: RecordBatch) -> list[int]:
    """Edges of parts of about `_REQUEST_BYTES`, so that the columns of their samples stay in the processor's cache."""
    n_bytes = np.cumsum(np.maximum(batch.value_length, 0))
    edges = np.flatnonzero(np.diff(n_bytes // _REQUEST_BYTES)) + 1
    return [0, *edges.tolist(), len(batch)]


def _tell_examples(anomalies: list[Anomaly], samples: SampleBatch, mined: MinedLines) -> list[Anomaly]:
    """Put into anomalies of rates the lines that stand behind them."""
    if not anomalies:
        return []
    facts_by_place = dict(zip(zip(samples.offset.tolist(), samples.position.tolist(), strict=True), mined.facts, strict=True))
    told = []
    for anomaly in anomalies:
        facts = facts_by_place.get((anomaly.offset, anomaly.position))
        # One without a value ends because its series is forgotten: the sample at its place is another's.
        if facts is not None and anomaly.kind == "point" and not math.isnan(anomaly.value):
            text = explain_rate(anomaly.explanation, facts.n_lines, facts.example)
            anomaly = replace(anomaly, explanation=text, example=facts.example)
        told.append(anomaly)
    return told
