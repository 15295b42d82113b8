"""Sample batches: points whose series is known, as columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["SampleBatch"]

_IntColumn = npt.NDArray[np.int64]


class SampleBatch(NamedTuple):
    """Samples of one partition in order of the log: by offset, then by position inside the record.

    Attributes
    ----------
    slot : (B,) int64
        The series' slot.
    event_time_ns : (B,) int64
        ns UTC.
    value : (B,) float64
        Finite.
    offset, position : (B,) int64
        Place in the log: the record's offset, the ordinal of the sample in it.
    row : (B,) int64
        Row of the record batch.
    """

    slot: _IntColumn
    event_time_ns: _IntColumn
    value: npt.NDArray[np.float64]
    offset: _IntColumn
    position: _IntColumn
    row: _IntColumn

    @property
    def n_samples(self) -> int:
        """Samples in the batch (``len`` would count the columns).

        Examples
        --------
        >>> one = np.array([0])
        >>> SampleBatch(one, one, np.array([0.5]), one, one, one).n_samples
        1
        """
        return self.slot.size

    def select(self, index: _IntColumn | npt.NDArray[np.bool_]) -> SampleBatch:
        """The samples at `index` (positions or a mask), in that order."""
        return SampleBatch(
            self.slot[index],
            self.event_time_ns[index],
            self.value[index],
            self.offset[index],
            self.position[index],
            self.row[index],
        )
