"""Which partitions are ours, how far each is done, and what a rebalance does to them.

The group's protocol takes every partition away at the start of a rebalance and gives out the new assignment at its end.  A partition
that stays here keeps its flow: nobody else can have had it, unless the group committed an offset that is not ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from aiokafka.errors import IllegalStateError, KafkaError
from faust.types import TP

from pipeline.clock import Clock
from pipeline.service.cancellation import is_ordered
from pipeline.service.fetched_batch import FetchedBatch
from pipeline.service.flow import Flow
from pipeline.telemetry.events import Telemetry

__all__ = ["Assignment", "Reader"]

_RETRY_SECS = 0.5
_PROOF_SECS = 0.1


class Reader(Protocol):
    """Reads partitions while they are granted: the consumer's thread."""

    async def grant_at(self, tp: TP, grant: int, offset: int) -> bool:
        """Let a partition be read from `offset` on."""

    def grant_again(self, tp: TP, grant: int) -> None:
        """Let the next batch of a partition be read."""

    def withdraw_grants(self) -> None:
        """Read nothing more."""

    async def committed_offsets(self, tps: set[TP]) -> dict[TP, int | None]:
        """Offsets the group has committed."""

    @property
    def proved_secs(self) -> float:
        """Monotonic time at which the last heartbeat that the group answered was sent; 0 = none yet."""


class _Run:
    """One assigned partition: its flow and how far it is done."""

    __slots__ = ("committed", "flow", "grant", "is_started", "next_offset", "task", "tp")

    def __init__(self, tp: TP, flow: Flow) -> None:
        self.tp = tp
        self.flow = flow
        self.grant = 0
        self.is_started = False
        self.next_offset = 0
        self.committed: int | None = None
        self.task: asyncio.Task[None] | None = None


