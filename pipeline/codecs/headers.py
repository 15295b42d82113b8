"""Headers of fetched records, parsed when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["FetchedHeaders", "HeaderList", "headers_between"]

HeaderList = Sequence[tuple[str, bytes | None]]

_IntColumn = npt.NDArray[np.int64]


class FetchedHeaders(Mapping[int, HeaderList]):
    """Headers of the rows that have any.

    A name that is not UTF-8 is given with its odd bytes escaped.

    Parameters
    ----------
    buffer : bytes
        As fetched and decompressed; known to be sound.
    start, n_headers : (N,) int64
        By row: where the headers begin, and how many there are.

    Examples
    --------
    >>> headers = FetchedHeaders(b"\\x02k\\x04v1", np.array([0, 0]), np.array([0, 1]))
    >>> dict(headers), headers.get(0)
    ({1: [('k', b'v1')]}, None)
    """

    def __init__(self, buffer: bytes, start: _IntColumn, n_headers: _IntColumn) -> None:
        self._buffer = buffer
        self._start = start
        self._n_headers = n_headers

    def between(self, start: int, stop: int) -> FetchedHeaders:
        """Those of the rows `start` to `stop` (not included), which become rows 0 and on."""
        return FetchedHeaders(self._buffer, self._start[start:stop], self._n_headers[start:stop])

    def __getitem__(self, row: int) -> HeaderList:
        if not 0 <= row < len(self._n_headers) or not self._n_headers[row]:
            raise KeyError(row)
        at = int(self._start[row])
        headers: list[tuple[str, bytes | None]] = []
        for _ in range(int(self._n_headers[row])):
            name, at = self._read_bytes(at)
            value, at = self._read_bytes(at)
            headers.append(((name or b"").decode(errors="backslashreplace"), value))
        return headers

    def __iter__(self) -> Iterator[int]:
        return iter(np.flatnonzero(self._n_headers).tolist())

    def __len__(self) -> int:
        return int(np.count_nonzero(self._n_headers))

    def __repr__(self) -> str:
        return repr(dict(self))

    def _read_bytes(self, at: int) -> tuple[bytes | None, int]:
        bits = shift = 0
        while True:
            byte = self._buffer[at]
            at += 1
            bits |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
        length = (bits >> 1) ^ -(bits & 1)
        return (None, at) if length < 0 else (self._buffer[at : at + length], at + length)


def headers_between(headers: Mapping[int, HeaderList], start: int, stop: int) -> Mapping[int, HeaderList]:
    """Headers of the rows `start` to `stop` (not included), which become rows 0 and on.

    Examples
    --------
    >>> headers_between({0: [], 2: [("k", b"v")]}, 1, 3)
    {1: [('k', b'v')]}
    """
    if isinstance(headers, FetchedHeaders):
        return headers.between(start, stop)
    return {row - start: some for row, some in headers.items() if start <= row < stop}
