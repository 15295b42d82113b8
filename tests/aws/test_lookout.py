"""The provider ``lookout`` against a local service that is held to the model AWS published, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipeline.clock import NS_PER_SEC, ManualClock, SystemClock
from pipeline.config.providers import LookoutProvider as LookoutSettings
from pipeline.crosscheck.base import Verdict
from pipeline.crosscheck.lookout.provider import LookoutProvider
from pipeline.crosscheck.lookout.setup import set_up
from pipeline.crosscheck.remote.aws import MODEL_DIR, AwsClients
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import ConfigError, ProviderError
from pipeline.samples.labels import LabelSet
from tests.aws.fake_aws import AwsFaultError, Misbehaviour
from tests.aws.fake_lookout import DETECTOR, S3, FakeLookout, Group
from tests.aws.verdicts import ask, short
from tests.stories.timeline import START_NS, make_anomaly

START_SECS = START_NS // NS_PER_SEC // 300 * 300


def suspicion(node: str = "n1", name: str = "dag_tps", at_secs: float = START_SECS + 130, **fields: object) -> Anomaly:
    labels = {"__name__": name, "region": "eu-1", "instance": node, "pod": "p"}
    time_ns = int(at_secs * NS_PER_SEC)
    return replace(make_anomaly(node), series=LabelSet(labels), event_time_ns=time_ns, **fields)  # type: ignore[arg-type]


@pytest.fixture
def fake() -> Iterator[FakeLookout]:
    with FakeLookout() as service:
        service.add_detector("dag")
        service.executions = {START_SECS - 300 + 300 * i: "COMPLETED" for i in range(4)}
        yield service


def settings_for(fake: FakeLookout, **fields: object) -> LookoutSettings:
    defaults = {"call_timeout_secs": 1.0, "max_calls_per_minute": 6_000.0, "burst_calls": 100, "detectors": [DETECTOR]}
    return LookoutSettings.model_validate({"endpoint_url": fake.url, **defaults, **fields})


def judge(fake: FakeLookout, *anomalies: Anomaly, deadline_secs: float = 8.0, **fields: object) -> Sequence[Verdict]:
    return ask(LookoutProvider(settings_for(fake, **fields), SystemClock()), anomalies, deadline_secs)


def group(number: int = 1, score: float = 80.0, nodes: Sequence[str] = ("n1",), **fields: object) -> Group:
    series = {"tps": [{"region": "eu-1", "node": node} for node in nodes]}
    return replace(Group(number, START_SECS, START_SECS, score, series), **fields)  # type: ignore[arg-type]


def test_a_series_in_an_anomaly_group_is_confirmed_with_contributions_and_causes(fake: FakeLookout) -> None:
    cause = {
        "MetricName": "lag",
        "AnomalyGroupId": group(2).id,
        "RelationshipType": "CAUSE_OF_INPUT_ANOMALY_GROUP",
        "ContributionPercentage": 64.0,
    }
    fake.groups = [group(related=[cause])]
    verdicts = judge(fake, suspicion("n1"), suspicion("n2"), suspicion("n1", "other"), suspicion("n1", kind="absence"))
    assert short(verdicts) == [
        ("confirmed", "anomaly_group"),
        ("refuted", "other_series"),
        ("unknown", "not_mapped"),
        ("unknown", "no_measure"),
    ]
    assert verdicts[0].detail == (
        f"dag/tps[region=eu-1,node=n1]: anomaly group {group().id}, severity 80 of 100; "
        "contributions node=n1 100 %, region=eu-1 100 %; caused by lag 64 %"
    )
    assert verdicts[0].reference == f"{next(iter(fake.detectors))} {group().id} ts-1-0"


@pytest.mark.parametrize(
    ("offset_secs", "expected"),
    [(-1, "no_anomaly_group"), (0, "anomaly_group"), (299, "anomaly_group"), (600, "anomaly_group"), (900, "no_anomaly_group")],
)
def test_the_interval_of_the_sample_must_be_one_of_the_groups(fake: FakeLookout, offset_secs: int, expected: str) -> None:
    fake.groups = [group(end_secs=START_SECS + 600)]
    fake.executions = {START_SECS + 300 * i: "COMPLETED" for i in range(9)}
    assert judge(fake, suspicion(at_secs=START_SECS + offset_secs))[0].reason == expected


def test_groups_below_the_sensitivity_do_not_count(fake: FakeLookout) -> None:
    fake.groups = [group(score=49.0)]
    assert short(judge(fake, suspicion())) == [("refuted", "no_anomaly_group")]


def test_an_interval_that_was_not_looked_at_refutes_nothing(fake: FakeLookout) -> None:
    fake.executions = {START_SECS - 300: "COMPLETED", START_SECS: "COMPLETED", START_SECS + 300: "IN_PROGRESS"}
    verdicts = judge(fake, suspicion())
    assert short(verdicts) == [("unknown", "not_evaluated")]
    fake.executions[START_SECS] = "FAILED"
    assert short(judge(fake, suspicion())) == [("unknown", "evaluation_failed")]


def test_who_may_wait_gets_the_verdict_of_a_later_poll(fake: FakeLookout) -> None:
    fake.executions = {}

    async def run() -> Sequence[Verdict]:
        provider = LookoutProvider(settings_for(fake, poll_secs=1), SystemClock())

        async def evaluate() -> None:
            await asyncio.sleep(1.2)
            fake.groups = [group()]
            fake.executions = {START_SECS + 300: "COMPLETED"}

        later = asyncio.create_task(evaluate())
        verdicts = await provider.judge([suspicion("n1"), suspicion("n2")], 8.0)
        await later
        await provider.close()
        return verdicts

    assert short(asyncio.run(run())) == [("confirmed", "anomaly_group"), ("refuted", "other_series")]


def test_an_execution_that_ends_between_two_requests_refutes_nothing(fake: FakeLookout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups that were read before their execution ended are not taken for all there are."""
    fake.executions = {}
    list_groups = fake.on_ListAnomalyGroupSummaries

    def list_groups_then_end(params: dict[str, Any]) -> dict[str, Any]:
        answer = list_groups(params)
        fake.groups = [group()]
        fake.executions = {START_SECS + 300: "COMPLETED"}
        return answer

    monkeypatch.setitem(fake.handlers, "ListAnomalyGroupSummaries", list_groups_then_end)
    assert short(judge(fake, suspicion("n1"), suspicion("n2"), poll_secs=1)) == [
        ("confirmed", "anomaly_group"),
        ("refuted", "other_series"),
    ]


