"""Series keys that stay where they were fetched: two slices of a buffer and a hash each, no object."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

__all__ = ["KeySlices", "take_keys", "view_words"]

_NO_LABELS = b"{}"


def view_words(data: bytes) -> npt.NDArray[np.uint64]:
    """The 8 bytes from every position of `data` on, as one little-endian integer; (N - 7,) uint64, no copy.

    Fewer than 16 bytes are padded with zeros: numba has another type for arrays of one element.

    Examples
    --------
    >>> view_words(b"\\1" + bytes(8)).tolist()
    [1, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    padded = data if len(data) >= 16 else data.ljust(16, b"\0")
    return np.ndarray(shape=(len(padded) - 7,), dtype="<u8", buffer=padded, strides=(1,))


class KeySlices(Sequence[Hashable]):
    """Keys of name and labels, each ``raw name + raw labels``, or ``raw name + {}`` where there are no labels.

    Parameters
    ----------
    buffer : bytes
    spans : (4, M) int64
        Start and length of the names, start and length of the labels; length -1 = no labels.
    hashes : (M,) uint64
        One key has one hash.

    Attributes
    ----------
    data, words
        The buffer as numbers: (N,) uint8, and `view_words` of it.

    Examples
    --------
    >>> keys = KeySlices(b'"cpu" {"a":"b"}', np.array([[0, 0], [5, 5], [6, 0], [9, -1]]), np.zeros(2, dtype=np.uint64))
    >>> list(keys)
    [b'"cpu"{"a":"b"}', b'"cpu"{}']
    """

    def __init__(self, buffer: bytes, spans: npt.NDArray[np.int64], hashes: npt.NDArray[np.uint64]) -> None:
        self.buffer = buffer
        self.data = np.frombuffer(buffer, np.uint8)
        self.words = view_words(buffer)
        self.spans = spans
        self.hashes = hashes

    def __len__(self) -> int:
        return len(self.hashes)

    def take(self, index: npt.NDArray[np.int64]) -> KeySlices:
        """The keys at `index`, in that order."""
        return KeySlices(self.buffer, self.spans.take(index, axis=1), self.hashes[index])

    @overload
    def __getitem__(self, at: int) -> Hashable: ...
    @overload
    def __getitem__(self, at: slice) -> KeySlices: ...
    def __getitem__(self, at: int | slice) -> Any:
        """One key as bytes, or a part of the keys."""
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at])
        name_start, name_length, labels_start, labels_length = self.spans[:, at].tolist()
        name = self.buffer[name_start : name_start + name_length]
        return name + (_NO_LABELS if labels_length < 0 else self.buffer[labels_start : labels_start + labels_length])


def take_keys(keys: Sequence[Hashable], index: npt.NDArray[np.int64]) -> Sequence[Hashable]:
    """The keys at `index`, in that order.

    Examples
    --------
    >>> take_keys(["a", "b", "c"], np.array([2, 0]))
    ['c', 'a']
    """
    return keys.take(index) if isinstance(keys, KeySlices) else [keys[i] for i in index.tolist()]
