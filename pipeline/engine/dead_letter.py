"""The dead letter: a record that could not be used, its bytes untouched, with where it came from and what was wrong."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.codecs.record import HeaderList, RecordBatch
from pipeline.errors import RecordError

__all__ = ["DeadLetter"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    r"""One record on its way to the dead-letter topic.

    Attributes
    ----------
    topic, partition, offset
        Where the record was read.
    timestamp_ms : int
        Its broker timestamp, ms UTC; -1 = none.
    key, value : bytes or None
        As read, to the byte; None = null.
    headers : sequence of (str, bytes or None)
        As read; those that tell the error are added by `to_headers`.
    code, stage : str
        Of the `RecordError` that stopped it.
    message : str
        Its text: what was found, what was expected, the cure.

    Examples
    --------
    >>> batch = RecordBatch.from_rows("metrics", 3, [(42, 1000, b"k", b"\xff")])
    >>> letter = DeadLetter.from_record(batch, 0, RecordError("not JSON", code="JSON"))
    >>> letter.value, letter.to_headers()[0], letter.to_headers()[-1]
    (b'\xff', ('sw-error-code', b'JSON'), ('sw-source-offset', b'42'))
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: HeaderList
    code: str
    stage: str
    message: str

    @classmethod
    def from_record(cls, batch: RecordBatch, row: int, error: RecordError) -> DeadLetter:
        """The record in `row` of `batch`, stopped by `error`."""
        return cls(
            topic=batch.topic,
            partition=batch.partition,
            offset=int(batch.offset[row]),
            timestamp_ms=int(batch.timestamp_ms[row]),
            key=batch.key(row),
            value=batch.value(row),
            headers=tuple(batch.headers.get(row, ())),
            code=error.code,
            stage=error.stage,
            message=str(error),
        )

    def to_headers(self) -> list[tuple[str, bytes | None]]:
        """Kafka headers of the dead letter: the record's own, in order, then six that say why and whence.

        A record that is a dead letter already (its topic is read again) keeps its earlier ones; the last of a name is the newest.
        """
        told = {
            "sw-error-code": self.code,
            "sw-error-stage": self.stage,
            "sw-error-message": self.message,
            "sw-source-topic": self.topic,
            "sw-source-partition": str(self.partition),
            "sw-source-offset": str(self.offset),
        }
        # A message may quote a lone surrogate out of the record.
        return [*self.headers, *((name, text.encode("utf-8", "backslashreplace")) for name, text in told.items())]
