"""The fast lane's only hold on aiokafka: the bytes of a fetch are kept, and read by kernels instead of record by record.

aiokafka's fetcher wraps what it fetched of a partition in a `MemoryRecords`, from which a `PartitionRecords` makes records one by
one, lazily.  `keep_fetched_bytes` lets it use a `MemoryRecords` that remembers its bytes; `FastReader.take` reads as many record
batches of them at once as are wanted, and moves the position on.  Whatever it cannot read (`pipeline.codecs.fetched.Stop`) is left to
aiokafka's own records, which begin behind what was taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import aiokafka
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords

from pipeline.codecs.fetched import Stop, count_older_bytes, read_fetched
from pipeline.codecs.record import RecordBatch

__all__ = ["FastReader", "KeptRecords", "find_obstacle", "keep_fetched_bytes"]

_SUPPORTED = "0.14."
_READ_COMMITTED = 1
_NAMES_OF_RECORDS = {
    "_tp",
    "_records",
    "_aborted_transactions",
    "_aborted_producers",
    "_check_crcs",
    "_isolation_level",
    "next_fetch_offset",
    "_records_iterator",
}

OnFallback = Callable[[str, int, Stop], None]
"""Told of every fetch that is left to the ordinary reader: topic, partition, why."""


class KeptRecords(MemoryRecords):  # type: ignore[misc]
    """aiokafka's `MemoryRecords`, and the bytes it was made of.

    Attributes
    ----------
    data : bytes
        As fetched.
    n_read : int
        Bytes of `data`, from its front, that were read.
    batch : RecordBatch or None
        What was read of it and not taken yet.
    stop : Stop
        Why reading ended.
    is_left : bool
        The rest is for the ordinary reader.
    """

    def __init__(self, data: bytes, batch: RecordBatch | None = None, stop: Stop = Stop.END) -> None:
        super().__init__(data)
        self.data = data
        self.n_read = 0
        self.batch = batch
        self.stop = stop
        self.is_left = False


def find_obstacle() -> str:
    """Why this aiokafka cannot be read fast; empty when it can.

    Examples
    --------
    >>> find_obstacle()
    ''
    """
    if not aiokafka.__version__.startswith(_SUPPORTED):
        return f"aiokafka {aiokafka.__version__}; the fast reader knows {_SUPPORTED}x"
    if fetcher.MemoryRecords not in (MemoryRecords, KeptRecords):
        return "aiokafka's MemoryRecords was replaced by someone else"
    missing = _NAMES_OF_RECORDS - set(fetcher.PartitionRecords.__init__.__code__.co_names)
    if missing:
        return f"aiokafka's PartitionRecords has no {', '.join(sorted(missing))}"
    return ""


def keep_fetched_bytes() -> None:
    """Let aiokafka's fetchers of this process keep the bytes of fetches until they are consumed."""
    fetcher.MemoryRecords = KeptRecords


class FastReader:
    """Takes fetched results as columns.

    Parameters
    ----------
    take_ordinarily : callable
        What takes a result of which the bytes are not kept, or cannot be read here: ``(result, max_records, position)``.
    on_fallback : callable
        Told of the latter.
    """

    def __init__(
        self, take_ordinarily: Callable[[Any, int, Callable[[], int]], RecordBatch | None], on_fallback: OnFallback
    ) -> None:
        self._take_ordinarily = take_ordinarily
        self._on_fallback = on_fallback

    def take(self, result: Any, max_records: int, position: Callable[[], int]) -> RecordBatch | None:
        """The next records of a result; see `pipeline.service.fetched_batch.TakeBatch`.

        Parameters
        ----------
        result : FetchResult
            With records left, and of the partition's present position.
        max_records : int
            Most records to take.
        position : callable
            Gives the partition's reading position.
        """
        records = result._partition_records
        kept = records._records
        if not isinstance(kept, KeptRecords) or kept.is_left:
            return self._take_ordinarily(result, max_records, position)
        before = position()
        while True:
            if kept.batch is None:
                kept = self._read(records, kept, max_records)
            batch, is_rest_left = self._take_read(result, kept, max_records)
            if len(batch) or batch.next_offset != before:
                return batch
            if is_rest_left:
                return self._take_ordinarily(result, max_records, position)
            if not result.has_more():
                return None

    def _take_read(self, result: Any, kept: KeptRecords, max_records: int) -> tuple[RecordBatch, bool]:
        """What was read, or the first `max_records` of it, and whether what follows is for the ordinary reader."""
        records = result._partition_records
        whole = cast(RecordBatch, kept.batch)
        batch = whole if len(whole) <= max_records else whole.between(0, max_records)
        records.next_fetch_offset = batch.next_offset
        result._update_position()
        kept.batch = None if batch is whole else whole.from_row(max_records)
        if kept.batch is None and kept.stop is Stop.END:
            result._partition_records = None
        elif kept.batch is None and kept.stop is not Stop.ENOUGH:
            kept.is_left = True
            self._on_fallback(whole.topic, whole.partition, kept.stop)
        return batch, kept.is_left

    def _read(self, records: Any, kept: KeptRecords, max_records: int) -> KeptRecords:
        tp = records._tp
        is_committed = records._isolation_level == _READ_COMMITTED
        fetched = read_fetched(
            tp.topic,
            tp.partition,
            kept.data,
            fetch_offset=records.next_fetch_offset,
            aborted=records._aborted_transactions if is_committed else None,
            is_crc_checked=records._check_crcs,
            start=kept.n_read,
            aborting=records._aborted_producers,
            max_records=max_records,
        )
        if fetched.stop is Stop.END:
            kept.batch, kept.stop = fetched.batch, fetched.stop
            return kept
        records._aborted_producers = set(fetched.aborting)
        if is_committed:
            records._aborted_transactions = fetched.aborted
        if fetched.stop is Stop.ENOUGH:
            kept.batch, kept.stop, kept.n_read = fetched.batch, fetched.stop, fetched.n_bytes
            return kept
        # aiokafka's records have not been begun: they are those of the rest, in the state in which reading ended.
        left = kept.data[fetched.n_bytes :]
        if fetched.stop is Stop.OTHER_FORMAT:
            # What follows in format 2 comes with the next fetch.
            left = left[: count_older_bytes(left)]
        rest = KeptRecords(left, fetched.batch, fetched.stop)
        records._records = rest
        return rest
