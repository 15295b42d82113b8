"""What a rebalance does to flows: kept, dropped, abandoned; and that no batch of an older grant gets through."""

from __future__ import annotations

import asyncio

from faust.types import TP

from pipeline.clock import ManualClock
from pipeline.codecs.record import RecordBatch
from pipeline.service.assignment import Assignment
from pipeline.service.fetched_batch import FetchedBatch
from pipeline.telemetry.events import Telemetry

ONE, TWO = TP("metrics", 0), TP("metrics", 1)


class FakeFlow:
    """Notes what it is given; processing waits while it is held up."""

    is_restored = True
    may_commit = True

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.settled: list[bool] = []
        self.is_closed = False
        self.may_go = asyncio.Event()
        self.may_go.set()

    async def restore(self, committed: int | None) -> int:
        return committed or 0

    async def process(self, batch: RecordBatch) -> None:
        await self.may_go.wait()
        self.taken += batch.offset.tolist()

    async def settle(self, *, is_last: bool) -> None:
        self.settled.append(is_last)

    def close(self) -> None:
        self.is_closed = True


class FakeReader:
    """Remembers grants; the group's offsets are what the test says."""

    proved_secs = 0.0

    def __init__(self) -> None:
        self.granted: dict[TP, tuple[int, int | None]] = {}
        self.committed: dict[TP, int | None] = {}

    async def grant_at(self, tp: TP, grant: int, offset: int) -> bool:
        self.granted[tp] = (grant, offset)
        return True

    def grant_again(self, tp: TP, grant: int) -> None:
        self.granted[tp] = (grant, None)

    def withdraw_grants(self) -> None:
        self.granted.clear()

    async def committed_offsets(self, tps: set[TP]) -> dict[TP, int | None]:
        return {tp: self.committed.get(tp) for tp in tps}


def make(flows: dict[TP, list[FakeFlow]], clock: ManualClock | None = None) -> tuple[Assignment, list[BaseException]]:
    failures: list[BaseException] = []

    def new_flow(tp: TP) -> FakeFlow:
        flows.setdefault(tp, []).append(FakeFlow())
        return flows[tp][-1]

    return Assignment(new_flow, Telemetry(), failures.append, lease_secs=5.0, clock=clock or ManualClock()), failures


def fetched(tp: TP, grant: int, start: int, stop: int) -> FetchedBatch:
    return FetchedBatch(grant, RecordBatch.from_rows(tp.topic, tp.partition, [(i, 0, None, b"") for i in range(start, stop)]))


async def assigned(*tps: TP) -> tuple[Assignment, FakeReader, dict[TP, list[FakeFlow]], list[BaseException]]:
    """An assignment that has these partitions, all restored; its reader, flows and failures."""
    flows: dict[TP, list[FakeFlow]] = {}
    assignment, failures = make(flows)
    reader = FakeReader()
    assignment.assign(set(tps), reader)
    await settled()
    return assignment, reader, flows, failures


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_partition_that_stays_keeps_its_flow() -> None:
    async def run() -> None:
        assignment, reader, flows, failures = await assigned(ONE, TWO)
        assert assignment.is_restored
        assignment.deliver(ONE, fetched(ONE, reader.granted[ONE][0], 0, 3))
        await settled()
        old_grant = reader.granted[ONE][0]
        assert assignment.committable() == {ONE: 3, TWO: 0}
        reader.committed |= assignment.committable()
        assignment.note_committed(assignment.committable())
        await assignment.revoke(1.0)
        assert not assignment.is_restored
        assignment.deliver(ONE, fetched(ONE, old_grant, 3, 5))
        assignment.assign({ONE}, reader)
        await settled()
        # What was fetched before the rebalance is read again.
        assignment.deliver(ONE, fetched(ONE, old_grant, 3, 5))
        await settled()
        assert flows[ONE][0].taken == [0, 1, 2]
        grant, offset = reader.granted[ONE]
        assert (grant != old_grant, offset) == (True, 3)
        assignment.deliver(ONE, fetched(ONE, grant, 3, 5))
        await settled()
        assert flows[ONE][0].taken == [0, 1, 2, 3, 4]
        assert len(flows[ONE]) == 1
        assert flows[TWO][0].is_closed
        await assignment.close(1.0)
        # Of all but the last it is told that the process goes on.
        assert (flows[ONE][0].settled, flows[TWO][0].settled) == ([False, True], [False])
        assert failures == []

    asyncio.run(run())


def test_partition_that_somebody_had_meanwhile_begins_anew() -> None:
    async def run() -> None:
        assignment, reader, flows, _ = await assigned(ONE)
        await assignment.revoke(1.0)
        reader.committed[ONE] = 40
        assignment.assign({ONE}, reader)
        await settled()
        assert flows[ONE][0].is_closed
        assert reader.granted[ONE][1] == 40

    asyncio.run(run())


def test_batch_that_does_not_finish_is_abandoned() -> None:
    async def run() -> None:
        assignment, reader, flows, failures = await assigned(ONE, TWO)
        flows[ONE][0].may_go.clear()
        for tp in (ONE, TWO):
            assignment.deliver(tp, fetched(tp, reader.granted[tp][0], 0, 3))
        await settled()
        await assignment.revoke(0.05)
        assert flows[ONE][0].is_closed
        assert assignment.committable() == {TWO: 3}
        assignment.assign({ONE, TWO}, reader)
        await settled()
        assert len(flows[ONE]) == 2
        assert reader.granted[ONE][1] == 0
        assert reader.granted[TWO][1] == 3
        assert failures == []

    asyncio.run(run())


def test_what_a_flow_raises_ends_the_process() -> None:
    async def run() -> None:
        assignment, reader, flows, failures = await assigned(ONE)

        async def fail(batch: RecordBatch) -> None:
            raise ValueError("broken")

        flows[ONE][0].process = fail  # type: ignore[method-assign]
        assignment.deliver(ONE, fetched(ONE, reader.granted[ONE][0], 0, 3))
        await settled()
        assert [str(error) for error in failures] == ["broken"]
        assert assignment.next_offset(ONE) == 0, "it is not done"

    asyncio.run(run())


def test_nothing_harmful_is_written_on_an_old_proof() -> None:
    async def run() -> None:
        clock = ManualClock()
        assignment, _ = make({}, clock)
        reader = FakeReader()
        assignment.assign({ONE}, reader)
        await assignment.hold()
        # Stopped past its session and woken up.
        clock.advance_secs(6.0)
        holding = asyncio.create_task(assignment.hold())
        await asyncio.sleep(0.25)
        assert not holding.done()
        reader.proved_secs = clock.monotonic_secs()
        await asyncio.wait_for(holding, 1.0)

    asyncio.run(run())