def test_an_interval_that_cannot_be_over_by_the_deadline_is_told_at_once(fake: FakeLookout) -> None:
    clock = ManualClock(now_ns=(START_SECS + 200) * NS_PER_SEC)
    fake.executions = {}

    async def run() -> Sequence[Verdict]:
        provider = LookoutProvider(settings_for(fake), clock)
        verdicts = await provider.judge([suspicion()], 60.0)
        await provider.close()
        return verdicts

    assert short(asyncio.run(run())) == [("unknown", "not_evaluated")]
    assert fake.n_calls["ListAnomalyGroupSummaries"] == 1


@pytest.mark.parametrize("status", ["INACTIVE", "FAILED", "DELETING"])
def test_a_detector_that_does_not_run_is_told(fake: FakeLookout, status: str) -> None:
    fake.add_detector("dag", status)
    verdicts = judge(fake, suspicion())
    assert short(verdicts) == [("unknown", "detector_not_active")]
    assert status in verdicts[0].detail


def test_a_detector_that_is_not_there_is_told(fake: FakeLookout) -> None:
    fake.detectors.clear()
    assert short(judge(fake, suspicion())) == [("unknown", "detector_missing")]


def test_all_pages_are_read(fake: FakeLookout) -> None:
    fake.page_size = 3
    fake.groups = [group(i, start_secs=START_SECS - 9_000, end_secs=START_SECS - 9_000) for i in range(10)]
    fake.groups.append(group(99, nodes=[f"n{i}" for i in range(10)]))
    assert short(judge(fake, *(suspicion(f"n{i}") for i in range(10)))) == [("confirmed", "anomaly_group")] * 10
    assert fake.n_calls["ListAnomalyGroupSummaries"] == 4
    assert fake.n_calls["ListAnomalyGroupTimeSeries"] == 4


