"""What an audit found about one partition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["PartitionAudit"]


@dataclass(slots=True)
class PartitionAudit:
    """One source partition under audit.

    Attributes
    ----------
    topic, partition
        Which.
    first_offset, next_offset : int
        The checkpoint includes the records from the first to before the second; -1 = it knows no first.
    n_records : int
        Records that stand in the topic there now.
    n_gone : int
        Offsets at the beginning that retention has taken away.
    records : dict of str to int
        By outcome, as the checkpoint says.
    n_replayed : int
        Learned once more after a restart, as the checkpoint says.
    n_dead_letters, n_repeated_letters : int
        Different records of the partition in the dead-letter topic, and repeats of them.
    n_anomalies, n_repeated_anomalies : int
        Different anomalies of the partition in their topic, and repeats of them.
    is_recomputed : bool
        Whether every record was put through a fresh engine as well.
    problems : list of str
        What does not add up, in words.
    notes : list of str
        What could not be looked at, and why.

    Examples
    --------
    >>> audit = PartitionAudit("m", 0, first_offset=0, next_offset=3, n_records=3, records={"scored": 2, "late": 1})
    >>> audit.adds_up
    True
    """

    topic: str
    partition: int
    first_offset: int = -1
    next_offset: int = 0
    n_records: int = 0
    n_gone: int = 0
    records: dict[str, int] = field(default_factory=dict)
    n_replayed: int = 0
    n_dead_letters: int = 0
    n_repeated_letters: int = 0
    n_anomalies: int = 0
    n_repeated_anomalies: int = 0
    is_recomputed: bool = False
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def adds_up(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        return {
            "topic": self.topic,
            "partition": self.partition,
            "adds_up": self.adds_up,
            "first_offset": self.first_offset,
            "next_offset": self.next_offset,
            "n_records": self.n_records,
            "n_gone": self.n_gone,
            "records": self.records,
            "n_replayed": self.n_replayed,
            "n_dead_letters": self.n_dead_letters,
            "n_repeated_letters": self.n_repeated_letters,
            "n_anomalies": self.n_anomalies,
            "n_repeated_anomalies": self.n_repeated_anomalies,
            "is_recomputed": self.is_recomputed,
            "problems": self.problems,
            "notes": self.notes,
        }
