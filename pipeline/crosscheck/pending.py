"""Cross-checks under way, as explicit state with the offsets they include."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PendingCheck", "PendingChecks"]


@dataclass(frozen=True, slots=True)
class PendingCheck:
    """An anomaly whose verdict is awaited.

    Attributes
    ----------
    anomaly_id : str
        What is asked about.
    offset : int
        Where it stands in its partition of the topic of anomalies.
    asked_ns : int
        Wall clock at which it arrived, ns UTC.
    is_told : bool
        Whether it has been passed on without a verdict already.
    """

    anomaly_id: str
    offset: int
    asked_ns: int
    is_told: bool = False


class PendingChecks:
    """The cross-checks of one partition of the topic of anomalies.

    What holds: every anomaly below `next_offset` has been passed on finally, except those in `pending`; so a worker that takes over
    reads on at the offset of the oldest pending one, or at `next_offset` when there is none.  It is not kept in a checkpoint:
    that offset is the one committed, and the ledger knows which verdicts were given.

    Examples
    --------
    >>> pending = PendingChecks(next_offset=7)
    >>> pending.take("a", 7, asked_ns=1); pending.take("b", 8, asked_ns=1); pending.advance(9)
    >>> pending.finish("a"); pending.resume_offset, pending.next_offset
    (8, 9)
    >>> pending.finish("b"); pending.resume_offset
    9
    """

    def __init__(self, next_offset: int = 0) -> None:
        self.next_offset = next_offset
        self._pending: dict[str, PendingCheck] = {}

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def pending(self) -> tuple[PendingCheck, ...]:
        """Those under way, in the order of the log."""
        return tuple(sorted(self._pending.values(), key=lambda one: one.offset))

    @property
    def resume_offset(self) -> int:
        """Where to read on: at the oldest that is not final."""
        return min((one.offset for one in self._pending.values()), default=self.next_offset)

    def take(self, anomaly_id: str, offset: int, asked_ns: int) -> None:
        """An anomaly was read, and its verdict is awaited."""
        self._pending.setdefault(anomaly_id, PendingCheck(anomaly_id, offset, asked_ns))

    def tell(self, anomaly_id: str) -> None:
        """It was passed on without a verdict."""
        one = self._pending.get(anomaly_id)
        if one is not None:
            self._pending[anomaly_id] = PendingCheck(one.anomaly_id, one.offset, one.asked_ns, True)

    def finish(self, anomaly_id: str) -> None:
        """It was passed on finally."""
        self._pending.pop(anomaly_id, None)

    def advance(self, next_offset: int) -> None:
        """Everything below was read."""
        self.next_offset = max(self.next_offset, next_offset)
