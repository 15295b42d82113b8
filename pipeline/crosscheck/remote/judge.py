"""The frame of every remote provider: candidates of many calls wait together and share the next API call."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Generic, Protocol, TypeVar

from pipeline.clock import Clock
from pipeline.crosscheck.base import Outcome, Verdict
from pipeline.crosscheck.remote.caller import RemoteCaller
from pipeline.crosscheck.remote.cost import Bill
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import ProviderError

__all__ = ["Asked", "Batch", "Candidate", "RemoteJudge"]

DEADLINE_SHARE = 0.95
"""Of the time given: the rest is for handing the answer over."""


@dataclass(slots=True)
class Candidate:
    """An anomaly that waits for its verdict.

    Attributes
    ----------
    anomaly : Anomaly
        The suspicion.
    until_secs : float
        On the clock's monotonic reading: when the answer is due.
    verdict : Verdict or None
        Once there is one.
    """

    anomaly: Anomaly
    until_secs: float
    verdict: Verdict | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Asked(Protocol):
    """A candidate with what is asked about it."""

    @property
    def candidate(self) -> Candidate:
        """Who asks."""


Question = TypeVar("Question", bound=Asked)


@dataclass(slots=True)
class Batch:
    """Candidates that are asked about together.

    Attributes
    ----------
    candidates : list of Candidate
        At least one.
    bill : Bill
        To be handed to every call made for them.
    """

    candidates: list[Candidate]
    bill: Bill = field(default_factory=Bill)

    @property
    def until_secs(self) -> float:
        """When the last of their answers is due."""
        return max(candidate.until_secs for candidate in self.candidates)


class RemoteJudge(ABC, Generic[Question]):
    """Collects candidates while it waits for the rate limit, then has a whole batch answered.

    A subclass implements `_question`, which says what to ask about a candidate, and `_answer`, which makes the calls and gives
    verdicts by `_give`.  What it leaves out is ``unknown``.

    Parameters
    ----------
    caller : RemoteCaller
        Makes the calls.
    clock : Clock
        For deadlines.
    """

    name: str
    max_batch: ClassVar[int] = 500

    def __init__(self, caller: RemoteCaller, clock: Clock) -> None:
        self.caller = caller
        self._clock = clock
        self._waiting: deque[Candidate] = deque()
        self._arrived = asyncio.Event()
        self._collector: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def judge(self, anomalies: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
        """One verdict per anomaly, in order, shortly before the deadline at the latest; never raises but when cancelled."""
        loop = asyncio.get_running_loop()
        give_up_secs = loop.time() + DEADLINE_SHARE * deadline_secs
        until_secs = self._clock.monotonic_secs() + DEADLINE_SHARE * deadline_secs
        candidates = [Candidate(anomaly, until_secs) for anomaly in anomalies]
        for candidate in candidates:
            self._prejudge(candidate)
            if candidate.verdict is not None:
                candidate.settled.set()
        self._waiting.extend(candidate for candidate in candidates if candidate.verdict is None)
        if self._waiting:
            self._arrived.set()
            if self._collector is None or self._collector.done():
                self._collector = loop.create_task(self._collect())
        try:
            async with asyncio.timeout_at(give_up_secs):
                for candidate in candidates:
                    await candidate.settled.wait()
        except TimeoutError:
            pass
        return [candidate.verdict or self._late(candidate) for candidate in candidates]

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = [task for task in (self._collector, *self._answering) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @abstractmethod
    def _question(self, candidate: Candidate) -> Question | None:
        """What to ask; a candidate that there is nothing to ask about is given its verdict here."""

    @abstractmethod
    async def _answer(self, questions: list[Question], batch: Batch) -> None:
        """Give each candidate of the batch its verdict.

        Raises
        ------
        ProviderError
            The calls failed; candidates without a verdict get ``unknown`` with its code.
        """

    def _prejudge(self, candidate: Candidate) -> None:
        """Give a verdict that needs no call, if there is one."""
        self._question(candidate)

    def _is_no_sample(self, candidate: Candidate, reason: str, lack: str) -> bool:
        """Whether the suspicion is not about a sample, which this provider knows nothing of; `lack` says what there is not."""
        kind = candidate.anomaly.kind
        if kind != "point":
            self._give(candidate, "unknown", reason, f"{'silence' if kind == 'absence' else 'a new log template'} {lack}")
        return kind != "point"

    def _give(
        self,
        candidate: Candidate,
        outcome: Outcome,
        reason: str,
        detail: str,
        *,
        tail: float | None = None,
        reference: str | None = None,
    ) -> None:
        """Decide about a candidate.  It is told when the batch is done, or by `_release`."""
        if not candidate.settled.is_set():
            candidate.verdict = Verdict(self.name, outcome, reason, detail, tail, reference)

    def _release(self, batch: Batch) -> None:
        """Tell what has been decided so far, each with its share of the cost so far."""
        cost_usd = batch.bill.cost_usd / len(batch.candidates)
        for candidate in batch.candidates:
            if candidate.verdict is not None and not candidate.settled.is_set():
                candidate.verdict = replace(candidate.verdict, cost_usd=cost_usd)
                candidate.settled.set()

    async def _poll(
        self,
        questions: Sequence[Question],
        ask: Callable[[Sequence[Question]], Awaitable[None]],
        batch: Batch,
        poll_secs: float,
    ) -> None:
        """Ask again and again about those that `ask` left without a verdict; who has one is told after each round.

        `ask` must decide about a candidate in the end, at the latest when another round could not end before its deadline.
        """
        waiting = list(questions)
        while waiting:
            await ask(waiting)
            self._release(batch)
            waiting = [question for question in waiting if question.candidate.verdict is None]
            if waiting:
                await self.caller.pause(poll_secs)

    def _late(self, candidate: Candidate) -> Verdict:
        detail = "no answer in time; candidates wait for the limit of calls a minute, or the service is slow"
        candidate.verdict = Verdict(self.name, "unknown", "deadline", detail)
        candidate.settled.set()
        return candidate.verdict

    async def _collect(self) -> None:
        """Start a batch whenever the rate limit allows a call; who comes while it does not joins."""
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            wait_secs = self.caller.secs_until_free()
            if wait_secs > 0.0:
                await self.caller.pause(wait_secs)
                continue
            # Another turn of the loop: what was handed in at the same moment belongs together.
            await asyncio.sleep(0)
            taken: list[Candidate] = []
            while self._waiting and len(taken) < self.max_batch:
                candidate = self._waiting.popleft()
                if candidate.verdict is None:
                    taken.append(candidate)
            if taken:
                task = asyncio.create_task(self._settle(Batch(taken)))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
                # Let it take its token before the next batch looks for one.
                await asyncio.sleep(0)

    async def _settle(self, batch: Batch) -> None:
        reason, detail = "no_answer", "the service said nothing about it"
        try:
            questions = [question for one in batch.candidates if (question := self._question(one)) is not None]
            await self._answer(questions, batch)
        except ProviderError as error:
            reason, detail = error.code.lower(), str(error)[:300]
        except Exception as error:  # noqa: BLE001 - an answer of a shape nobody foresaw must not end the collector's work
            reason, detail = "error", f"{type(error).__name__}: {error}"[:300]
        for candidate in batch.candidates:
            if candidate.verdict is None:
                self._give(candidate, "unknown", reason, detail)
        self._release(batch)
