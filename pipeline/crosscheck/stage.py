"""The cross-check stage: a fetched batch of anomalies in, checked anomalies out, whatever the provider does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, get_args

from pipeline.clock import Clock
from pipeline.config.schema import CrosscheckSettings
from pipeline.config.severity import Severity
from pipeline.crosscheck.base import CheckedAnomaly, Outcome, Provider, Verdict
from pipeline.crosscheck.slots import InFlightSlots
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import ProviderError
from pipeline.samples.labels import LabelSet

__all__ = ["CrosscheckObserver", "CrosscheckStage", "Publish", "VerdictLedger"]

Publish = Callable[[CheckedAnomaly], Awaitable[None]]

MAX_ERROR_TEXT = 300


class CrosscheckObserver(Protocol):
    """Counts what providers answer."""

    def observe_verdict(self, provider: str, outcome: str, reason: str, latency_secs: float) -> None:
        """One verdict: by whom, what, why, and how long it took from the arrival of the anomaly."""


class VerdictLedger(Protocol):
    """Keeps every verdict, and knows those that were given before a crash."""

    def recall(self, anomaly: Anomaly) -> Verdict | None:
        """The verdict that was given about it already; None when there is none: it is asked about."""

    async def keep(self, anomalies: Sequence[Anomaly], verdicts: Sequence[Verdict], latency_secs: float) -> Sequence[Verdict]:
        """Write verdicts down, acknowledged; returns them as they are to be published."""


class _Blind:
    def observe_verdict(self, provider: str, outcome: str, reason: str, latency_secs: float) -> None:
        """Nobody is watching."""


def _check_answer(answer: Sequence[object], n_anomalies: int) -> list[Verdict]:
    """The answer of a provider, if it is one verdict an anomaly.

    Raises
    ------
    ProviderError
        It is not.
    """
    verdicts: list[Verdict] = []
    for one in answer:
        if not isinstance(one, Verdict) or one.outcome not in get_args(Outcome):
            expected = ", ".join(get_args(Outcome))
            raise ProviderError(f"{one!r} is no verdict; expected one of {expected}", code="PROVIDER_ANSWER")
        verdicts.append(one)
    if len(verdicts) != n_anomalies:
        raise ProviderError(f"{len(verdicts)} verdicts for {n_anomalies} anomalies; expected one each", code="PROVIDER_ANSWER")
    return verdicts


class CrosscheckStage:
    """Asks the provider about openings and lets everything else pass.

    What holds, whatever the provider does:

    - every anomaly handed in is published finally exactly once, or `check` raises;
    - anomalies of one series are published in the order they came, also across concurrent calls of `check`;
    - under ``emit_then_update`` the anomaly is published without a verdict first, before the answer is awaited;
    - a provider that raises, is late, or answers nonsense gives ``unknown``: it never silences an alert;
    - with a ledger, a verdict is kept before the anomaly is published with it, and one that was kept is not asked for again.

    Parameters
    ----------
    settings : CrosscheckSettings
        Policy by severity (one that it does not name is emitted at once), deadline, candidates in flight.
    provider : Provider or None
        Who is asked; None: everything passes finally, without a verdict.
    clock : Clock
        Measures how long answers take.  (Deadlines run on the event loop's own clock.)
    observer : CrosscheckObserver, optional
        Told of every verdict.
    """

    def __init__(
        self, settings: CrosscheckSettings, provider: Provider | None, clock: Clock, observer: CrosscheckObserver | None = None
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._clock = clock
        self._observer = observer if observer is not None else _Blind()
        self._slots = InFlightSlots(settings.max_in_flight)
        self._last_by_series: dict[LabelSet, asyncio.Future[None]] = {}
        self._abandoned: set[asyncio.Task[Sequence[Verdict]]] = set()

    async def check(
        self,
        anomalies: Sequence[Anomaly],
        severity_of: Callable[[Anomaly], Severity],
        publish: Publish,
        ledger: VerdictLedger | None = None,
    ) -> None:
        """Publish every anomaly of a batch, with its verdict where one is called for; returns when all are final.

        Parameters
        ----------
        anomalies : sequence of Anomaly
            In the order of their log.  When this returns, the offset of the last may be noted.
        severity_of : callable
            Provisional severity, which chooses the policy.
        publish : async callable
            Sends one checked anomaly; called one at a time per series, concurrently for different series.
        ledger : VerdictLedger, optional
            Keeps verdicts; without one they are only published.

        Raises
        ------
        Exception
            What `publish` or the ledger raised; the rest of the batch is then given up, and is to be checked again from its offset.
        asyncio.CancelledError
            The caller gave up; nothing is published any more.
        """
        loop = asyncio.get_running_loop()
        by_series: dict[LabelSet, list[Anomaly]] = {}
        for anomaly in anomalies:
            by_series.setdefault(anomaly.series, []).append(anomaly)
        answers: dict[int, asyncio.Future[Verdict]] = {}
        if self._provider is not None:
            answers = {id(anomaly): loop.create_future() for anomaly in anomalies if anomaly.phase == "opened"}
        own_turns = {series: loop.create_future() for series in by_series}
        predecessors = {series: self._last_by_series.get(series) for series in by_series}
        self._last_by_series.update(own_turns)

        async def publish_series(series: LabelSet, batch: Sequence[Anomaly]) -> None:
            predecessor = predecessors[series]
            if predecessor is not None:
                await asyncio.shield(predecessor)
            for anomaly in batch:
                answer = answers.get(id(anomaly))
                if answer is None:
                    await publish(CheckedAnomaly(anomaly, None, True))
                    continue
                if self._settings.policy.get(severity_of(anomaly), "emit_then_update") == "emit_then_update":
                    await publish(CheckedAnomaly(anomaly, None, False))
                await publish(CheckedAnomaly(anomaly, await answer, True))
            self._finish_turn(series, own_turns[series])

        # The series come first, so that what is emitted at once does not wait for a provider that computes in this loop.
        tasks = [asyncio.create_task(publish_series(series, batch)) for series, batch in by_series.items()]
        candidates = []
        for anomaly in anomalies:
            if id(anomaly) in answers:
                recalled = None if ledger is None else ledger.recall(anomaly)
                if recalled is None:
                    candidates.append(anomaly)
                else:
                    answers[id(anomaly)].set_result(recalled)
        deadline_secs = loop.time() + self._settings.deadline_secs
        asked_secs = self._clock.monotonic_secs()
        size = self._settings.max_in_flight
        for start in range(0, len(candidates), size):
            chunk = candidates[start : start + size]
            own = [answers[id(one)] for one in chunk]
            tasks.append(asyncio.create_task(self._answer(chunk, own, deadline_secs, asked_secs, ledger)))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for series, turn in own_turns.items():
                self._leave_turn(series, turn, predecessors[series])

    async def close(self) -> None:
        """Give up what is still being asked and close the provider."""
        for task in self._abandoned:
            task.cancel()
        if self._provider is not None:
            await self._provider.close()

    def _leave_turn(self, series: LabelSet, turn: asyncio.Future[None], predecessor: asyncio.Future[None] | None) -> None:
        """Finish a turn, but, where the call was given up before its turn came, not before those ahead of it have finished."""
        if turn.done() or predecessor is None or predecessor.done():
            self._finish_turn(series, turn)
        else:
            predecessor.add_done_callback(lambda _: self._finish_turn(series, turn))

    def _finish_turn(self, series: LabelSet, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            turn.set_result(None)
        if self._last_by_series.get(series) is turn:
            del self._last_by_series[series]

    async def _answer(
        self,
        chunk: Sequence[Anomaly],
        answers: Sequence[asyncio.Future[Verdict]],
        deadline_secs: float,
        asked_secs: float,
        ledger: VerdictLedger | None,
    ) -> None:
        verdicts = await self._ask(chunk, deadline_secs)
        latency_secs = self._clock.monotonic_secs() - asked_secs
        if ledger is not None:
            verdicts = await ledger.keep(chunk, verdicts, latency_secs)
        for answer, verdict in zip(answers, verdicts, strict=True):
            self._observer.observe_verdict(verdict.provider, verdict.outcome, verdict.reason, latency_secs)
            if not answer.done():
                answer.set_result(verdict)

    async def _ask(self, chunk: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
        """One verdict an anomaly, in order, by the deadline; never raises but when cancelled."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(deadline_secs), self._slots.take(len(chunk)):
                return await self._judge(chunk, deadline_secs - loop.time())
        except TimeoutError:
            detail = f"no answer within {self._settings.deadline_secs:g} s"
            return self._unknown(chunk, "deadline", detail)

    async def _judge(self, chunk: Sequence[Anomaly], timeout_secs: float) -> Sequence[Verdict]:
        provider = self._provider
        assert provider is not None  # candidates exist only with a provider

        async def judge() -> Sequence[Verdict]:
            return _check_answer(await provider.judge(chunk, timeout_secs), len(chunk))

        task = asyncio.create_task(judge())
        try:
            # Not wait_for: that waits until the task is gone, and a provider may take its time to notice that it was cancelled.
            await asyncio.wait({task}, timeout=max(timeout_secs, 0.0))
        finally:
            if not task.done():
                task.cancel()
                self._abandoned.add(task)
                task.add_done_callback(self._bury)
        if not task.done():
            raise TimeoutError
        if task.cancelled():
            return self._unknown(chunk, "error", "the provider cancelled itself")
        error = task.exception()
        if error is not None:
            code = f"{error.code}: " if isinstance(error, ProviderError) else f"{type(error).__name__}: "
            return self._unknown(chunk, "error", (code + str(error))[:MAX_ERROR_TEXT])
        return task.result()

    def _bury(self, task: asyncio.Task[Sequence[Verdict]]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            # Fetched so that the loop does not report what was given up long ago.
            task.exception()

    def _unknown(self, chunk: Sequence[Anomaly], reason: str, detail: str) -> list[Verdict]:
        name = "none" if self._provider is None else self._provider.name
        return [Verdict(name, "unknown", reason, detail) for _ in chunk]
