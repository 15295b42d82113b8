"""The topic of checkpoints is lost: a worker goes on from the copy in S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from moto.server import ThreadedMotoServer

from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.test_restart import assert_nothing_lost
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket="copies")
    yield url
    server.stop()


def test_without_the_topic_the_copy_is_taken(s3_url: str, topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    rows = make_metrics(500, seed=9)
    source = topics.add_source("metrics")
    copy = {"bucket": "copies", "region": "us-east-1", "endpoint_url": s3_url, "interval_secs": 0.1}
    topics.config["worker"] |= {"checkpoint_interval_secs": 0.3, "checkpoint_copy": copy}
    config_path = topics.create()
    topics.produce(source, rows[: len(rows) // 2])
    first = start_worker(config_path, environment=CREDENTIALS).wait_ready()
    first.wait_records(len(rows) // 2)
    wait_until(lambda: first.metric("checkpoint_copies_total", outcome="written") >= 2, 30)
    first.kill()

    admin = AdminClient({"bootstrap.servers": topics.bootstrap})
    lost = topics.name("checkpoints")
    admin.delete_topics([lost])[lost].result(20)
    wait_until(lambda: lost not in topics.topics_on_broker(), 20)
    admin.create_topics([NewTopic(lost, 2, 1, config={"cleanup.policy": "compact"})])[lost].result(20)

    topics.produce(source, rows[len(rows) // 2 :])
    second = start_worker(config_path, environment=CREDENTIALS).wait_ready()
    wait_until(lambda: second.state().lag_records == 0 and second.state().n_records > 0, 60)
    assert_nothing_lost(topics, source)
    assert {event["source"] for event in second.events("checkpoint_restored")} == {"copy"}
    assert not second.events("relearn_started")
    assert second.stop() == 0
