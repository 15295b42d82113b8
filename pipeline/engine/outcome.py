"""What becomes of the records of one batch: each ends in exactly one outcome."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.codecs.base import BadRecord
from pipeline.codecs.record import RecordBatch
from pipeline.engine.accounting import DEAD_LETTERED, FILTERED, Accounting
from pipeline.engine.dead_letter import DeadLetter
from pipeline.errors import RecordError, StateError

__all__ = ["RecordOutcomes"]

_UNDECIDED = np.iinfo(np.int8).max


class RecordOutcomes:
    """Outcomes of the records of a batch, while it is taken in.

    Parameters
    ----------
    batch : RecordBatch
        The records.
    bad : list of BadRecord
        Those the codec could not use.
    n_empty : int
        How many hold nothing to score, as the codec says.

    Examples
    --------
    >>> batch = RecordBatch.from_rows("m", 0, [(0, 0, None, b"1"), (1, 0, None, b"?"), (2, 0, None, None)])
    >>> outcomes = RecordOutcomes(batch, [BadRecord(1, RecordError("not a number"))], 1)
    >>> outcomes.improve(np.array([0]), np.array([0], dtype=np.int8))
    >>> accounting = Accounting()
    >>> [letter.offset for letter in outcomes.settle(accounting, n_replayed=0)]
    [1]
    >>> {name: n for name, n in accounting.records.items() if n}
    {'scored': 1, 'filtered': 1, 'dead_lettered': 1}
    """

    def __init__(self, batch: RecordBatch, bad: list[BadRecord], n_empty: int) -> None:
        self._batch = batch
        self._n_empty = n_empty
        self._errors: dict[int, RecordError] = {}
        self._code = np.full(len(batch), _UNDECIDED, dtype=np.int8)
        for one in bad:
            self.fail(one.row, one.error)

    def fail(self, row: int, error: RecordError) -> None:
        """A record, or a sample of it, cannot be used; of several errors the first counts."""
        self._errors.setdefault(row, error)
        self._code[row] = min(self._code[row], DEAD_LETTERED)

    def improve(self, rows: npt.NDArray[np.int64], codes: npt.NDArray[np.int8]) -> None:
        """Give records the outcomes of their samples, the best of which counts.

        Parameters
        ----------
        rows : (B,) int64
            Record of each sample, ascending.
        codes : (B,) int8
            Outcome of each sample.
        """
        np.minimum.at(self._code, rows, codes)

    def settle(self, accounting: Accounting, *, n_replayed: int) -> list[DeadLetter]:
        """Account the records and bury those that failed; the first `n_replayed` are only counted as that.

        Raises
        ------
        StateError
            A record was neither used, nor refused, nor declared empty (``CODEC_ROWS``): it vanished.
        """
        is_undecided = self._code == _UNDECIDED
        n_undecided = int(np.count_nonzero(is_undecided))
        if n_undecided != self._n_empty:
            raise StateError(
                f"topic {self._batch.topic}, partition {self._batch.partition}: {n_undecided} records came to nothing, the codec says "
                f"{self._n_empty} are empty; a record vanished or was counted twice. Keep the log from the offset "
                f"{self._batch.offset[0]} on, and report it",
                code="CODEC_ROWS",
            )
        self._code[is_undecided] = FILTERED
        accounting.add_records(self._code[n_replayed:], n_replayed=n_replayed)
        accounting.add_reason("filtered", "empty", int(np.count_nonzero(is_undecided[n_replayed:])))
        letters = [
            DeadLetter.from_record(self._batch, row, self._errors[row]) for row in sorted(self._errors) if row >= n_replayed
        ]
        for letter in letters:
            accounting.add_reason("dead_lettered", letter.code)
        accounting.check()
        return letters
