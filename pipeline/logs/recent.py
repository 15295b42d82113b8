"""A bounded memory of what was looked up lately."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Remembers at least the `n_least` keys used last, and at most twice as many.

    Two halves: when the newer one is full it becomes the older one, and what is asked for moves from there into the newer.  So a
    flood of keys that never come again does not wash out those that do.

    Parameters
    ----------
    n_least : int
        Keys.

    Examples
    --------
    >>> recent = Recent(2)
    >>> for key in "abacad":
    ...     if recent.get(key) is None:
    ...         recent.put(key, key.upper())
    >>> recent.get("a"), recent.get("b"), recent.get("d")
    ('A', None, 'D')
    """

    __slots__ = ("_n_least", "_newer", "_older")

    def __init__(self, n_least: int) -> None:
        self._n_least = n_least
        self._newer: dict[K, V] = {}
        self._older: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """What was put under a key; None = nothing, or forgotten."""
        value = self._newer.get(key)
        if value is None:
            value = self._older.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember a value, which is not None."""
        if len(self._newer) >= self._n_least:
            self._older = self._newer
            self._newer = {}
        self._newer[key] = value

    def clear(self) -> None:
        """Forget everything."""
        self._newer, self._older = {}, {}
