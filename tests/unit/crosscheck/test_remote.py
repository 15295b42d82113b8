"""What remote providers share: limits, breaker, retries, cache, meter, batching; on a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.clock import ManualClock, SystemClock
from pipeline.config.load import load_text
from pipeline.config.providers import RemoteProvider
from pipeline.crosscheck.remote.backoff import CAP_SECS, retry_delay_secs
from pipeline.crosscheck.remote.breaker import CircuitBreaker
from pipeline.crosscheck.remote.cache import TimedCache
from pipeline.crosscheck.remote.caller import RemoteCaller
from pipeline.crosscheck.remote.cost import Bill, Price
from pipeline.crosscheck.remote.failure import CODES, RETRIABLE_CODES, SHARED_CODES, explain_failure, explain_status
from pipeline.crosscheck.remote.judge import Batch, Candidate, RemoteJudge
from pipeline.crosscheck.remote.token_bucket import TokenBucket
from pipeline.errors import ConfigError, ProviderError
from tests.stories.timeline import make_anomaly


@given(
    st.floats(1, 600),
    st.integers(1, 20),
    st.lists(st.floats(0, 30), min_size=1, max_size=80),
)
def test_no_window_sees_more_calls_than_the_limit_and_the_burst(per_minute: float, burst: int, gaps: list[float]) -> None:
    bucket = TokenBucket(per_minute, burst)
    now_secs, made = 0.0, []
    for gap in gaps:
        now_secs += gap
        made.append(now_secs + bucket.reserve(now_secs))
    assert made == sorted(made)
    for i, first in enumerate(made):
        for j in range(i, len(made)):
            assert j - i + 1 <= burst + per_minute / 60 * (made[j] - first) + 1e-6


def test_a_bucket_that_was_left_alone_is_full_again_and_not_fuller() -> None:
    bucket = TokenBucket(60, 3)
    assert [bucket.reserve(0.0) for _ in range(3)] == [0.0] * 3
    assert bucket.secs_until_free(0.0) == pytest.approx(1.0)
    assert [bucket.reserve(1e6) for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(1.0)]
    bucket.give_back()
    assert bucket.secs_until_free(1e6) == pytest.approx(1.0)


def test_a_clock_that_goes_back_gives_no_tokens_away() -> None:
    bucket = TokenBucket(60, 1)
    bucket.reserve(100.0)
    assert bucket.secs_until_free(50.0) == pytest.approx(1.0)
    assert bucket.secs_until_free(101.0) == 0.0


def test_the_breaker_opens_longer_each_time_the_trial_fails() -> None:
    breaker = CircuitBreaker(3, 10)
    for at_secs in (0.0, 1.0):
        breaker.record_failure(at_secs)
    assert breaker.admit(1.0) == 0.0
    breaker.record_success()
    for at_secs in (2.0, 3.0, 4.0):
        assert breaker.admit(at_secs) == 0.0
        breaker.record_failure(at_secs)
    waits = []
    for _ in range(6):
        wait_secs = breaker.admit(at_secs)
        waits.append(wait_secs)
        at_secs += wait_secs
        assert breaker.state(at_secs) == "half_open"
        assert breaker.admit(at_secs) == 0.0
        breaker.record_failure(at_secs)
    assert waits == [10, 20, 40, 80, 80, 80]
    at_secs += 80
    assert breaker.admit(at_secs) == 0.0
    breaker.release()
    assert breaker.admit(at_secs) == 0.0
    breaker.record_success()
    assert breaker.state(at_secs) == "closed"


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 60))
def test_a_retry_is_never_sooner_than_asked_for_nor_later_than_the_cap(n_failed: int, draw: float, after: float | None) -> None:
    delay_secs = retry_delay_secs(n_failed, draw, after)
    assert (after or 0.0) <= delay_secs <= (after or 0.0) + CAP_SECS


def test_the_cache_forgets_by_age_and_by_number() -> None:
    cache = TimedCache[int, int](10, 3)
    for i in range(5):
        cache.put(i, i, float(i))
    assert [cache.get(i, 5.0) for i in range(5)] == [None, None, 2, 3, 4]
    assert cache.get(2, 12.0) is None
    assert len(cache) == 2
    nothing = TimedCache[int, int](0)
    nothing.put(1, 1, 0.0)
    assert nothing.get(1, 0.0) is None


class Hand:
    """A caller on a hand-moved clock whose waits move it."""

    def __init__(self, **fields: object) -> None:
        self.clock = ManualClock()
        self.slept: list[float] = []
        defaults = {"max_attempts": 3, "max_calls_per_minute": 62.0, "burst_calls": 2, "breaker_failures": 4}
        settings = RemoteProvider.model_validate({**defaults, **fields})
        self.caller = RemoteCaller("hand", settings, self.clock, {"Get": Price(0.5, 0.25)}, sleep=self.sleep, seed=3)

    async def sleep(self, secs: float) -> None:
        self.slept.append(secs)
        self.clock.advance_secs(secs)
        await asyncio.sleep(0)

    def call(self, *requests: Callable[[], object], until_secs: float = 1e9, **kwargs: object) -> list[object]:
        async def run() -> list[object]:
            answers: list[object] = []
            for request in requests:
                try:
                    answers.append(await self.caller.call("Get", request, until_secs=until_secs, **kwargs))  # type: ignore[arg-type]
                except ProviderError as error:
                    answers.append(error.code)
            return answers

        return asyncio.run(run())


def failing(code: str, n_times: int, retry_after_secs: float | None = None) -> Callable[[], str]:
    left = [n_times]

    def request() -> str:
        if left[0]:
            left[0] -= 1
            raise ProviderError("no", code=code, retry_after_secs=retry_after_secs)
        return "yes"

    return request


def test_calls_wait_for_their_turn() -> None:
    hand = Hand()
    assert hand.call(*[lambda: 1] * 5) == [1] * 5
    assert hand.slept == pytest.approx([1.0, 1.0, 1.0])


def test_a_call_that_would_come_too_late_is_not_made() -> None:
    hand = Hand()
    assert hand.call(*[lambda: 1] * 3, until_secs=0.5) == [1, 1, "RATE_LIMITED"]
    assert hand.caller.meter.n_total == 2
    assert hand.caller.breaker_state == "closed"


def test_passing_failures_are_tried_again_and_lasting_ones_are_not() -> None:
    for code in sorted(CODES):
        hand = Hand(max_calls_per_minute=5_000.0, burst_calls=10)
        expected = ["yes"] if code in RETRIABLE_CODES else [code]
        assert hand.call(failing(code, 2)) == expected
        assert hand.caller.meter.n_total == (3 if code in RETRIABLE_CODES else 1)
        assert len(hand.slept) == (2 if code in RETRIABLE_CODES else 0)
    assert Hand().call(failing("THROTTLED", 3)) == ["THROTTLED"]


def test_a_retry_waits_as_long_as_it_was_told_to_and_not_past_the_deadline() -> None:
    hand = Hand()
    assert hand.call(failing("THROTTLED", 1, 7.0)) == ["yes"]
    assert hand.slept[0] >= 7.0
    hand = Hand()
    assert hand.call(failing("THROTTLED", 1, 7.0), until_secs=5.0) == ["THROTTLED"]
    assert hand.slept == []


def test_the_breaker_saves_calls_and_lets_one_try_again() -> None:
    hand = Hand(max_attempts=1, max_calls_per_minute=5_000.0, burst_calls=100, breaker_open_secs=30.0)
    assert hand.call(*[failing("TIMEOUT", 1)] * 4, lambda: 1) == ["TIMEOUT", "yes", "yes", "yes", 1]
    hand = Hand(max_attempts=1, max_calls_per_minute=5_000.0, burst_calls=100, breaker_open_secs=30.0)
    down = failing("TIMEOUT", 5)
    assert hand.call(down, down, down, down, down) == ["TIMEOUT"] * 4 + ["CIRCUIT_OPEN"]
    assert hand.caller.meter.n_total == 4
    hand.clock.advance_secs(30)
    assert hand.call(down) == ["TIMEOUT"]
    hand.clock.advance_secs(30)
    assert hand.call(down) == ["CIRCUIT_OPEN"]
    hand.clock.advance_secs(30)
    assert hand.call(down, down) == ["yes", "yes"]


def test_a_refusal_of_one_request_opens_no_breaker() -> None:
    hand = Hand(max_calls_per_minute=5_000.0, burst_calls=100)
    assert hand.call(*[failing("BAD_REQUEST", 1) for _ in range(9)], lambda: 1) == ["BAD_REQUEST"] * 9 + [1]
    assert not {"BAD_REQUEST", "NOT_FOUND", "RATE_LIMITED", "CIRCUIT_OPEN", "BUSY"} & SHARED_CODES


def test_what_succeeds_is_charged_for() -> None:
    hand, bill = Hand(max_calls_per_minute=5_000.0, burst_calls=10), Bill()
    hand.call(failing("SERVER_ERROR", 1), n_items=4, bill=bill)
    assert (bill.n_calls, bill.cost_usd) == (2, 1.5)
    assert hand.caller.meter.n_calls == {("Get", "SERVER_ERROR"): 1, ("Get", "ok"): 1}
    assert hand.caller.meter.total_usd == 1.5


def test_calls_run_off_the_loops_thread_and_their_number_is_bounded() -> None:
    released = threading.Event()
    threads: list[int] = []

    def hang() -> str:
        threads.append(threading.get_ident())
        released.wait(5)
        return "late"

    async def run() -> list[str]:
        settings = RemoteProvider(n_threads=2, max_attempts=1, burst_calls=100)
        caller = RemoteCaller("busy", settings, clock, {})

        async def call() -> str:
            try:
                return await caller.call("Get", hang, until_secs=clock.monotonic_secs() + 0.3)
            except ProviderError as error:
                return error.code

        outcomes = list(await asyncio.gather(*(call() for _ in range(4))))
        released.set()
        # Places come back when the threads end, not when their answers were given up.
        outcomes.append(await caller.call("Get", lambda: "free", until_secs=clock.monotonic_secs() + 5))
        return outcomes

    clock = SystemClock()
    assert sorted(asyncio.run(run())) == ["BUSY", "BUSY", "TIMEOUT", "TIMEOUT", "free"]
    assert len(threads) == 2
    assert threading.get_ident() not in threads


def test_a_failure_of_any_kind_has_a_known_code_and_says_where_and_what_to_do() -> None:
    import botocore.exceptions as aws

    cases = {
        "CREDENTIALS_MISSING": [aws.NoCredentialsError(), aws.ProfileNotFound(profile="x")],
        "REGION_MISSING": [aws.NoRegionError()],
        "TIMEOUT": [aws.ReadTimeoutError(endpoint_url="u"), aws.ConnectTimeoutError(endpoint_url="u"), TimeoutError()],
        "UNREACHABLE": [aws.EndpointConnectionError(endpoint_url="u"), ConnectionRefusedError(), OSError("no route")],
        "HALF_ANSWER": [aws.ConnectionClosedError(endpoint_url="u")],
        "BAD_REQUEST": [aws.ParamValidationError(report="r"), ConfigError("no")],
        "BAD_ANSWER": [aws.ResponseParserError("x") if hasattr(aws, "ResponseParserError") else ValueError("x"), KeyError("x")],
    }
    for code, errors in cases.items():
        for error in errors:
            explained = explain_failure("svc Api", error)
            assert explained.code == code, error
            assert str(explained).startswith("svc Api: found ")
            assert "; " in str(explained)
    for status, code in ((429, "THROTTLED"), (500, "SERVER_ERROR"), (504, "TIMEOUT"), (404, "NOT_FOUND"), (400, "BAD_REQUEST")):
        assert explain_status("svc", status, "x").code == code
    assert explain_status("svc", 403, "The security token included in the request is expired").code == "CREDENTIALS_EXPIRED"
    assert explain_status("svc", 403, "Signature expired: now").code == "CLOCK_SKEW"
    assert explain_status("svc", 503, "x", "Wed, 21 Oct 2026 07:28:00 GMT").retry_after_secs is None


@dataclass(frozen=True)
class Echo:
    """Nothing is asked but for its own sake."""

    candidate: Candidate


class EchoJudge(RemoteJudge[Echo]):
    """Confirms whatever it gets, one call a batch."""

    name = "echo"
    max_batch = 100

    def __init__(self, hand: Hand) -> None:
        super().__init__(hand.caller, hand.clock)
        self.batches: list[int] = []
        self.error: ProviderError | Exception | None = None

    def _question(self, candidate: Candidate) -> Echo:
        return Echo(candidate)

    async def _answer(self, questions: list[Echo], batch: Batch) -> None:
        await self.caller.call("Get", lambda: 1, until_secs=batch.until_secs, bill=batch.bill)
        self.batches.append(len(batch.candidates))
        if self.error is not None:
            raise self.error
        for question in questions:
            self._give(question.candidate, "confirmed", "echo", question.candidate.anomaly.id)


def test_candidates_that_wait_for_the_limit_share_a_call() -> None:
    async def run() -> None:
        hand = Hand(max_calls_per_minute=61.0, burst_calls=1)
        judge = EchoJudge(hand)
        anomalies = [make_anomaly(str(i), 0, i) for i in range(150)]
        first = await judge.judge([anomalies[0]], 60.0)
        answers = await asyncio.gather(*(judge.judge([one], 60.0) for one in anomalies))
        assert [one[0].detail for one in answers] == [one.id for one in anomalies]
        assert first[0].cost_usd == 0.75
        assert judge.batches == [1, 100, 50]
        assert sum(one[0].cost_usd for one in answers) == pytest.approx(1.5)
        await judge.close()

    asyncio.run(run())


def test_a_batch_that_fails_is_unknown_with_the_code_and_the_next_one_is_not() -> None:
    async def run() -> None:
        hand = Hand(max_calls_per_minute=5_000.0, burst_calls=100)
        judge = EchoJudge(hand)
        for error, reason in ((ProviderError("no", code="NOT_FOUND"), "not_found"), (ZeroDivisionError("oops"), "error")):
            judge.error = error
            verdict = (await judge.judge([make_anomaly("a")], 60.0))[0]
            assert (verdict.outcome, verdict.reason) == ("unknown", reason)
        judge.error = None
        assert (await judge.judge([make_anomaly("a")], 60.0))[0].outcome == "confirmed"
        await judge.close()

    asyncio.run(run())


def test_who_waits_too_long_for_the_limit_is_unknown_shortly_before_the_deadline() -> None:
    async def run() -> None:
        clock = SystemClock()
        settings = RemoteProvider(max_calls_per_minute=2.0, burst_calls=1)
        hand = Hand()
        hand.clock, hand.caller = clock, RemoteCaller("slow", settings, clock, {})  # type: ignore[assignment]
        judge = EchoJudge(hand)
        assert (await judge.judge([make_anomaly("a")], 60.0))[0].outcome == "confirmed"
        started_secs = time.monotonic()
        verdict = (await judge.judge([make_anomaly("b")], 0.4))[0]
        assert (verdict.outcome, verdict.reason) == ("unknown", "deadline")
        assert time.monotonic() - started_secs >= 0.35
        await judge.close()

    asyncio.run(run())


CONFIG = """
version: 1
topics: [{name: metrics, kind: metrics, format: metric_json}]
detectors: [{name: all, model: {type: gaussian_scorer}}]
crosscheck:
  deadline_secs: DEADLINE
  provider: PROVIDER
