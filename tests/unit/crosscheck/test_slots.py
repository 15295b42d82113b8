"""Slots in flight: never more than there are, first come first served, none lost to cancellation."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.crosscheck.slots import InFlightSlots


@settings(deadline=None, max_examples=200)
@given(
    n_slots=st.integers(1, 8),
    wants=st.lists(st.tuples(st.integers(1, 8), st.integers(0, 5), st.booleans()), max_size=20),
    seed=st.integers(0, 9),
)
def test_never_too_many_and_all_given_back(n_slots: int, wants: list[tuple[int, int, bool]], seed: int) -> None:
    async def run() -> None:
        slots, held, shuffle = InFlightSlots(n_slots), 0, random.Random(seed)

        async def use(n_wanted: int, n_turns: int) -> None:
            nonlocal held
            async with slots.take(n_wanted):
                held += n_wanted
                assert held <= n_slots
                try:
                    for _ in range(n_turns):
                        await asyncio.sleep(0)
                finally:
                    held -= n_wanted

        tasks = [(asyncio.create_task(use(min(n, n_slots), turns)), is_cancelled) for n, turns, is_cancelled in wants]
        for task, is_cancelled in tasks:
            for _ in range(shuffle.randrange(3)):
                await asyncio.sleep(0)
            if is_cancelled:
                task.cancel()
        await asyncio.gather(*(task for task, _ in tasks), return_exceptions=True)
        assert [task.exception() for task, _ in tasks if not task.cancelled()] == [None] * sum(
            not task.cancelled() for task, _ in tasks
        )
        assert slots.n_free == n_slots

    asyncio.run(run())


def test_a_large_wish_is_not_overtaken_for_ever() -> None:
    async def run() -> list[str]:
        slots, order = InFlightSlots(2), []

        async def use(name: str, n_wanted: int) -> None:
            async with slots.take(n_wanted):
                order.append(name)
                await asyncio.sleep(0)

        await asyncio.gather(use("small", 1), use("large", 2), use("late", 1))
        return order

    assert asyncio.run(run()) == ["small", "large", "late"]


@pytest.mark.parametrize("n_wanted", [0, 3])
def test_impossible_wishes_are_refused(n_wanted: int) -> None:
    async def run() -> None:
        async with InFlightSlots(2).take(n_wanted):
            raise AssertionError("never here")

    with pytest.raises(ValueError, match="expected 1 to 2"):
        asyncio.run(run())
