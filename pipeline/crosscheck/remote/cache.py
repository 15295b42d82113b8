"""Answers that are good for further candidates, for a while and not too many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["TimedCache"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class TimedCache(Generic[Key, Value]):
    """Values by key, each for a time; the oldest goes when there are too many.

    Parameters
    ----------
    keep_secs : float
        How long a value is good for, in seconds; 0 = nothing is kept.
    max_entries : int
        Most values held.

    Examples
    --------
    >>> cache = TimedCache[str, int](keep_secs=10, max_entries=2)
    >>> cache.put("a", 1, now_secs=0.0)
    >>> cache.get("a", now_secs=9.0), cache.get("a", now_secs=10.0), cache.n_hits, cache.n_misses
    (1, None, 1, 1)
    """

    def __init__(self, keep_secs: float, max_entries: int = 10_000) -> None:
        self._keep_secs = keep_secs
        self._max_entries = max_entries
        self._entries: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self.n_hits = 0
        self.n_misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key, now_secs: float) -> Value | None:
        """The value, if it is there and still good."""
        entry = self._entries.get(key)
        if entry is not None and now_secs < entry[0]:
            self.n_hits += 1
            return entry[1]
        if entry is not None:
            del self._entries[key]
        self.n_misses += 1
        return None

    def put(self, key: Key, value: Value, now_secs: float) -> None:
        """Keep a value from now on."""
        self._entries.pop(key, None)
        if self._keep_secs <= 0.0:
            return
        self._entries[key] = (now_secs + self._keep_secs, value)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