"""


def load(provider: str, deadline: float = 15.0) -> str:
    try:
        load_text(CONFIG.replace("PROVIDER", provider).replace("DEADLINE", f"{deadline:g}"))
    except ConfigError as error:
        return str(error)
    return ""


def test_settings_that_leave_no_time_to_answer_are_refused() -> None:
    provider = "{type: cloudwatch, metrics: [{}]}"
    assert load(provider) == ""
    assert "expected at least 13: 60 / (max_calls_per_minute - burst_calls), and call_timeout_secs; found 5" in load(
        provider, 5.0
    )


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("{type: cloudwatch, metrics: []}", "at least one"),
        ("{type: cloudwatch, metrics: [{}], burst_calls: 10}", "expected less than max_calls_per_minute, 10; found 10"),
        ("{type: cloudwatch, metrics: [{expression: a / b}]}", "an expression alone"),
        ("{type: cloudwatch, metrics: [{inputs: {a: {}}}]}", "inputs alone"),
        ("{type: cloudwatch, metrics: [{period_secs: 61}]}", "period_secs"),
        ("{type: cloudwatch, region: us_east, metrics: [{}]}", "an AWS region, e.g. us-east-1"),
        ("{type: cloudwatch, endpoint_url: 'localhost:1', metrics: [{}]}", "a URL that begins with http:// or https://"),
        ("{type: cloudwach, metrics: [{}]}", "write type: cloudwatch"),
        ("{type: cloudwatch, metrix: [{}]}", "did you mean metrics?"),
    ],
)
def test_wrong_settings_are_explained(provider: str, expected: str) -> None:
    assert expected in load(provider)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["ok", "TIMEOUT", "BAD_REQUEST"]), min_size=1, max_size=30))
def test_the_meter_counts_every_attempt_once(script: list[str]) -> None:
    hand = Hand(max_attempts=1, max_calls_per_minute=5_000.0, burst_calls=1_000, breaker_failures=1_000)
    hand.call(*[failing(code, 1) if code != "ok" else (lambda: 1) for code in script])
    assert hand.caller.meter.n_total == len(script)
    assert {outcome: n for (_, outcome), n in hand.caller.meter.n_calls.items()} == {
        one: script.count(one) for one in set(script)
    }
