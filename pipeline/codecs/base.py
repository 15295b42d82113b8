"""What a codec is: bytes of one record batch → columns of points or log lines, plus the records that failed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.codecs.key_slices import take_keys
from pipeline.codecs.record import RecordBatch
from pipeline.errors import RecordError

__all__ = ["BadRecord", "Codec", "LogLines", "Points", "SeriesKey"]

SeriesKey = Hashable
"""What a codec uses to tell series apart before labels are parsed, e.g. ``(name, raw label bytes)``: two keys may name one
series (other spelling), one key never names two."""


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One record that cannot be used: its row in the batch and why."""

    row: int
    error: RecordError


def _no_rows() -> npt.NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


@dataclass(slots=True)
class Points:
    """Samples as decoded, series not yet resolved.  Order: by row, then by position inside the record.

    Attributes
    ----------
    row : (M,) int64
        Row of the record batch each point comes from.
    position : (M,) int64
        Ordinal of the point inside its record, from 0.
    event_time_ns : (M,) int64
        Event time, ns UTC.
    value : (M,) float64
        Finite values only: others are `bad`.
    keys : sequence of M hashables
        Series key of each point; a `pipeline.codecs.key_slices.KeySlices` where no objects were made of them.
    labels_of : callable
        Series key → label mapping including ``__name__``; called once per unseen key.  Raises RecordError for labels that
        cannot be used.
    bad : list of BadRecord
        Records of the batch that failed to decode, by row; their rows have no points.
    n_empty : int
        Records that are well formed but hold nothing to score (tombstones, metadata): accounted as filtered.
    skipped_row : (K,) int64
        Row of each sample that was left out because it holds no finite number, which its format allows: accounted as filtered.
    """

    row: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    event_time_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    keys: Sequence[SeriesKey]
    labels_of: Callable[[SeriesKey], Mapping[str, str]]
    bad: list[BadRecord] = field(default_factory=list)
    n_empty: int = 0
    skipped_row: npt.NDArray[np.int64] = field(default_factory=_no_rows)

    def __len__(self) -> int:
        return len(self.keys)

    def select(self, index: npt.NDArray[np.int64]) -> Points:
        """The points at `index`, in that order; bad and empty records stay what they are."""
        return replace(
            self,
            row=self.row[index],
            position=self.position[index],
            event_time_ns=self.event_time_ns[index],
            value=self.value[index],
            keys=take_keys(self.keys, index),
        )


@dataclass(slots=True)
class LogLines:
    """Log records as decoded.

    Attributes
    ----------
    row : (M,) int64
        Row of the record batch.
    event_time_ns : (M,) int64
        Event time, ns UTC.
    message : list of M str
        The text that is mined for templates.
    level : list of M str
        Upper-case severity word (`pipeline.codecs.log_level`), "" when there is none.
    labels : list of M mappings
        Source labels (service, host, ...), without the message.
    bad, n_empty
        As in `Points`.
    """

    row: npt.NDArray[np.int64]
    event_time_ns: npt.NDArray[np.int64]
    message: list[str]
    level: list[str]
    labels: list[Mapping[str, str]]
    bad: list[BadRecord] = field(default_factory=list)
    n_empty: int = 0

    def __len__(self) -> int:
        return len(self.message)

    def select(self, index: npt.NDArray[np.int64]) -> LogLines:
        """The lines at `index`, in that order; bad and empty records stay what they are."""
        chosen = index.tolist()
        return replace(
            self,
            row=self.row[index],
            event_time_ns=self.event_time_ns[index],
            message=[self.message[i] for i in chosen],
            level=[self.level[i] for i in chosen],
            labels=[self.labels[i] for i in chosen],
        )


class Codec(Protocol):
    """Decodes whole record batches of one format.  Never raises: what fails is listed in `bad`."""

    name: str
    """Format name as written in ``topics.yaml``."""

    def decode(self, batch: RecordBatch) -> Points | LogLines:
        """Decode every record of `batch`; the union of rows with output, bad rows and empty rows is all rows."""
