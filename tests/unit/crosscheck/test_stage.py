"""The cross-check stage with providers that are slow, failing, lying or gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from pipeline.clock import ManualClock
from pipeline.config.schema import CrosscheckSettings
from pipeline.config.schema import LocalProvider as LocalSettings
from pipeline.crosscheck.base import CheckedAnomaly, Verdict
from pipeline.crosscheck.local import LocalProvider
from pipeline.crosscheck.stage import CrosscheckStage
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import ProviderError
from tests.stories.timeline import make_anomaly

Judge = Callable[[Sequence[Anomaly]], Awaitable[Sequence[Verdict]]]


class FakeProvider:
    """Answers as told; remembers what it was asked and how much at a time."""

    name = "fake"

    def __init__(self, judge: Judge | None = None) -> None:
        self._judge = judge
        self.asked: list[list[str]] = []
        self.deadlines: list[float] = []
        self.n_in_flight = 0
        self.most_in_flight = 0
        self.is_closed = False

    async def judge(self, anomalies: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
        self.deadlines.append(deadline_secs)
        self.asked.append([anomaly.id for anomaly in anomalies])
        self.n_in_flight += len(anomalies)
        self.most_in_flight = max(self.most_in_flight, self.n_in_flight)
        try:
            if self._judge is not None:
                return await self._judge(anomalies)
            await asyncio.sleep(0)
            return [confirm(anomaly) for anomaly in anomalies]
        finally:
            self.n_in_flight -= len(anomalies)

    async def close(self) -> None:
        self.is_closed = True


class Book:
    """What was published, in order; and the verdicts observed."""

    def __init__(self) -> None:
        self.published: list[CheckedAnomaly] = []
        self.verdicts: list[tuple[str, str, str, float]] = []

    async def publish(self, checked: CheckedAnomaly) -> None:
        self.published.append(checked)

    def observe_verdict(self, provider: str, outcome: str, reason: str, latency_secs: float) -> None:
        self.verdicts.append((provider, outcome, reason, latency_secs))

    @property
    def short(self) -> list[tuple[str, str, str | None, bool]]:
        return [(c.anomaly.series.name, c.anomaly.phase, c.verdict and c.verdict.outcome, c.is_final) for c in self.published]


def confirm(anomaly: Anomaly) -> Verdict:
    return Verdict("fake", "confirmed", "tail", anomaly.id)


def p1(_: Anomaly) -> str:
    return "P1"


def p3(_: Anomaly) -> str:
    return "P3"


def check(
    provider: FakeProvider | None,
    anomalies: Sequence[Anomaly],
    severity_of: Callable[[Anomaly], str] = p3,
    **settings: object,
) -> Book:
    book = Book()

    async def run() -> None:
        stage = CrosscheckStage(CrosscheckSettings.model_validate(settings), provider, ManualClock(), book)
        await stage.check(anomalies, severity_of, book.publish)  # type: ignore[arg-type]
        await stage.close()

    asyncio.run(run())
    return book


def test_hold_publishes_the_verdict_only() -> None:
    book = check(FakeProvider(), [make_anomaly("a")], p3)
    assert book.short == [("tps_a", "opened", "confirmed", True)]
    assert book.verdicts == [("fake", "confirmed", "tail", 0.0)]


def test_emit_then_update_publishes_before_the_provider_answers() -> None:
    book = Book()

    async def run() -> None:
        answer = asyncio.Event()

        async def judge(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
            await answer.wait()
            return [confirm(anomaly) for anomaly in anomalies]

        stage = CrosscheckStage(CrosscheckSettings(policy={"P1": "emit_then_update"}), FakeProvider(judge), ManualClock(), book)
        task = asyncio.create_task(stage.check([make_anomaly("a"), make_anomaly("b")], p1, book.publish))  # type: ignore[arg-type]
        for _ in range(10):
            await asyncio.sleep(0)
        assert book.short == [("tps_a", "opened", None, False), ("tps_b", "opened", None, False)]
        assert not task.done()
        answer.set()
        await task

    asyncio.run(run())
    assert book.short[2:] == [("tps_a", "opened", "confirmed", True), ("tps_b", "opened", "confirmed", True)]


def test_other_phases_and_no_provider_pass_finally_without_a_verdict() -> None:
    provider = FakeProvider()
    later = [make_anomaly("a", 1, 1, phase="continued"), make_anomaly("b", 1, 2, phase="cleared")]
    assert check(provider, later, p1).short == [("tps_a", "continued", None, True), ("tps_b", "cleared", None, True)]
    assert provider.asked == []
    assert check(None, [make_anomaly("a")], p1).short == [("tps_a", "opened", None, True)]


def test_order_is_kept_per_series_and_other_series_do_not_wait() -> None:
    async def judge(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
        await asyncio.sleep(0.01)
        return [confirm(anomaly) for anomaly in anomalies]

    batch = [
        make_anomaly("a", 0, 1),
        make_anomaly("a", 1, 2, phase="continued"),
        make_anomaly("b", 1, 3, phase="cleared"),
        make_anomaly("a", 2, 4, phase="cleared"),
    ]
    book = check(FakeProvider(judge), batch)
    assert book.short == [
        ("tps_b", "cleared", None, True),
        ("tps_a", "opened", "confirmed", True),
        ("tps_a", "continued", None, True),
        ("tps_a", "cleared", None, True),
    ]


@pytest.mark.parametrize("policy", [p1, p3])
def test_a_late_provider_gives_unknown_even_if_it_ignores_its_cancellation(policy: Callable[[Anomaly], str]) -> None:
    async def stubborn(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
        for _ in range(3):
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue
        return [confirm(anomaly) for anomaly in anomalies]

    book = check(FakeProvider(stubborn), [make_anomaly("a")], policy, deadline_secs=0.01)
    final = book.published[-1]
    assert final.is_final
    assert final.verdict == Verdict("fake", "unknown", "deadline", "no answer within 0.01 s")


def test_waiting_for_a_place_in_flight_counts_towards_the_deadline() -> None:
    async def forever(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
        await asyncio.Event().wait()
        return []

    provider = FakeProvider(forever)
    book = check(provider, [make_anomaly(str(i), 0, i) for i in range(5)], p3, max_in_flight=2, deadline_secs=0.02)
    assert [checked.verdict.reason for checked in book.published if checked.verdict] == ["deadline"] * 5
    assert provider.most_in_flight == 2


def raising(error: BaseException) -> Judge:
    async def judge(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
        raise error

    return judge


async def one_too_few(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
    return [confirm(anomaly) for anomaly in anomalies][1:]


async def nonsense(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
    return ["confirmed" for _ in anomalies]  # type: ignore[misc]


async def bad_outcome(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
    return [replace(confirm(anomaly), outcome="silence it") for anomaly in anomalies]  # type: ignore[arg-type]


async def nothing(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
    return None  # type: ignore[return-value]


def not_even_async(anomalies: Sequence[Anomaly]) -> Awaitable[Sequence[Verdict]]:
    raise RuntimeError("at once")


@pytest.mark.parametrize(
    ("judge", "detail"),
    [
        (raising(ProviderError("throttled", code="THROTTLED")), "THROTTLED: throttled"),
        (raising(ZeroDivisionError("oops")), "ZeroDivisionError: oops"),
        (raising(TimeoutError("its own")), "TimeoutError: its own"),
        (raising(asyncio.CancelledError()), "the provider cancelled itself"),
        (one_too_few, "1 verdicts for 2 anomalies"),
        (nonsense, "is no verdict"),
        (bad_outcome, "is no verdict"),
        (nothing, "TypeError"),
        (not_even_async, "RuntimeError: at once"),
    ],
)
def test_whatever_fails_gives_unknown_and_never_silences(judge: Judge, detail: str) -> None:
    book = check(FakeProvider(judge), [make_anomaly("a"), make_anomaly("b")])
    assert book.short == [("tps_a", "opened", "unknown", True), ("tps_b", "opened", "unknown", True)]
    for checked in book.published:
        assert checked.verdict is not None
        assert checked.verdict.reason == "error"
        assert detail in checked.verdict.detail
    assert [verdict[:3] for verdict in book.verdicts] == [("fake", "unknown", "error")] * 2


def test_candidates_are_asked_together_and_not_more_than_may_be_in_flight() -> None:
    provider = FakeProvider()
    batch = [make_anomaly(str(i), 0, i) for i in range(10)]
    book = check(provider, batch, max_in_flight=4)
    assert [len(asked) for asked in provider.asked] == [4, 4, 2]
    assert provider.most_in_flight <= 4
    assert {checked.anomaly.id: checked.verdict.detail for checked in book.published if checked.verdict} == {
        a.id: a.id for a in batch
    }


def test_a_failing_publish_is_raised_and_nothing_runs_on() -> None:
    provider = FakeProvider()
    published: list[CheckedAnomaly] = []

    async def publish(checked: CheckedAnomaly) -> None:
        if checked.anomaly.series.name == "tps_b":
            raise ConnectionError("broker gone")
        published.append(checked)

    async def run() -> int:
        stage = CrosscheckStage(CrosscheckSettings(), provider, ManualClock())
        with pytest.raises(ConnectionError, match="broker gone"):
            await stage.check([make_anomaly("b"), make_anomaly("a")], p1, publish)  # type: ignore[arg-type]
        # The stage is as good as new.
        published.clear()
        await stage.check([make_anomaly("a")], p3, publish)  # type: ignore[arg-type]
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(run()) == 0
    assert [checked.is_final for checked in published] == [True]


def test_cancelling_stops_publishing_and_keeps_the_order_of_the_calls_around_it() -> None:
    book = Book()

    async def run() -> None:
        gates = {name: asyncio.Event() for name in "xyz"}

        async def judge(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
            await gates[anomalies[0].detector].wait()
            return [confirm(anomaly) for anomaly in anomalies]

        stage = CrosscheckStage(CrosscheckSettings(), FakeProvider(judge), ManualClock())
        # Three calls about one series, told apart by the detector.
        tasks = {
            name: asyncio.create_task(stage.check([make_anomaly("a", 0, i, detector=name)], p3, book.publish))  # type: ignore[arg-type]
            for i, name in enumerate("xyz")
        }
        await asyncio.sleep(0)
        gates["z"].set()
        await asyncio.sleep(0.001)
        tasks["y"].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks["y"]
        for _ in range(10):
            await asyncio.sleep(0)
        assert book.published == []
        gates["x"].set()
        await asyncio.gather(tasks["x"], tasks["z"])
        assert not stage._last_by_series

    asyncio.run(run())
    assert [checked.anomaly.detector for checked in book.published] == ["x", "z"]


def test_closing_closes_the_provider() -> None:
    provider = FakeProvider()
    check(provider, [])
    assert provider.is_closed


def test_latency_is_measured_from_the_arrival() -> None:
    clock, book = ManualClock(), Book()

    async def judge(anomalies: Sequence[Anomaly]) -> Sequence[Verdict]:
        clock.advance_secs(1.5)
        return [confirm(anomaly) for anomaly in anomalies]

    async def run() -> None:
        stage = CrosscheckStage(CrosscheckSettings(), FakeProvider(judge), clock, book)
        await stage.check([make_anomaly("a")], p3, book.publish)  # type: ignore[arg-type]

    asyncio.run(run())
    assert book.verdicts == [("fake", "confirmed", "tail", 1.5)]


def test_a_severity_that_the_policy_does_not_name_keeps_its_default() -> None:
    for severity_of, expected in ((p3, [True]), (p1, [False, True])):
        book = check(FakeProvider(), [make_anomaly("a")], severity_of, policy={"P1": "emit_then_update"})
        assert [checked.is_final for checked in book.published] == expected


@pytest.mark.parametrize(
    ("provider", "at_p1"),
    [
        ({"type": "local"}, "hold"),
        (None, "hold"),
        ({"type": "cloudwatch", "metrics": [{"namespace": "n"}]}, "emit_then_update"),
    ],
)
def test_the_default_policy_goes_by_how_long_an_answer_takes(provider: object, at_p1: str) -> None:
    settings = CrosscheckSettings.model_validate({"provider": provider, "policy": {"P0": "hold"}})
    assert settings.policy == {"P0": "hold", "P1": at_p1, "P2": "hold", "P3": "hold"}


def test_checked_anomalies_come_back_from_json() -> None:
    for verdict in (None, Verdict("fake", "refuted", "tail", "it is usual", 0.5)):
        checked = CheckedAnomaly(make_anomaly("a"), verdict, verdict is not None)
        assert CheckedAnomaly.from_json(checked.to_json()) == checked
        assert CheckedAnomaly.from_json(checked.to_json()).to_json() == checked.to_json()


def test_a_provider_is_told_how_long_its_answer_is_of_use() -> None:
    provider = FakeProvider()
    check(provider, [make_anomaly(str(i), 0, i) for i in range(3)], max_in_flight=1, deadline_secs=7.0)
    assert len(provider.deadlines) == 3
    assert all(0 < secs <= 7.0 for secs in provider.deadlines)
    assert provider.deadlines == sorted(provider.deadlines, reverse=True)


def test_the_local_provider_answers_what_it_got_to() -> None:
    provider = LocalProvider(LocalSettings())
    in_time = asyncio.run(provider.judge([make_anomaly("a")], 60.0))
    late = asyncio.run(provider.judge([make_anomaly("a"), make_anomaly("b")], 0.0))
    assert in_time[0].reason == "tail"
    assert [(verdict.outcome, verdict.reason) for verdict in late] == [("unknown", "deadline")] * 2
