"""The way into a provider's store, against moto's S3 and CloudWatch, and a Managed Prometheus held to its model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
import orjson
import pytest

from pipeline.clock import NS_PER_SEC
from pipeline.codecs.record import RecordBatch
from pipeline.config.providers import AmpProvider as AmpSettings
from pipeline.config.providers import CloudWatchProvider as CloudWatchSettings
from pipeline.config.providers import LookoutProvider as LookoutSettings
from pipeline.config.schema import CrosscheckSettings, SourceTopic
from pipeline.crosscheck.feed.base import MAX_ATTEMPTS, call_patiently
from pipeline.crosscheck.feed.build import build_sinks
from pipeline.crosscheck.feed.cloudwatch import CloudWatchFeed
from pipeline.crosscheck.feed.decoding import FeedDecoder
from pipeline.crosscheck.feed.lookout import LookoutFeed
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.crosscheck.set_up import set_up_amp, set_up_providers
from pipeline.errors import ConfigError, ProviderError
from tests.aws.fake_aws import AwsFaultError, FakeAws
from tests.aws.fake_cloudwatch import FakeCloudWatch

START_SECS = 1_767_225_600
SOURCE = SourceTopic(name="metrics", kind="metrics", format="metric_json", labels={"region": "eu-1"})
DETECTOR = {
    "name": "dag",
    "measures": {"tps": {"metric": "dag_tps"}},
    "dimensions": {"region": "region", "node": "node"},
    "delay_secs": 60,
}


@pytest.fixture
def s3(moto: str) -> Any:
    client = boto3.client("s3", endpoint_url=moto, region_name="us-east-1")
    for bucket in client.list_buckets()["Buckets"]:
        for one in client.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ()):
            client.delete_object(Bucket=bucket["Name"], Key=one["Key"])
        client.delete_bucket(Bucket=bucket["Name"])
    client.create_bucket(Bucket="metrics")
    return client


def lookout_settings(moto: str) -> LookoutSettings:
    s3 = {"bucket": "metrics", "role_arn": "arn:aws:iam::123456789012:role/read", "endpoint_url": moto}
    return LookoutSettings.model_validate({"endpoint_url": "http://127.0.0.1:1", "detectors": [DETECTOR], "s3": s3})


def batch_of(
    rows: Sequence[tuple[int, str, float]], partition: int = 0, first_offset: int = 0, name: str = "dag_tps"
) -> RecordBatch:
    """Records: second after the start, node, value."""
    return RecordBatch.from_rows(
        "metrics",
        partition,
        [
            (
                first_offset + i,
                0,
                b"k",
                orjson.dumps({"name": name, "labels": {"node": node}, "ts": START_SECS + at, "value": value}),
            )
            for i, (at, node, value) in enumerate(rows)
        ],
    )


def read_files(s3: Any) -> dict[str, str]:
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="metrics").get("Contents", ())]
    return {key: s3.get_object(Bucket="metrics", Key=key)["Body"].read().decode() for key in keys}


def test_intervals_land_in_the_layout_a_detector_reads(moto: str, s3: Any) -> None:
    feed = LookoutFeed(lookout_settings(moto), AwsClients(lookout_settings(moto)))
    decoder = FeedDecoder(SOURCE, [feed])
    rows = [(0, "n1", 1.0), (0, "n2", 10.0), (100, "n1", 3.0), (300, "n1", 5.0), (365, "n1", 7.0)]
    decoder.feed(batch_of(rows))
    decoder.feed(batch_of([(0, "n1", 99.0)], first_offset=5, name="other"))
    feed.flush()
    assert read_files(s3) == {
        "streamwarden/dag/20260101/0000/metrics-0.csv": (
            "timestamp,region,node,tps\n2026-01-01 00:00:00,eu-1,n1,2.0\n2026-01-01 00:00:00,eu-1,n2,10.0\n"
        )
    }
    # What is under way begins at offset 3: from there it can be made again.
    assert feed.safe_offset(("metrics", 0), 6) == 3
    assert feed.safe_offset(("metrics", 1), 6) == 6
    feed.flush(everything=True)
    assert len(read_files(s3)) == 2
    assert feed.safe_offset(("metrics", 0), 6) == 6
    assert (feed.n_written, feed.n_there, decoder.n_samples) == (2, 0, 6)


@pytest.mark.parametrize("seed", range(4))
def test_a_crash_anywhere_leaves_the_files_of_an_uninterrupted_run(moto: str, s3: Any, seed: int, luck: int) -> None:
    draw = random.Random(seed + luck)
    rows = [(10 * i + draw.randrange(-30, 30), draw.choice(["n1", "n2"]), float(draw.randrange(9))) for i in range(200)]
    rows = [(max(at, 0), node, value) for at, node, value in rows]

    def run(crashes: bool) -> dict[str, str]:
        for key in read_files(s3):
            s3.delete_object(Bucket="metrics", Key=key)
        position = 0
        while position < len(rows):
            feed = LookoutFeed(lookout_settings(moto), AwsClients(lookout_settings(moto)))
            decoder = FeedDecoder(SOURCE, [feed])
            end = min(len(rows), position + draw.randrange(40, 90)) if crashes else len(rows)
            for start in range(position, end, 7):
                decoder.feed(batch_of(rows[start : min(start + 7, end)], first_offset=start))
                feed.flush(everything=end == len(rows) and start + 7 >= end)
            # Committed is what is safe; the rest dies with the process.
            position = feed.safe_offset(("metrics", 0), end)
            if crashes and end < len(rows):
                assert position < end
        return read_files(s3)

    plain = run(crashes=False)
    assert len(plain) >= 6
    assert run(crashes=True) == plain


def test_a_partition_that_goes_away_takes_its_intervals_with_it(moto: str, s3: Any) -> None:
    feed = LookoutFeed(lookout_settings(moto), AwsClients(lookout_settings(moto)))
    decoder = FeedDecoder(SOURCE, [feed])
    decoder.feed(batch_of([(0, "n1", 1.0)], partition=0))
    decoder.feed(batch_of([(0, "n2", 1.0)], partition=1))
    feed.forget(("metrics", 0))
    feed.flush(everything=True)
    assert list(read_files(s3)) == ["streamwarden/dag/20260101/0000/metrics-1.csv"]


def test_a_bucket_that_is_not_there_is_told(moto: str, s3: Any) -> None:
    s3.delete_bucket(Bucket="metrics")
    feed = LookoutFeed(lookout_settings(moto), AwsClients(lookout_settings(moto)))
    FeedDecoder(SOURCE, [feed]).feed(batch_of([(0, "n1", 1.0)]))
    with pytest.raises(ProviderError, match="NoSuchBucket") as caught:
        feed.flush(everything=True)
    assert caught.value.code == "NOT_FOUND"


def test_samples_reach_cloudwatch_and_come_back_as_statistics(moto: str) -> None:
    metrics = [{"match": {"name": "dag_*"}, "namespace": "Dag", "dimensions": {"Node": "{node}"}, "publish": True, "scale": 2.0}]
    settings = CloudWatchSettings.model_validate({"endpoint_url": moto, "metrics": metrics, "region": "us-east-1"})
    feed = CloudWatchFeed(settings, AwsClients(settings))
    decoder = FeedDecoder(SOURCE, [feed])
    now_secs = int(datetime.now(UTC).timestamp()) // 60 * 60 - 600
    rows = [
        (now_secs - START_SECS + at, node, value)
        for at, node, value in ((0, "n1", 1.0), (20, "n1", 4.0), (60, "n1", 8.0), (0, "n2", 3.0))
    ]
    decoder.feed(batch_of(rows))
    decoder.feed(batch_of(rows, first_offset=4, name="other"))
    feed.flush()
    assert feed.n_written == 3
    assert feed.safe_offset(("metrics", 0), 8) == 8
    client = AwsClients(settings).get("cloudwatch")

    def read(node: str, stat: str) -> list[float]:
        metric = {"Namespace": "Dag", "MetricName": "dag_tps", "Dimensions": [{"Name": "Node", "Value": node}]}
        queries = [{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}]
        answer = client.get_metric_data(
            MetricDataQueries=queries, StartTime=now_secs - 60, EndTime=now_secs + 120, ScanBy="TimestampAscending"
        )
        return list(answer["MetricDataResults"][0]["Values"])

    assert read("n1", "Sum") == [10.0, 16.0]
    assert read("n1", "Average") == [5.0, 16.0]
    assert read("n2", "Sum") == [6.0]


def test_many_series_are_written_in_requests_that_cloudwatch_takes_and_detectors_are_set_up_once() -> None:
    metrics = [{"namespace": "Dag", "dimensions": {"Node": "{node}"}, "publish": True, "create_detector": True}]
    with FakeCloudWatch() as fake:
        settings = CloudWatchSettings.model_validate({"endpoint_url": fake.url, "metrics": metrics})
        feed = CloudWatchFeed(settings, AwsClients(settings))
        decoder = FeedDecoder(SOURCE, [feed])
        for minute in range(4):
            decoder.feed(batch_of([(60 * minute, f"n{i}", float(i)) for i in range(500)], first_offset=500 * minute))
        fake.faults.append(AwsFaultError("ThrottlingException", "slow down", 400))
        feed.flush()
        assert sorted(len(request["MetricData"]) for request in fake.put) == [1_000, 1_000]
        assert len(fake.detectors) == 500
        feed.flush()
        assert len(fake.put) == 2


def test_bad_records_and_series_are_counted_not_fed(moto: str, s3: Any) -> None:
    feed = LookoutFeed(lookout_settings(moto), AwsClients(lookout_settings(moto)))
    decoder = FeedDecoder(SOURCE, [feed])
    bad = [
        (0, 0, b"k", b"{"),
        (1, 0, b"k", b'{"name":"dag_tps","labels":{"node":5},"ts":1767225600,"value":1}'),
        (2, 0, b"k", None),
    ]
    decoder.feed(RecordBatch.from_rows("metrics", 0, bad))
    assert (decoder.n_samples, decoder.n_refused) == (0, 2)


def test_calls_of_a_feed_are_tried_again_for_long_but_not_for_ever() -> None:
    slept: list[float] = []
    left = [4]

    def request() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise ProviderError("no", code="THROTTLED")
        return "yes"

    assert call_patiently("s3 PutObject", request, sleep=slept.append) == "yes"
    assert slept == pytest.approx([0.1, 0.2, 0.4, 0.8])
    left[0] = 10**6
    with pytest.raises(ProviderError):
        call_patiently("s3 PutObject", request, sleep=slept.append)
    assert len(slept) == 4 + MAX_ATTEMPTS - 1


def test_what_can_be_fed_depends_on_the_provider() -> None:
    publishing = {"type": "cloudwatch", "metrics": [{"publish": True}]}
    members = [{"type": "local"}, publishing]
    assert len(build_sinks(CrosscheckSettings.model_validate({"provider": {"type": "ensemble", "members": members}}))) == 1
    for provider in ({"type": "cloudwatch", "metrics": [{}]}, {"type": "local"}, None):
        with pytest.raises(ConfigError, match="nothing to feed"):
            build_sinks(CrosscheckSettings.model_validate({"provider": provider}))


def test_managed_prometheus_detectors_are_made_once() -> None:
    made: dict[str, dict[str, Any]] = {}

    def on_list(params: dict[str, Any]) -> dict[str, Any]:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        return {
            "anomalyDetectors": [
                {
                    "arn": f"arn:aws:aps:us-east-1:123456789012:anomalydetector/{params['workspaceId']}/ad-{alias}",
                    "anomalyDetectorId": f"ad-{alias}",
                    "alias": alias,
                    "status": {"statusCode": "ACTIVE"},
                    "createdAt": at,
                    "modifiedAt": at,
                }
                for alias in made
                if alias.startswith(params.get("alias", ""))
            ]
        }

    def on_create(params: dict[str, Any]) -> dict[str, Any]:
        made[params["alias"]] = params
        arn = f"arn:aws:aps:us-east-1:123456789012:anomalydetector/ws-1/ad-{params['alias']}"
        return {"anomalyDetectorId": f"ad-{params['alias']}", "arn": arn, "status": {"statusCode": "CREATING"}}

    with FakeAws("amp", {"ListAnomalyDetectors": on_list, "CreateAnomalyDetector": on_create}) as fake:
        detectors = [{"alias": "tps2", "query": "avg(dag_tps2)"}, {"alias": "tps", "query": "avg(dag_tps)"}, {"alias": "there"}]
        settings = AmpSettings.model_validate({"endpoint_url": fake.url, "workspace_id": "ws-1", "detectors": detectors})
        told: list[str] = []
        for _ in range(2):
            set_up_amp(settings, AwsClients(settings), told.append)
        assert [line.split(",")[0] for line in told] == [
            "detector tps2: made",
            "detector tps: made",
            "detector tps2: there already",
            "detector tps: there already",
        ]
        assert made["tps"]["configuration"] == {"randomCutForest": {"query": "avg(dag_tps)"}}
        fake.faults.append(AwsFaultError("AccessDeniedException", "no", 403))
        with pytest.raises(ProviderError) as caught:
            set_up_amp(settings, AwsClients(settings), told.append)
        assert caught.value.code == "ACCESS_DENIED"


def test_there_is_nothing_to_set_up_for_the_local_provider() -> None:
    assert set_up_providers(CrosscheckSettings(), print) == 0
    assert NS_PER_SEC == 10**9
