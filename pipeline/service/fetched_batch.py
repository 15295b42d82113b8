"""What one fetch brought of one partition, and how aiokafka's records become it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

from aiokafka.consumer.fetcher import FetchResult

from pipeline.codecs.record import RecordBatch
from pipeline.service.record_columns import to_columns

__all__ = ["FetchedBatch", "TakeBatch", "take_records"]

TakeBatch = Callable[[FetchResult, int, Callable[[], int]], RecordBatch | None]
"""What turns a fetched result into a batch: ``(result, max_records, position) -> RecordBatch``, run in the consumer's thread.
`position` gives the partition's reading position after the records were taken.  None: nothing was there and the position did not
move.  The ordinary one is `take_records`, the fast one `FastReader.take`."""


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """A batch and the grant it was read under."""

    grant: int
    batch: RecordBatch


def take_records(result: FetchResult, max_records: int, position: Callable[[], int]) -> RecordBatch | None:
    """The ordinary lane: aiokafka's records, to columns.

    What precedes a damaged batch is taken first; what the damage made aiokafka raise is raised when nothing precedes it.
    """
    before = position()
    source = result._partition_records
    records: list[Any] = []
    try:
        # As `FetchResult.getall`, which would let go of what it had when the source raises.
        records.extend(islice(source, max_records))
    except Exception as error:
        if not records:
            raise
        source._records_iterator = map(_throw, (error,))
    result._update_position()
    if source._records_iterator is None:
        result._partition_records = None
    after = position()
    if not records and after == before:
        return None
    tp = result._topic_partition
    return to_columns(tp.topic, tp.partition, records, after)


def _throw(error: Exception) -> NoReturn:
    raise error
