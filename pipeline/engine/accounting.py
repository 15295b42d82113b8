"""The accounting identity: every record consumed ends in exactly one outcome, and every drop has a named reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import StateError

__all__ = ["DEAD_LETTERED", "DUPLICATE", "FILTERED", "LATE", "OUTCOMES", "SCORED", "Accounting"]

OUTCOMES = ("scored", "late", "duplicate", "filtered", "dead_lettered")
"""Best first: a record with several samples takes the best of their outcomes."""

SCORED, LATE, DUPLICATE, FILTERED, DEAD_LETTERED = range(5)
"""Outcome codes: positions in `OUTCOMES`."""

_Codes = npt.NDArray[np.int8]


class Accounting:
    """Counts of one lane, or of several added up.

    Attributes
    ----------
    consumed : int
        Records read.
    replayed : int
        Of those: learned once more after a restart, nothing emitted; not part of any outcome.
    records, samples : dict of str to int
        By outcome (`OUTCOMES`).
    reasons : dict of (str, str) to int
        Records (dead-lettered, empty) and samples (otherwise) that were not scored, by outcome and reason code.
    anomalous : dict of str to int
        What became of anomalous samples: ``reported`` (published), ``folded`` (counted in an open episode or in a run that has
        not opened one; a new log template among too many at once), ``direction`` (on the side that does not count).

    Examples
    --------
    >>> accounting = Accounting()
    >>> accounting.add_records(np.array([0, 0, 4], dtype=np.int8))
    >>> accounting.add_reason("dead_lettered", "JSON")
    >>> accounting.check()
    >>> accounting.records["scored"], accounting.records["dead_lettered"], accounting.consumed
    (2, 1, 3)
    """

    __slots__ = ("anomalous", "consumed", "reasons", "records", "replayed", "samples")

    def __init__(self) -> None:
        self.consumed = 0
        self.replayed = 0
        self.records: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
        self.samples: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.anomalous: dict[str, int] = {"reported": 0, "folded": 0, "direction": 0}

    def add_records(self, codes: _Codes, *, n_replayed: int = 0) -> None:
        """Account records by outcome.

        Parameters
        ----------
        codes : (N,) int8
            Outcome code of each record that is not replayed.
        n_replayed : int
            Records that are.
        """
        self.consumed += codes.size + n_replayed
        self.replayed += n_replayed
        _add_codes(self.records, codes)

    def add_samples(self, codes: _Codes) -> None:
        """Account samples by outcome.

        Parameters
        ----------
        codes : (M,) int8
            Outcome code of each sample.
        """
        _add_codes(self.samples, codes)

    def add_reason(self, outcome: str, reason: str, n: int = 1) -> None:
        """Name why `n` records or samples were not scored."""
        if n:
            self.reasons[outcome, reason] += n

    def add_anomalous(self, n_reported: int, n_folded: int, n_wrong_side: int) -> None:
        """Account anomalous samples: published, counted only, on the side that does not count."""
        self.anomalous["reported"] += n_reported
        self.anomalous["folded"] += n_folded
        self.anomalous["direction"] += n_wrong_side

    def add(self, other: Accounting) -> None:
        """Add the counts of another lane."""
        self.consumed += other.consumed
        self.replayed += other.replayed
        self.reasons.update(other.reasons)
        for mine, theirs in ((self.records, other.records), (self.samples, other.samples), (self.anomalous, other.anomalous)):
            for name, n in theirs.items():
                mine[name] = mine.get(name, 0) + n

    def check(self) -> None:
        """See that every record consumed has one outcome.

        Raises
        ------
        StateError
            It does not add up: a record vanished or was counted twice.
        """
        accounted = sum(self.records.values()) + self.replayed
        if accounted != self.consumed:
            parts = ", ".join(f"{name} {n}" for name, n in (*self.records.items(), ("replayed", self.replayed)))
            raise StateError(
                f"accounting does not add up: {self.consumed} records consumed, {accounted} accounted for ({parts}); "
                "a record vanished or was counted twice. Stop, keep the log, and report it",
                code="ACCOUNTING",
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order; reasons nested by outcome, sorted.

        Examples
        --------
        >>> accounting = Accounting()
        >>> accounting.add_reason("filtered", "no_detector", 2)
        >>> accounting.to_dict()["reasons"]
        {'filtered': {'no_detector': 2}}
        """
        reasons: dict[str, dict[str, int]] = {}
        for (outcome, reason), n in sorted(self.reasons.items()):
            reasons.setdefault(outcome, {})[reason] = n
        return {
            "consumed": self.consumed,
            "replayed": self.replayed,
            "records": dict(self.records),
            "samples": dict(self.samples),
            "reasons": reasons,
            "anomalous": dict(self.anomalous),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Accounting:
        """Inverse of `to_dict`.

        Examples
        --------
        >>> accounting = Accounting()
        >>> accounting.add_reason("filtered", "no_detector", 2)
        >>> Accounting.from_dict(accounting.to_dict()).reasons
        Counter({('filtered', 'no_detector'): 2})
        """
        accounting = cls()
        accounting.consumed, accounting.replayed = int(data["consumed"]), int(data["replayed"])
        for mine, theirs in (
            (accounting.records, data["records"]),
            (accounting.samples, data["samples"]),
            (accounting.anomalous, data["anomalous"]),
        ):
            mine.update(theirs)
        for outcome, counts in data["reasons"].items():
            accounting.reasons.update({(outcome, reason): n for reason, n in counts.items()})
        return accounting


def _add_codes(counts: dict[str, int], codes: _Codes) -> None:
    for name, n in zip(OUTCOMES, np.bincount(codes, minlength=len(OUTCOMES)).tolist(), strict=True):
        counts[name] += n
