"""The provider ``cloudwatch`` against a CloudWatch that is held to the published model, over real HTTP with real signatures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.clock import NS_PER_SEC, SystemClock
from pipeline.config.schema import CrosscheckSettings
from pipeline.crosscheck.base import Verdict
from pipeline.crosscheck.cloudwatch.provider import CloudWatchProvider
from pipeline.crosscheck.registry import build_provider
from pipeline.engine.anomaly import Anomaly
from pipeline.samples.labels import LabelSet
from tests.aws.fake_aws import AwsFaultError, Misbehaviour
from tests.aws.fake_cloudwatch import FakeCloudWatch
from tests.aws.verdicts import short
from tests.stories.timeline import make_anomaly

PERIOD = 60
EC2 = {
    "match": {"name": "node_cpu"},
    "namespace": "AWS/EC2",
    "metric": "CPUUtilization",
    "dimensions": {"InstanceId": "{instance}"},
    "scale": 100.0,
}


def suspicion(value: float = 0.9, instance: str = "i-1", name: str = "node_cpu", **fields: object) -> Anomaly:
    series = LabelSet({"__name__": name, "instance": instance} if instance else {"__name__": name})
    return replace(make_anomaly(f"{name}{instance}{value}", value=value), series=series, **fields)  # type: ignore[arg-type]


def key(instance: str = "i-1") -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return "AWS/EC2", "CPUUtilization", (("InstanceId", instance),)


def build(fake: FakeCloudWatch, metrics: list[dict[str, object]] | None = None, **settings: object) -> CloudWatchProvider:
    defaults = {"call_timeout_secs": 1.0, "max_calls_per_minute": 6_000.0, "burst_calls": 100}
    data = {"type": "cloudwatch", "endpoint_url": fake.url, "metrics": metrics or [EC2], **defaults, **settings}
    provider = build_provider(CrosscheckSettings.model_validate({"provider": data}), SystemClock())
    assert isinstance(provider, CloudWatchProvider)
    return provider


def judge(provider: CloudWatchProvider, *anomalies: Anomaly, deadline_secs: float = 8.0) -> Sequence[Verdict]:
    async def run() -> Sequence[Verdict]:
        try:
            verdicts = await provider.judge(anomalies, deadline_secs)
            await provider.publisher.drain()
            return verdicts
        finally:
            await provider.close()

    return asyncio.run(run())


def test_values_are_held_against_the_band_in_one_call() -> None:
    with FakeCloudWatch() as fake:
        fake.bands = {key("i-1"): (10.0, 50.0), key("i-2"): (10.0, 95.0)}
        provider = build(fake)
        verdicts = judge(
            provider,
            suspicion(0.9, "i-1"),
            suspicion(0.9, "i-2"),
            suspicion(0.02, "i-1"),
            suspicion(0.9, "i-3"),
            suspicion(0.9, ""),
        )
    assert short(verdicts) == [
        ("confirmed", "outside_band"),
        ("refuted", "inside_band"),
        ("confirmed", "outside_band"),
        ("unknown", "no_band"),
        ("unknown", "not_mapped"),
    ]
    assert fake.n_calls == {"GetMetricData": 1}
    assert verdicts[0].detail == "AWS/EC2/CPUUtilization[InstanceId=i-1] Average: 90 against the band 10 to 50"
    # Three metrics were asked about, for four candidates; the one without a name costs nothing.
    assert [verdict.cost_usd for verdict in verdicts] == pytest.approx([3e-5 / 4] * 4 + [0.0])
    assert provider.caller.meter.total_usd == pytest.approx(3e-5)


def test_near_the_edge_is_unknown_where_a_margin_is_wanted() -> None:
    with FakeCloudWatch() as fake:
        fake.bands = {key(): (0.0, 100.0)}
        provider = build(fake, refute_share=0.5)
        verdicts = judge(provider, suspicion(0.6), suspicion(0.9), suspicion(1.0), suspicion(1.01))
    assert [verdict.reason for verdict in verdicts] == ["inside_band", "near_edge", "near_edge", "outside_band"]


def test_an_older_band_will_do_but_not_a_stale_one() -> None:
    at_secs = suspicion().event_time_ns // NS_PER_SEC // PERIOD * PERIOD
    for age, expected in ((0, "outside_band"), (5, "outside_band"), (6, "no_band")):
        with FakeCloudWatch() as fake:
            fake.bands = {key(): (0.0, 50.0)}
            fake.band_end_secs = at_secs - age * PERIOD
            verdicts = judge(build(fake), suspicion())
        assert verdicts[0].reason == expected
        assert ("periods old" in verdicts[0].detail) == (age == 5)


def test_cloudwatchs_own_data_point_can_be_what_is_compared() -> None:
    at_secs = suspicion().event_time_ns // NS_PER_SEC // PERIOD * PERIOD
    metric = {**EC2, "compare": "datapoint"}
    with FakeCloudWatch() as fake:
        fake.bands = {key("i-1"): (0.0, 50.0), key("i-2"): (0.0, 50.0)}
        fake.values = {key("i-1"): {at_secs: 20.0}}
        verdicts = judge(build(fake, [metric]), suspicion(0.9, "i-1"), suspicion(0.9, "i-2"))
    assert short(verdicts) == [("refuted", "inside_band"), ("unknown", "no_datapoint")]


def test_metric_math_is_renamed_and_its_band_is_asked_for() -> None:
    source = {"namespace": "Shop", "dimensions": {"Service": "{service}"}, "stat": "Sum"}
    metric = {
        "expression": "100 * errors / requests",
        "inputs": {"errors": {**source, "metric": "Errors"}, "requests": {**source, "metric": "Requests"}},
        "create_detector": True,
    }
    anomaly = replace(suspicion(7.0), series=LabelSet({"__name__": "error_percent", "service": "dag"}))
    told: list[str] = []
    with FakeCloudWatch() as fake:

        def evaluate(expression: str, inputs: dict[str, object]) -> tuple[float, float]:
            told.append(expression)
            assert {key[1] for key in inputs.values()} == {"Errors", "Requests"}  # type: ignore[index]
            return (0.0, 5.0)

        fake.evaluate = evaluate
        verdicts = judge(build(fake, [metric]), anomaly)
    assert short(verdicts) == [("confirmed", "outside_band")]
    assert told == ["100 * i0_0 / i0_1"]
    assert [query["ReturnData"] for query in fake.detectors[0]["MetricMathAnomalyDetector"]["MetricDataQueries"]] == [
        False,
        False,
        True,
    ]


def test_pages_are_read_to_the_end() -> None:
    with FakeCloudWatch() as fake:
        fake.bands = {key(f"i-{i}"): (0.0, 50.0) for i in range(30)}
        fake.page_size = 7
        verdicts = judge(build(fake), *(suspicion(0.9, f"i-{i}") for i in range(30)))
    assert {verdict.reason for verdict in verdicts} == {"outside_band"}
    assert fake.n_calls["GetMetricData"] == -(-90 // 7)


def test_more_candidates_than_a_request_may_ask_about_take_several() -> None:
    with FakeCloudWatch() as fake:
        fake.default_band = (0.0, 50.0)
        # A busy machine has time enough to answer: a request that took too long would be made again, and counted.
        provider = build(fake, call_timeout_secs=30.0)
        verdicts = judge(provider, *(suspicion(0.9, f"i-{i}") for i in range(600)), deadline_secs=60.0)
    assert {verdict.reason for verdict in verdicts} == {"outside_band"}
    assert fake.n_calls["GetMetricData"] == 3


def test_candidates_far_apart_in_time_are_not_asked_about_together() -> None:
    later_ns = suspicion().event_time_ns + 86_400 * NS_PER_SEC
    with FakeCloudWatch() as fake:
        fake.default_band = (0.0, 50.0)
        verdicts = judge(build(fake), suspicion(), suspicion(event_time_ns=later_ns))
    assert {verdict.reason for verdict in verdicts} == {"outside_band"}
    spans = [request.params["EndTime"] - request.params["StartTime"] for request in fake.requests]
    assert len(spans) == 2
    assert max(spans) < 3_600


def test_a_band_that_was_read_answers_further_candidates() -> None:
    async def run() -> list[Verdict]:
        provider = build(fake)
        verdicts = [*await provider.judge([suspicion(0.9)], 5.0), *await provider.judge([suspicion(0.3)], 5.0)]
        await provider.close()
        return verdicts

    with FakeCloudWatch() as fake:
        fake.bands = {key(): (0.0, 50.0)}
        verdicts = asyncio.run(run())
    assert [verdict.reason for verdict in verdicts] == ["outside_band", "inside_band"]
    assert fake.n_calls == {"GetMetricData": 1}


def test_answers_that_are_not_complete_are_unknown() -> None:
    with FakeCloudWatch() as fake:
        fake.bands = {key(): (0.0, 50.0)}
        fake.statuses = {"b0": ("Forbidden", "not yours")}
        verdicts = judge(build(fake), suspicion())
    assert short(verdicts) == [("unknown", "partial")]
    assert "Forbidden not yours" in verdicts[0].detail


def test_silence_is_held_against_the_data_points_there() -> None:
    last_ns = suspicion().event_time_ns // (PERIOD * NS_PER_SEC) * PERIOD * NS_PER_SEC
    silent = {
        "kind": "absence",
        "context_time_ns": (last_ns,),
        "context_value": (0.3,),
        "event_time_ns": last_ns + 300 * NS_PER_SEC,
    }
    last_secs = last_ns // NS_PER_SEC
    with FakeCloudWatch() as fake:
        fake.values = {
            key("i-1"): {last_secs - 60: 1.0, last_secs: 1.0},
            key("i-2"): {last_secs + 60 * i: 1.0 for i in range(6)},
        }
        verdicts = judge(build(fake), *(suspicion(0.3, f"i-{i}", **silent) for i in (1, 2, 3)))
    assert short(verdicts) == [("confirmed", "silent_there_too"), ("refuted", "datapoints_there"), ("unknown", "no_datapoint")]


def test_a_new_template_is_no_metric() -> None:
    with FakeCloudWatch() as fake:
        assert short(judge(build(fake), suspicion(kind="new_template"))) == [("unknown", "no_metric")]
        assert fake.n_calls == {}


def test_samples_of_suspicious_series_are_published_once_and_a_detector_is_set_up() -> None:
    metric = {"publish": True, "create_detector": True, "unit": "Count"}
    anomaly = make_anomaly("a")

    async def run() -> None:
        provider = build(fake, [metric])
        for _ in range(2):
            await provider.judge([anomaly], 5.0)
            await provider.publisher.drain()
        await provider.close()

    with FakeCloudWatch() as fake:
        asyncio.run(run())
    data = [entry for request in fake.put for entry in request["MetricData"]]
    assert {request["Namespace"] for request in fake.put} == {"Streamwarden"}
    assert sum(sum(entry["Counts"]) for entry in data) == len(anomaly.context_value)
    written = {value for entry in data for value in entry["Values"]}
    assert written == set(anomaly.context_value)
    assert {entry["MetricName"] for entry in data} == {"tps_a"}
    assert data[0]["Dimensions"] == [{"Name": "region", "Value": "us-east-1"}, {"Name": "service", "Value": "dag"}]
    assert {entry["Unit"] for entry in data} == {"Count"}
    assert len(fake.detectors) == 1
    assert fake.detectors[0]["SingleMetricAnomalyDetector"]["Stat"] == "Average"


@pytest.mark.parametrize(
    ("fault", "reason", "n_calls"),
    [
        (AwsFaultError("ThrottlingException", "slow down", 400), "throttled", 3),
        (AwsFaultError("InternalServiceFault", "sorry", 500), "server_error", 3),
        (AwsFaultError("ServiceUnavailable", "sorry", 503), "server_error", 3),
        (
            AwsFaultError("ExpiredTokenException", "The security token included in the request is expired", 403),
            "credentials_expired",
            1,
        ),
        (AwsFaultError("AccessDeniedException", "not authorized to perform cloudwatch:GetMetricData", 403), "access_denied", 1),
        (AwsFaultError("InvalidParameterValue", "wrong", 400), "bad_request", 1),
        (Misbehaviour("half"), "half_answer", 3),
        (Misbehaviour("reset"), "half_answer", 3),
        (Misbehaviour("garbage", body=b"<html>a proxy's page</html>"), "bad_answer", 3),
        (Misbehaviour("silent", 3.0), "timeout", 3),
    ],
    ids=lambda one: one if isinstance(one, str) else getattr(one, "code", getattr(one, "kind", "")),
)
def test_what_goes_wrong_has_a_code_and_is_tried_again_where_that_helps(
    fault: AwsFaultError | Misbehaviour, reason: str, n_calls: int
) -> None:
    with FakeCloudWatch() as fake:
        fake.bands = {key(): (0.0, 50.0)}
        fake.faults.extend([fault] * 3)
        provider = build(fake, call_timeout_secs=0.3)
        verdicts = judge(provider, suspicion())
        assert short(verdicts) == [("unknown", reason)]
        assert fake.n_calls.total() == n_calls
        assert "fix" not in verdicts[0].detail
        assert ";" in verdicts[0].detail
        assert sum(n for (_, outcome), n in provider.caller.meter.n_calls.items() if outcome != "ok") == n_calls
    with FakeCloudWatch() as fake:
        fake.bands = {key(): (0.0, 50.0)}
        fake.faults.append(fault)
        verdicts = judge(build(fake, call_timeout_secs=0.3), suspicion())
        assert short(verdicts) == ([("confirmed", "outside_band")] if n_calls > 1 else [("unknown", reason)])


def test_an_answer_that_drips_for_ever_ends_at_the_deadline() -> None:
    with FakeCloudWatch() as fake:
        fake.faults.append(Misbehaviour("drip", 5.0))
        started_secs = time.monotonic()
        verdicts = judge(build(fake), suspicion(), deadline_secs=1.0)
    assert verdicts[0].outcome == "unknown"
    assert verdicts[0].reason in ("timeout", "deadline")
    assert time.monotonic() - started_secs < 4.0


def test_a_clock_that_is_wrong_is_told() -> None:
    with FakeCloudWatch() as fake:
        fake.clock_offset = timedelta(hours=1)
        verdicts = judge(build(fake), suspicion())
    assert short(verdicts) == [("unknown", "clock_skew")]
    assert "NTP" in verdicts[0].detail


def test_an_endpoint_that_is_gone_opens_the_breaker() -> None:
    with FakeCloudWatch() as fake:
        pass

    async def run() -> list[str]:
        provider = build(fake, breaker_failures=3, max_attempts=2)
        reasons = [(await provider.judge([suspicion()], 5.0))[0].reason for _ in range(3)]
        await provider.close()
        return reasons

    assert asyncio.run(run()) == ["unreachable", "circuit_open", "circuit_open"]


def test_without_credentials_or_region_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeCloudWatch() as fake:
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        assert judge(build(fake), suspicion())[0].reason == "region_missing"
        assert judge(build(fake, region="us-east-1", profile="nobody"), suspicion())[0].reason == "credentials_missing"
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        verdict = judge(build(fake, region="us-east-1"), suspicion())[0]
        assert verdict.reason == "credentials_missing"
        assert "give the worker a role" in verdict.detail
        assert fake.requests == []


def test_credentials_of_a_profile_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    from tests.aws.wire import ACCESS_KEY, SECRET_KEY

    with open(f"{tmp_path}/credentials", "w", encoding="utf-8") as file:
        file.write(f"[ops]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with FakeCloudWatch() as fake:
        fake.bands = {key(): (0.0, 50.0)}
        assert judge(build(fake, profile="ops"), suspicion())[0].reason == "outside_band"


def test_a_slow_service_leaves_the_loop_free_and_unknown_in_time() -> None:
    async def run() -> tuple[list[Verdict], int]:
        provider = build(fake, call_timeout_secs=5.0)
        n_turns = 0
        await provider.judge([suspicion(0.9, "i-1")], 60.0)  # reads boto's models and connects, whatever that takes here
        fake.faults.append(Misbehaviour("silent", 2.0))

        async def count() -> None:
            nonlocal n_turns
            while True:
                await asyncio.sleep(0.01)
                n_turns += 1

        counter = asyncio.create_task(count())
        verdicts = list(await provider.judge([suspicion()], 1.0))
        counter.cancel()
        await provider.close()
        return verdicts, n_turns

    with FakeCloudWatch() as fake:
        verdicts, n_turns = asyncio.run(run())
    assert verdicts[0].outcome == "unknown"
    assert n_turns > 20
