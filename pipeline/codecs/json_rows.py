"""Rows of a record batch through a typed JSON decoder: the quick way when all are good, one by one when one is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.codecs.base import BadRecord
from pipeline.codecs.record import RecordBatch
from pipeline.errors import DecodeError

__all__ = ["DECODE_FAILURES", "MAX_DEPTH", "DecodedRows", "decode_rows", "is_too_deep"]

T = TypeVar("T")

MAX_DEPTH = 128
"""Brackets a record may have open at once."""

DECODE_FAILURES = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
"""What msgspec raises for a record it cannot use: ValueError covers UTF-8 and integers of too many digits."""

# Shorter ones cannot be nested deeper than MAX_DEPTH, and be JSON.
_SHALLOW_BELOW = 2 * MAX_DEPTH
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[{]+|[\]}]+")


class DecodedRows(NamedTuple, Generic[T]):
    """What became of the rows of a batch.

    Attributes
    ----------
    records : list of M
        Decoded records, in order of rows.
    row : (M,) int64
        Their rows.
    bad : list of BadRecord
        Rows that failed.
    n_empty : int
        Rows whose value is null.
    """

    records: list[T]
    row: npt.NDArray[np.int64]
    bad: list[BadRecord]
    n_empty: int


def is_too_deep(value: bytes) -> bool:
    """Whether more than `MAX_DEPTH` brackets are open at once, outside of strings.

    The decoder would stop at a depth that depends on the caller's own stack: what is refused must depend on the record alone.

    Examples
    --------
    >>> is_too_deep(b"[" * 200 + b"]" * 200), is_too_deep(b"[" + b"[]," * 200 + b"[]]"), is_too_deep(b'"' + b"[" * 400 + b'"')
    (True, False, False)
    """
    if len(value) < _SHALLOW_BELOW or value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return False
    depth = deepest = 0
    for run in _BRACKETS.findall(_STRING.sub(b"", value)):
        depth += len(run) if run[:1] in b"[{" else -len(run)
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH


def decode_rows(batch: RecordBatch, decode: Callable[[bytes], T], explain: Callable[[bytes], DecodeError]) -> DecodedRows[T]:
    """Decode every row of a batch.

    Parameters
    ----------
    batch : RecordBatch
        The records.
    decode : callable
        Bytes → record; raises one of `DECODE_FAILURES`.
    explain : callable
        Bytes that failed → the error that says why.

    Examples
    --------
    >>> batch = RecordBatch.from_rows("t", 0, [(0, 0, None, b"1"), (1, 0, None, None), (2, 0, None, b"x")])
    >>> rows = decode_rows(batch, msgspec.json.Decoder(int).decode, lambda value: DecodeError("no number"))
    >>> rows.records, rows.row.tolist(), [bad.row for bad in rows.bad], rows.n_empty
    ([1], [0], [2], 1)
    """
    n = len(batch)
    values = batch.values()
    is_suspect = n > 0 and (int(batch.value_length.min()) < 0 or int(batch.value_length.max()) >= _SHALLOW_BELOW)
    if not is_suspect or not any(value is None or is_too_deep(value) for value in values):
        try:
            return DecodedRows(list(map(decode, values)), np.arange(n, dtype=np.int64), [], 0)  # type: ignore[arg-type]
        except DECODE_FAILURES:
            pass
    records: list[T] = []
    rows: list[int] = []
    bad: list[BadRecord] = []
    n_empty = 0
    for row, value in enumerate(values):
        if value is None:
            n_empty += 1
            continue
        try:
            if is_too_deep(value):
                raise RecursionError
            record = decode(value)
        except DECODE_FAILURES:
            bad.append(BadRecord(row, explain(value)))
            continue
        records.append(record)
        rows.append(row)
    return DecodedRows(records, np.array(rows, dtype=np.int64), bad, n_empty)