def test_groups_that_were_not_all_read_refute_nothing(fake: FakeLookout) -> None:
    fake.page_size = 1
    fake.groups = [group(i, start_secs=START_SECS - 9_000, end_secs=START_SECS - 9_000) for i in range(12)]
    assert short(judge(fake, suspicion())) == [("unknown", "too_many_groups")]


def test_one_poll_answers_many_candidates(fake: FakeLookout) -> None:
    fake.groups = [group(nodes=[f"n{i}" for i in range(0, 1_000, 2)])]

    async def run() -> list[Sequence[Verdict]]:
        provider = LookoutProvider(settings_for(fake), SystemClock())
        answers = await asyncio.gather(*(provider.judge([suspicion(f"n{i}")], 20.0) for i in range(1_000)))
        await provider.close()
        return list(answers)

    answers = asyncio.run(run())
    assert [one[0].outcome for one in answers] == ["confirmed", "refuted"] * 500
    assert fake.n_calls == {
        "ListAnomalyDetectors": 1,
        "ListAnomalyGroupSummaries": 1,
        "DescribeAnomalyDetectionExecutions": 1,
        "ListAnomalyGroupTimeSeries": 5,
        "GetAnomalyGroup": 1,
        "ListAnomalyGroupRelatedMetrics": 1,
    }


