"""What is done with one partition: the interface between the assignment of partitions and the stages."""

from __future__ import annotations

from typing import Protocol

from pipeline.codecs.record import RecordBatch

__all__ = ["Flow"]


class Flow(Protocol):
    """The life of one assigned partition: restored, fed batches in order, closed.

    Calls do not overlap.  A flow is told apart from its partition: when the partition comes back later it gets a new one.
    """

    @property
    def is_restored(self) -> bool:
        """Whether it is where it was before the partition came here (what it learns again counts as not yet restored)."""

    @property
    def may_commit(self) -> bool:
        """Whether the group may be told how far it is."""

    async def restore(self, committed: int | None) -> int:
        """Get ready; returns the offset to read from.

        Parameters
        ----------
        committed : int or None
            Offset the group has committed for this partition; None = none yet.

        Raises
        ------
        StateError
            The state cannot be restored: the process stops.
        """

    async def process(self, batch: RecordBatch) -> None:
        """Take in one batch; when it returns, everything that came of it is acknowledged by the broker.

        Raises
        ------
        StateError
            State is uncertain: the process stops.
        asyncio.CancelledError
            The partition was taken away and the batch did not finish in time: nothing may be made of this flow any more.
        """

    async def settle(self, *, is_last: bool) -> None:
        """The partition may be taken away after this: keep what the next owner needs.

        Parameters
        ----------
        is_last : bool
            The process ends after this.  Otherwise all members of the group wait for it, and in most cases the partition stays.

        Raises
        ------
        asyncio.CancelledError
            It took too long: what was kept before stands.
        """

    def close(self) -> None:
        """The partition is gone: let go of state, stop exporting its gauges."""
