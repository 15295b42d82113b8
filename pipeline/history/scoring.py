"""History through the engine, without Kafka.

Records get the partition and the offset that replaying them into an empty topic gives them, and go through one lane a
partition, the same lanes the worker runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, SourceTopic
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.dead_letter import DeadLetter
from pipeline.engine.lane import Lane
from pipeline.engine.model_fault import ModelFault
from pipeline.history.entry import Entry
from pipeline.history.partition import partition_of

__all__ = ["HistoryScorer", "ScoredChunk"]

_Row = tuple[int, int, bytes, bytes]


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """What the engine said about a run of records.

    Attributes
    ----------
    n_records : int
        Records of the run.
    anomalies : list of Anomaly
        In the order in which the records were read, so that the whole sequence does not depend on the size of the runs.
    dead_letters : list of DeadLetter
        Records that could not be used, in the same order.
    """

    n_records: int
    anomalies: list[Anomaly]
    dead_letters: list[DeadLetter]


class HistoryScorer:
    """Scores entries of history as the worker would score their replay.

    Parameters
    ----------
    config : Config
        The whole configuration.
    source : SourceTopic
        The topic the history would be replayed into.
    n_partitions : int
        Partitions of that topic, at least 1.
    batch_size : int
        Records that are handed to the lanes at a time; changes nothing but speed and memory.
    config_hash : str
        Written into the anomalies.

    Attributes
    ----------
    lanes : list of Lane
        One a partition.
    """

    def __init__(
        self, config: Config, source: SourceTopic, *, n_partitions: int, batch_size: int = 10_000, config_hash: str
    ) -> None:
        self._source = source
        self._batch_size = batch_size
        self.lanes = [Lane(config, source, partition, config_hash=config_hash) for partition in range(n_partitions)]
        self._next_offset = [0] * n_partitions

    def score(self, entries: Iterable[Entry], *, shift_ns: int = 0) -> Iterator[ScoredChunk]:
        """Score entries in order; state is kept between calls, as if they were one.

        Parameters
        ----------
        entries : iterable of Entry
            In the order of a replay.
        shift_ns : int
            Added to their event times.
        """
        iterator = iter(entries)
        while chunk := list(islice(iterator, self._batch_size)):
            yield self._score_chunk(chunk, shift_ns)

    def take_faults(self) -> list[ModelFault]:
        """Faults of the detectors' models since they were taken last, those of one detector and code together."""
        by_kind: dict[tuple[str, str], ModelFault] = {}
        for lane in self.lanes:
            for one in lane.take_faults():
                known = by_kind.get((one.detector, one.fault.code), one._replace(fault=one.fault._replace(n_samples=0)))
                n_samples = known.fault.n_samples + one.fault.n_samples
                by_kind[one.detector, one.fault.code] = known._replace(fault=known.fault._replace(n_samples=n_samples))
        return list(by_kind.values())

    def _score_chunk(self, chunk: list[Entry], shift_ns: int) -> ScoredChunk:
        n_partitions = len(self.lanes)
        rows: list[list[_Row]] = [[] for _ in range(n_partitions)]
        ordinals: list[list[int]] = [[] for _ in range(n_partitions)]
        for ordinal, entry in enumerate(chunk):
            timestamp_ms, key, value = entry.to_record(shift_ns)
            partition = partition_of(key, n_partitions)
            rows[partition].append((self._next_offset[partition], timestamp_ms, key, value))
            ordinals[partition].append(ordinal)
            self._next_offset[partition] += 1
        anomalies: list[tuple[int, Anomaly]] = []
        dead_letters: list[tuple[int, DeadLetter]] = []
        for partition, lane in enumerate(self.lanes):
            if not rows[partition]:
                continue
            output = lane.process(RecordBatch.from_rows(self._source.name, partition, rows[partition]))
            first_offset = rows[partition][0][0]
            order = ordinals[partition]
            anomalies += [(order[anomaly.offset - first_offset], anomaly) for anomaly in output.anomalies]
            dead_letters += [(order[letter.offset - first_offset], letter) for letter in output.dead_letters]
        anomalies.sort(key=lambda ranked: ranked[0])
        dead_letters.sort(key=lambda ranked: ranked[0])
        return ScoredChunk(len(chunk), [anomaly for _, anomaly in anomalies], [letter for _, letter in dead_letters])