class Assignment:
    """The assigned partitions and their flows.

    Parameters
    ----------
    new_flow : callable
        Partition → flow.
    telemetry : Telemetry
        Told of assignments.
    fail : callable
        Told of what ends the process.
    lease_secs : float
        How long a heartbeat proves that the group has not given our partitions to others: less than the session timeout.
    clock : Clock
        Measures the lease.
    """

    def __init__(
        self,
        new_flow: Callable[[TP], Flow],
        telemetry: Telemetry,
        fail: Callable[[BaseException], None],
        *,
        lease_secs: float,
        clock: Clock,
    ) -> None:
        self._new_flow = new_flow
        self._telemetry = telemetry
        self._fail = fail
        self._runs: dict[TP, _Run] = {}
        self._reader: Reader | None = None
        self._n_grants = 0
        self._is_settled = False
        self._starter: asyncio.Task[None] | None = None
        self._lease_secs = lease_secs
        self._clock = clock
        self._assigned_secs = clock.monotonic_secs()

    @property
    def is_restored(self) -> bool:
        """Whether partitions have been assigned (none of them, perhaps) and every one is restored."""
        return self._is_settled and all(run.is_started and run.flow.is_restored for run in self._runs.values())

    @property
    def flows(self) -> Mapping[TP, Flow]:
        """Flows by partition."""
        return {tp: run.flow for tp, run in self._runs.items()}

    def next_offset(self, tp: TP) -> int | None:
        """Offset below which everything of the partition is done; None while it is not ours or being restored."""
        run = self._runs.get(tp)
        return run.next_offset if run is not None and run.is_started else None

    def committable(self) -> dict[TP, int]:
        """Offsets that are done and not committed yet."""
        return {
            tp: run.next_offset
            for tp, run in self._runs.items()
            if run.is_started and run.flow.may_commit and run.next_offset != run.committed
        }

    def note_committed(self, offsets: Mapping[TP, int]) -> None:
        """The group has them."""
        for tp, offset in offsets.items():
            if tp in self._runs:
                self._runs[tp].committed = offset

    async def hold(self) -> None:
        """Return when it is certain that our partitions are still ours; what would harm a next owner is written only then.

        A process that was stopped for longer than its session must not go on writing where it left off.  The group answers the
        heartbeats of its members only, so what proves it is one that was sent less than a session ago.

        Raises
        ------
        asyncio.CancelledError
            The partition was taken away meanwhile.
        """
        while self._clock.monotonic_secs() - self._proved_secs() > self._lease_secs:
            await asyncio.sleep(_PROOF_SECS)

    def _proved_secs(self) -> float:
        heard_secs = 0.0 if self._reader is None else self._reader.proved_secs
        return max(heard_secs, self._assigned_secs)

    async def revoke(self, timeout_secs: float, *, is_last: bool = False) -> None:
        """Every partition is taken away for now (or, the last time, for good): finish the batches in flight, and keep what the next
        owner needs.

        What does not finish in time is abandoned.  A batch that is has not been noted as done; its flow has learned from records that
        will be read again, so it is dropped.
        """
        deadline_secs = asyncio.get_running_loop().time() + timeout_secs
        self._is_settled = False
        if self._reader is not None:
            self._reader.withdraw_grants()
        if self._starter is not None:
            self._starter.cancel()
            self._starter = None
        busy = {run.task: run for run in self._runs.values() if run.task is not None and run.is_started}
        for run in self._runs.values():
            run.grant = 0
        if busy:
            _, late = await asyncio.wait(busy, timeout=timeout_secs)
            for task in late:
                run = busy[task]
                self._telemetry.emit("batch_abandoned", topic=run.tp.topic, partition=run.tp.partition, offset=run.next_offset)
                self._drop(run)
        settling = {asyncio.create_task(self._settle(run, is_last=is_last)) for run in self._runs.values() if run.is_started}
        if settling:
            _, late = await asyncio.wait(settling, timeout=max(deadline_secs - asyncio.get_running_loop().time(), 0.1))
            for task in late:
                task.cancel()

    def assign(self, tps: set[TP], reader: Reader) -> None:
        """These partitions are ours from now on; those that are not among them are dropped.  Restoring goes on beside."""
        self._reader = reader
        self._assigned_secs = self._clock.monotonic_secs()
        gone = [run for tp, run in self._runs.items() if tp not in tps]
        for run in gone:
            self._drop(run)
        self._telemetry.emit(
            "partitions_assigned",
            n_partitions=len(tps),
            n_kept=len(self._runs),
            n_dropped=len(gone),
            partitions=[f"{tp.topic}/{tp.partition}" for tp in sorted(tps)],
        )
        self._starter = asyncio.create_task(self._start_runs(set(tps), reader))

    def deliver(self, tp: TP, fetched: FetchedBatch) -> None:
        """A batch has arrived: process it, unless it was read under a grant that is no longer good."""
        run = self._runs.get(tp)
        if run is None or run.grant == 0 or run.grant != fetched.grant:
            return
        run.task = asyncio.create_task(self._process(run, fetched, run.task))

    def run_beside(self, tp: TP, work: Callable[[], Awaitable[None]]) -> None:
        """Do something with a flow between two batches; left out when it is busy."""
        run = self._runs.get(tp)
        if run is not None and run.is_started and run.grant and run.task is None:
            run.task = asyncio.create_task(self._work(run, work))

    async def close(self, timeout_secs: float) -> None:
        """Finish what is in flight and take in nothing more; offsets can still be committed."""
        await self.revoke(timeout_secs, is_last=True)

    def drop_all(self) -> None:
        """Let go of every flow."""
        for run in list(self._runs.values()):
            self._drop(run)

    def _drop(self, run: _Run) -> None:
        if self._runs.get(run.tp) is run:
            del self._runs[run.tp]
        if run.task is not None:
            run.task.cancel()
        run.flow.close()

    async def _start_runs(self, tps: set[TP], reader: Reader) -> None:
        try:
            committed = await self._find_committed(tps, reader)
            for tp, offset in committed.items():
                run = self._runs.get(tp)
                if run is not None and run.is_started and run.committed != offset:
                    # Somebody else had the partition meanwhile.
                    self._drop(run)
            for tp in sorted(tps):
                run = self._runs.get(tp)
                if run is None:
                    run = self._runs[tp] = _Run(tp, self._new_flow(tp))
                    run.committed = committed[tp]
                    run.task = asyncio.create_task(self._restore(run))
            self._is_settled = True
            for run in list(self._runs.values()):
                if run.is_started and run.grant == 0:
                    await self._grant(run, reader)
        except BaseException as error:  # noqa: BLE001 - the edge
            self._give_up(error)

    async def _find_committed(self, tps: set[TP], reader: Reader) -> dict[TP, int | None]:
        while True:
            try:
                return await reader.committed_offsets(tps)
            except (KafkaError, IllegalStateError) as error:
                self._telemetry.emit("broker_unavailable", code=type(error).__name__, error=error)
                await asyncio.sleep(_RETRY_SECS)

    async def _restore(self, run: _Run) -> None:
        try:
            while True:
                try:
                    run.next_offset = await run.flow.restore(run.committed)
                    break
                except KafkaError as error:
                    self._telemetry.emit("broker_unavailable", code=type(error).__name__, error=error)
                    await asyncio.sleep(_RETRY_SECS)
            run.task = None
            run.is_started = True
            # In the middle of a rebalance the partition is granted at its end, if it is still ours.
            if self._is_settled and run.grant == 0 and self._reader is not None:
                await self._grant(run, self._reader)
        except BaseException as error:  # noqa: BLE001 - the edge
            self._give_up(error)

    async def _grant(self, run: _Run, reader: Reader) -> None:
        self._n_grants += 1
        run.grant = self._n_grants
        await reader.grant_at(run.tp, run.grant, run.next_offset)

    async def _process(self, run: _Run, fetched: FetchedBatch, previous: asyncio.Task[None] | None) -> None:
        batch = fetched.batch
        try:
            if previous is not None:
                await asyncio.wait({previous})
            if len(batch):
                await run.flow.process(batch)
            run.next_offset = batch.next_offset
            run.task = None
            if run.grant == fetched.grant and self._reader is not None:
                self._reader.grant_again(run.tp, run.grant)
        except BaseException as error:  # noqa: BLE001 - the edge
            self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        """The edge of every task: what escaped every stage ends the process; a task that was told to stop just stops.

        A cancellation that nobody asked for comes out of a library; were it taken for one, the partition would stand still unseen.
        """
        if is_ordered(error):
            raise error
        self._fail(error)

    async def _settle(self, run: _Run, *, is_last: bool) -> None:
        try:
            await run.flow.settle(is_last=is_last)
        except BaseException as error:  # noqa: BLE001 - the edge
            self._give_up(error)

    async def _work(self, run: _Run, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
            if run.task is asyncio.current_task():
                run.task = None
        except BaseException as error:  # noqa: BLE001 - the edge
            self._give_up(error)
