"""A thousand candidates a minute, at most ten API calls a minute: counted at servers, with time that runs faster."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pipeline.clock import NS_PER_SEC, SystemClock
from pipeline.config.providers import AmpProvider as AmpSettings
from pipeline.config.providers import CloudWatchProvider as CloudWatchSettings
from pipeline.config.providers import LookoutProvider as LookoutSettings
from pipeline.config.providers import OpenSearchProvider as OpenSearchSettings
from pipeline.config.providers import RemoteProvider
from pipeline.crosscheck.amp import AmpProvider
from pipeline.crosscheck.base import Verdict
from pipeline.crosscheck.cloudwatch.provider import CloudWatchProvider
from pipeline.crosscheck.lookout.provider import LookoutProvider
from pipeline.crosscheck.opensearch import OpenSearchProvider
from pipeline.crosscheck.remote.caller import RemoteCaller
from pipeline.crosscheck.remote.judge import RemoteJudge
from pipeline.engine.anomaly import Anomaly
from pipeline.samples.labels import LabelSet
from tests.aws.fake_cloudwatch import FakeCloudWatch
from tests.aws.fake_http import FakeHttp, HttpAnswer, HttpRequest
from tests.aws.fake_lookout import FakeLookout, Group
from tests.aws.wire import check_signature
from tests.stories.timeline import START_NS, make_anomaly

SPEED = 20.0
MINUTES = 2
PER_MINUTE = 1_000
START_SECS = START_NS // NS_PER_SEC


class FastClock(SystemClock):
    """Time that runs `SPEED` times as fast."""

    def __init__(self) -> None:
        self._begun_secs = time.monotonic()

    def monotonic_secs(self) -> float:
        return (time.monotonic() - self._begun_secs) * SPEED

    def now_ns(self) -> int:
        return START_NS + round(self.monotonic_secs() * NS_PER_SEC)


def candidates() -> list[Anomaly]:
    """One after the other, each of a series of its own, of many different moments."""
    made = []
    for i in range(PER_MINUTE * MINUTES):
        series = LabelSet({"__name__": "tps", "node": f"n{i}", "region": "eu-1"})
        made.append(replace(make_anomaly(str(i), i * 60 / PER_MINUTE, i), series=series, value=9.0))
    return made


async def judge_at_pace(provider: RemoteJudge, clock: FastClock) -> list[Verdict]:
    """Candidates arrive one by one, as a worker's partitions bring them."""
    anomalies = candidates()
    tasks: list[asyncio.Task[Sequence[Verdict]]] = []
    for i, anomaly in enumerate(anomalies):
        due_secs = i * 60.0 / PER_MINUTE
        while (ahead_secs := due_secs - clock.monotonic_secs()) > 0:
            await asyncio.sleep(ahead_secs / SPEED)
        # The deadline runs on the loop's clock: generous, for what is measured is calls, not this machine.
        tasks.append(asyncio.create_task(provider.judge([anomaly], 120.0)))
    answers = await asyncio.gather(*tasks)
    await provider.close()
    return [answer[0] for answer in answers]


def quicken(provider: RemoteJudge, settings: RemoteProvider, clock: FastClock) -> None:
    async def sleep(secs: float) -> None:
        await asyncio.sleep(secs / SPEED)

    provider.caller = RemoteCaller(provider.name, settings, clock, {}, sleep=sleep)


def most_in_a_minute(at_secs: Sequence[float]) -> int:
    """Most calls in any window of a (fast) minute, at the server."""
    ordered = sorted(at_secs)
    window_secs = 60.0 / SPEED
    return max((sum(1 for other in ordered if one <= other < one + window_secs) for one in ordered), default=0)


def run(build: Callable[[FastClock], tuple[RemoteJudge, RemoteProvider]]) -> tuple[list[Verdict], RemoteJudge]:
    async def work() -> tuple[list[Verdict], RemoteJudge]:
        clock = FastClock()
        provider, settings = build(clock)
        quicken(provider, settings, clock)
        return await judge_at_pace(provider, clock), provider

    return asyncio.run(work())


