"""What records of native metric JSON repeat: all but their time and their value.

A producer sends its series in the same order again and again, each spelled as before.  So the record after one of a series is most
often like the one that came after it the last time.  Its *skeleton*, the bytes around time and value, is compared with what is kept of
that one: when it is the same, only time and value are read, and where name and labels lie, and their hash, is known.  It is no guess:
the bytes kept are those of a record that was scanned and found good, and they mean the same whichever time and value stand in them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.codecs.skeleton_kernel import LAST, N_PAUSED, N_REPEATED, N_ROW, N_ROWS, N_TOTALS

__all__ = ["Skeletons"]

MAX_ROWS = 1 << 14
_BYTES_PER_ROW = 256
_WORD_BYTES = 8


class Skeletons:
    """The skeletons of one partition, by the series after which they came.

    When all the room is taken all are forgotten.  Where few records come again, or in another order each time, it pauses: the trouble
    is spared for a while.

    Attributes
    ----------
    rows : (16384, 13) int64
        In order of their first sight: where the bytes lie and how many, spans of name and labels, hash, row that came next.
    index : (32768,) int64
        Rows by hash, plus one; 0 = none.
    texts : (4 MiB,) uint8
        The bytes.
    words
        The 8 bytes from every position of `texts` on.
    totals : (7,) int64
        How much is taken, the row of the last record, how often it was worth while.

    Notes
    -----
    Memory: up to 6 MB, taken as series are seen: about 100 bytes and the skeleton a series.

    Examples
    --------
    >>> len(Skeletons()), Skeletons().n_repeated
    (0, 0)
    """

    def __init__(self) -> None:
        # Pages that are not written take no memory.
        self.rows: npt.NDArray[np.int64] = np.zeros((MAX_ROWS, N_ROW), dtype=np.int64)
        self.index: npt.NDArray[np.int64] = np.zeros(2 * MAX_ROWS, dtype=np.int64)
        self.texts: npt.NDArray[np.uint8] = np.zeros(_BYTES_PER_ROW * MAX_ROWS, dtype=np.uint8)
        self.words: npt.NDArray[np.uint64] = np.ndarray(
            shape=(self.texts.size - _WORD_BYTES + 1,), dtype="<u8", buffer=self.texts, strides=(1,)
        )
        self.totals: npt.NDArray[np.int64] = np.zeros(N_TOTALS, dtype=np.int64)
        self.totals[LAST] = -1

    def __len__(self) -> int:
        """Skeletons kept."""
        return int(self.totals[N_ROWS])

    @property
    def n_repeated(self) -> int:
        """Records that repeated one, since all were forgotten the last time."""
        return int(self.totals[N_REPEATED])

    @property
    def is_paused(self) -> bool:
        """Whether records are scanned without a look at them."""
        return bool(self.totals[N_PAUSED])
