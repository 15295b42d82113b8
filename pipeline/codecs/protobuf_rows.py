"""Records of protobuf messages that hold many samples each: scanned by a kernel, what it is not sure about read by protobuf itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.codecs.base import BadRecord, Points, SeriesKey
from pipeline.codecs.key_slices import KeySlices, view_words
from pipeline.codecs.metric_json_kernel import N_SPANS, hash_keys
from pipeline.codecs.record import RecordBatch
from pipeline.errors import DecodeError

__all__ = ["MAX_TIME_NS", "ProtobufCodec", "ScannedMessages", "SlowSample"]

MAX_TIME_NS = 7_258_118_400_000_000_000
"""First instant that is out of range: 2200-01-01 UTC."""

_IntColumn = npt.NDArray[np.int64]


class SlowSample(NamedTuple):
    """One sample as protobuf's own library read it.

    Attributes
    ----------
    key : bytes
        The series' key.
    event_time_ns : int
        Not checked.
    value : float
        A value that is not finite = no value.
    """

    key: bytes
    event_time_ns: int
    value: float


class ScannedMessages(NamedTuple):
    """What a kernel made of messages.

    Attributes
    ----------
    is_sure : (R,) bool
        Messages it read.
    n_samples, n_skipped : (R,) int64
        Of those: samples with a finite value, and without one.
    buffer : bytes
        Where the keys lie.
    spans : (4, M) int64
        Of the keys, see `KeySlices`.
    hashes : (M,) uint64
    event_time_ns, position : (M,) int64
    value : (M,) float64
    """

    is_sure: npt.NDArray[np.bool_]
    n_samples: _IntColumn
    n_skipped: _IntColumn
    buffer: bytes
    spans: _IntColumn
    hashes: npt.NDArray[np.uint64]
    event_time_ns: _IntColumn
    position: _IntColumn
    value: npt.NDArray[np.float64]


class ProtobufCodec(ABC):
    """Base of the codecs of such formats.

    Parameters
    ----------
    is_scanned : bool
        False = protobuf's own library reads every message.
    """

    name: str

    def __init__(self, *, is_scanned: bool = True) -> None:
        self._is_scanned = is_scanned

    @abstractmethod
    def unpack(self, value: bytes) -> bytes:
        """The message in a record; raises DecodeError."""

    @abstractmethod
    def scan(self, buffer: bytes, start: _IntColumn, length: _IntColumn) -> ScannedMessages:
        """Scan messages that lie one after another in a buffer."""

    @abstractmethod
    def read_slowly(self, message: bytes) -> Iterable[SlowSample]:
        """Samples of one message, in order; raises DecodeError."""

    @abstractmethod
    def labels_of(self, key: SeriesKey) -> dict[str, str]:
        """Labels of a series key."""

    def decode(self, batch: RecordBatch) -> Points:
        """Every sample of every good record."""
        bad: list[BadRecord] = []
        rows: list[int] = []
        messages: list[bytes] = []
        n_empty = 0
        for row, value in enumerate(batch.values()):
            if value is None:
                n_empty += 1
                continue
            try:
                messages.append(self.unpack(value))
            except DecodeError as error:
                bad.append(BadRecord(row, error))
                continue
            rows.append(row)
        row_of = np.array(rows, dtype=np.int64)
        length = np.fromiter(map(len, messages), np.int64, len(messages))
        buffer = b"".join(messages)
        start = np.cumsum(length) - length
        scanned = self.scan(buffer, start, length) if self._is_scanned else _scan_nothing(len(messages), buffer)
        n_samples, n_skipped = np.where(scanned.is_sure, (scanned.n_samples, scanned.n_skipped), 0)
        is_read = scanned.is_sure.copy()
        slow: list[tuple[int, int, SlowSample]] = []
        for i in np.flatnonzero(~scanned.is_sure).tolist():
            try:
                samples = list(enumerate(self.read_slowly(messages[i])))
                for _, sample in samples:
                    _check_time(sample.event_time_ns)
            except DecodeError as error:
                bad.append(BadRecord(rows[i], error))
                continue
            finite = [(i, position, sample) for position, sample in samples if math.isfinite(sample.value)]
            slow += finite
            n_samples[i], n_skipped[i], is_read[i] = len(finite), len(samples) - len(finite), True
        bad.sort(key=lambda one: one.row)
        sure = np.repeat(np.arange(len(messages)), np.where(scanned.is_sure, n_samples, 0))
        points = Points(
            row=row_of[sure],
            position=scanned.position,
            event_time_ns=scanned.event_time_ns,
            value=scanned.value,
            keys=KeySlices(scanned.buffer, scanned.spans, scanned.hashes),
            labels_of=self.labels_of,
            bad=bad,
            n_empty=n_empty + int(np.count_nonzero(is_read & (n_samples + n_skipped == 0))),
            skipped_row=np.repeat(row_of, n_skipped),
        )
        return _merge(points, scanned, slow, row_of) if slow else points


def _scan_nothing(n: int, buffer: bytes) -> ScannedMessages:
    none = np.zeros(0, dtype=np.int64)
    zeros = np.zeros(n, dtype=np.int64)
    return ScannedMessages(
        np.zeros(n, dtype=np.bool_),
        zeros,
        zeros,
        buffer,
        none.reshape(N_SPANS, 0),
        none.astype(np.uint64),
        none,
        none,
        np.zeros(0),
    )


def _check_time(event_time_ns: int) -> None:
    if not 0 <= event_time_ns < MAX_TIME_NS:
        raise DecodeError(
            f"time: found {event_time_ns} ns since 1970, expected a time from 1970-01-01 up to 2200-01-01; see to the producer's clock",
            code="TIME_RANGE",
        )


def _merge(points: Points, scanned: ScannedMessages, slow: list[tuple[int, int, SlowSample]], row_of: _IntColumn) -> Points:
    """Points of the kernel and of the library in order of the log; the library's keys are put behind the buffer."""
    n = len(slow)
    lengths = np.fromiter((len(sample.key) for _, _, sample in slow), np.int64, n)
    starts = np.cumsum(lengths) - lengths + len(scanned.buffer)
    spans = np.stack((starts, lengths, starts, np.zeros(n, dtype=np.int64)))
    buffer = scanned.buffer + b"".join(sample.key for _, _, sample in slow)
    hashes = np.empty(n, dtype=np.uint64)
    hash_keys(np.frombuffer(buffer, np.uint8), view_words(buffer), spans, np.arange(n), hashes)
    rows = np.concatenate((points.row, row_of[np.fromiter((i for i, _, _ in slow), np.int64, n)]))
    # Stable, and each of the two is in order of positions within a record.
    order = np.argsort(rows, kind="stable")

    def join(own: npt.NDArray[Any], other: Iterable[Any], dtype: type) -> npt.NDArray[Any]:
        return np.concatenate((own, np.fromiter(other, dtype, n)))[order]

    return Points(
        row=rows[order],
        position=join(points.position, (position for _, position, _ in slow), np.int64),
        event_time_ns=join(points.event_time_ns, (sample.event_time_ns for _, _, sample in slow), np.int64),
        value=join(points.value, (sample.value for _, _, sample in slow), np.float64),
        keys=KeySlices(
            buffer, np.concatenate((scanned.spans, spans), axis=1)[:, order], np.concatenate((scanned.hashes, hashes))[order]
        ),
        labels_of=points.labels_of,
        bad=points.bad,
        n_empty=points.n_empty,
        skipped_row=points.skipped_row,
    )