def check(verdicts: Sequence[Verdict], calls: Sequence[float], expected: str) -> None:
    assert len(verdicts) == PER_MINUTE * MINUTES
    assert Counter(verdict.reason for verdict in verdicts) == {expected: PER_MINUTE * MINUTES}
    # Requests may bunch on their way; the limit is kept where they start, with one of slack for the way.
    assert most_in_a_minute(calls) <= 11
    assert len(calls) <= 10 * (MINUTES + 1)


def test_cloudwatch() -> None:
    with FakeCloudWatch() as fake:
        fake.default_band = (0.0, 5.0)
        settings = CloudWatchSettings.model_validate(
            {"endpoint_url": fake.url, "call_timeout_secs": 30.0, "metrics": [{"dimensions": {"Node": "{node}"}}]}
        )
        verdicts, _ = run(lambda clock: (CloudWatchProvider(settings, clock), settings))
        check(verdicts, [request.at_secs for request in fake.requests], "outside_band")


def test_lookout() -> None:
    with FakeLookout() as fake:
        fake.add_detector("dag")
        nodes = [{"node": f"n{i}"} for i in range(50)]
        first = START_SECS // 300 * 300
        fake.groups = [Group(1, first, first + 3_600, 90.0, {"tps": nodes})]
        fake.executions = {first + 7_200: "COMPLETED"}
        detector = {"name": "dag", "measures": {"tps": {"metric": "tps"}}, "dimensions": {"node": "node"}}
        settings = LookoutSettings.model_validate({"endpoint_url": fake.url, "call_timeout_secs": 30.0, "detectors": [detector]})
        verdicts, _ = run(lambda clock: (LookoutProvider(settings, clock), settings))
        outcomes = Counter(verdict.reason for verdict in verdicts)
        assert outcomes == {"anomaly_group": 50, "other_series": PER_MINUTE * MINUTES - 50}
        assert most_in_a_minute([request.at_secs for request in fake.requests]) <= 11


def test_opensearch() -> None:
    first_ms = START_SECS // 60 * 60_000

    def search(request: HttpRequest) -> HttpAnswer:
        assert check_signature(request.method, request.path, request.headers, request.body, "es", datetime.now(UTC)) == ""
        hits = [
            {
                "_source": {
                    "detector_id": "d",
                    "data_start_time": first_ms + 60_000 * i,
                    "data_end_time": first_ms + 60_000 * (i + 1),
                    "anomaly_grade": 0.9,
                    "confidence": 0.9,
                }
            }
            for i in range(MINUTES + 1)
        ]
        return HttpAnswer({"hits": {"total": {"value": len(hits)}, "hits": hits}})

    with FakeHttp(search) as fake:
        detector = {"name": "d", "detector_id": "d", "interval_secs": 60}
        settings = OpenSearchSettings.model_validate(
            {"endpoint_url": fake.url, "call_timeout_secs": 30.0, "detectors": [detector]}
        )
        verdicts, _ = run(lambda clock: (OpenSearchProvider(settings, clock), settings))
        check(verdicts, [request.at_secs for request in fake.requests], "graded")


def test_amp() -> None:
    def query(request: HttpRequest) -> HttpAnswer:
        times = [START_SECS // 60 * 60 + 60 * i for i in range(MINUTES + 1)]
        result = [
            {
                "metric": {"__name__": f"anomaly_detector_{side}_band", "anomaly_detector_alias": "a"},
                "values": [[at, value] for at in times],
            }
            for side, value in (("lower", "0"), ("upper", "5"))
        ]
        return HttpAnswer({"status": "success", "data": {"resultType": "matrix", "result": result}})

    with FakeHttp(query) as fake:
        settings = AmpSettings.model_validate(
            {"endpoint_url": fake.url, "call_timeout_secs": 30.0, "workspace_id": "ws", "detectors": [{"alias": "a"}]}
        )
        verdicts, _ = run(lambda clock: (AmpProvider(settings, clock), settings))
        check(verdicts, [request.at_secs for request in fake.requests], "outside_band")


def test_the_defaults_are_what_is_measured() -> None:
    settings = RemoteProvider()
    assert settings.max_calls_per_minute == 10
    assert settings.burst_calls < settings.max_calls_per_minute