def test_feedback_reaches_the_series_of_the_group(fake: FakeLookout) -> None:
    fake.groups = [group()]

    async def run() -> None:
        provider = LookoutProvider(settings_for(fake), SystemClock())
        verdict = (await provider.judge([suspicion()], 8.0))[0]
        assert verdict.reference is not None
        await provider.put_feedback(verdict.reference, False)
        with pytest.raises(ProviderError, match="names no series"):
            await provider.put_feedback("arn:only", True)
        await provider.close()

    asyncio.run(run())
    assert fake.feedback == [{"AnomalyGroupId": group().id, "TimeSeriesId": "ts-1-0", "IsAnomaly": False}]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (AwsFaultError("TooManyRequestsException", "slow", 429), "throttled"),
        (AwsFaultError("InternalServerException", "sorry", 500), "server_error"),
        (AwsFaultError("ExpiredTokenException", "expired", 403), "credentials_expired"),
        (AwsFaultError("AccessDeniedException", "no", 403), "access_denied"),
        (AwsFaultError("RequestTimeTooSkewed", "too late", 403), "clock_skew"),
        (Misbehaviour("half"), "half_answer"),
        (Misbehaviour("garbage", body=b"gone"), "bad_answer"),
        (Misbehaviour("silent", 2.0), "timeout"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_goes_wrong_has_a_code(fake: FakeLookout, fault: AwsFaultError | Misbehaviour, reason: str) -> None:
    fake.groups = [group()]
    fake.faults.extend([fault] * 3)
    assert short(judge(fake, suspicion(), call_timeout_secs=0.3)) == [("unknown", reason)]


def test_particulars_that_cannot_be_had_do_not_cost_the_verdict(fake: FakeLookout) -> None:
    fake.groups = [group()]

    def refuse(_params: object) -> dict[str, object]:
        raise AwsFaultError("AccessDeniedException", "no", 403)

    fake.handlers["GetAnomalyGroup"] = refuse
    verdicts = judge(fake, suspicion())
    assert short(verdicts) == [("confirmed", "anomaly_group")]
    assert verdicts[0].detail.endswith("no particulars (access_denied)")


@pytest.fixture
def alert(moto: str) -> dict[str, str]:
    """Settings of an alert to a topic of moto's SNS."""
    sns = boto3.client("sns", endpoint_url=moto, region_name="us-east-1")
    arn = sns.create_topic(Name="ops")["TopicArn"]
    return {"sns_topic_arn": arn, "role_arn": "arn:aws:iam::123456789012:role/tell", "endpoint_url": moto}


def test_setting_up_makes_what_is_missing_once(fake: FakeLookout, alert: dict[str, str]) -> None:
    fake.detectors.clear()
    settings = settings_for(fake, s3=S3, alert=alert)
    told: list[str] = []
    for _ in range(2):
        set_up(settings, AwsClients(settings), told.append, activates=True)
    assert [line.split(",")[0].split(";")[0] for line in told] == [
        "detector dag: made",
        "metric set of dag: made",
        "alert of dag: made",
        "detector dag: activated",
        "detector dag: there already",
        "metric set of dag: there already",
        "alert of dag: there already",
    ]
    arn = next(iter(fake.detectors))
    made = fake.metric_sets[arn][0]
    assert made["MetricSource"]["S3SourceConfig"]["TemplatedPathList"] == ["s3://metrics/streamwarden/dag/{{yyyyMMdd}}/{{HHmm}}/"]
    assert made["MetricList"] == [
        {"MetricName": "tps", "AggregationFunction": "AVG"},
        {"MetricName": "lag", "AggregationFunction": "SUM"},
    ]
    assert made["DimensionList"] == ["region", "node"]
    assert fake.alerts[arn][0]["Action"]["SNSConfiguration"]["SnsTopicArn"] == alert["sns_topic_arn"]
    assert fake.detectors[arn]["Status"] == "ACTIVATING"


def test_setting_up_without_a_bucket_makes_nothing(fake: FakeLookout) -> None:
    settings = settings_for(fake)
    with pytest.raises(ConfigError, match="expected the bucket"):
        set_up(settings, AwsClients(settings), print)
    assert fake.requests == []


def test_setting_up_an_alert_to_a_topic_that_is_not_there_makes_nothing(fake: FakeLookout, alert: dict[str, str]) -> None:
    alert["sns_topic_arn"] += "-gone"
    settings = settings_for(fake, s3=S3, alert=alert)
    with pytest.raises(ConfigError, match=r"found no topic arn:aws:sns:us-east-1:123456789012:ops-gone") as caught:
        set_up(settings, AwsClients(settings), print)
    assert caught.value.code == "LOOKOUT_NO_TOPIC"
    assert fake.requests == []


def test_a_detector_that_is_not_started_can_be_tested_back(fake: FakeLookout) -> None:
    fake.detectors.clear()
    settings = settings_for(fake, s3=S3)
    told: list[str] = []
    for _ in range(2):
        set_up(settings, AwsClients(settings), told.append, tests_back=True)
    assert [detector["Status"] for detector in fake.detectors.values()] == ["BACK_TEST_ACTIVATING"]
    assert sum("tested back" in line for line in told) == 1


def test_our_service_model_is_the_published_one() -> None:
    botocore = pytest.importorskip("botocore")
    original_path = Path(botocore.__file__).parent / "data" / "lookoutmetrics" / "2017-07-25" / "service-2.json"
    if not original_path.exists():
        pytest.skip("needs the package botocore-a-la-carte-lookoutmetrics")
    original = json.loads(original_path.read_text(encoding="utf-8"))
    ours_path = MODEL_DIR / "lookoutmetrics" / "2017-07-25" / "service-2.json"
    ours = json.loads(ours_path.read_text(encoding="utf-8"))

    def without_texts(node: object) -> object:
        if isinstance(node, dict):
            return {name: without_texts(one) for name, one in node.items() if name != "documentation" or not isinstance(one, str)}
        return [without_texts(one) for one in node] if isinstance(node, list) else node

    assert ours["metadata"] == original["metadata"]
    for kind in ("operations", "shapes"):
        for name, one in ours[kind].items():
            assert one == without_texts(original[kind][name]), name
    assert ours_path.stat().st_size < 100_000


def test_the_client_is_built_from_our_model(fake: FakeLookout) -> None:
    client = AwsClients(settings_for(fake)).get("lookoutmetrics")
    assert len(client.meta.service_model.operation_names) == 16
