"""A worker killed at every named point, and at moments of chance: what comes out is what an uninterrupted run gives."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence

import orjson
import pytest

from pipeline.codecs.record import RecordBatch
from pipeline.codecs.remote_write import encode_request
from pipeline.config.load import config_hash, load_config
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.checkpoint import encode_tree, restore_lane
from pipeline.engine.lane import Lane
from pipeline.failpoint import POINTS
from pipeline.service.checkpoint_reads import CheckpointReads
from pipeline.service.checkpoint_store import CheckpointStore, CheckpointTopic
from tests.integration.made_logs import make_logs
from tests.integration.made_metrics import STEP_MS, make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.test_restart import assert_nothing_lost
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

STEPS_PER_SLICE = 160
N_RANDOM_KILLS = int(os.environ.get("SOAK_KILLS", "200"))


def write_slice(topics: TopicSet, source: str, i: int, *, is_calm: bool = False) -> None:
    """The i-th piece of the log; in a calm one every episode ends."""
    jump_every = 10**9 if is_calm else 97
    topics.produce(source, make_metrics(STEPS_PER_SLICE, seed=i, start_step=i * STEPS_PER_SLICE, jump_every=jump_every))


def prepare(topics: TopicSet, **worker_settings: object) -> str:
    """A source and settings under which every group is one series: then its events depend on the log alone."""
    source = topics.add_source("metrics")
    prepare_settings(topics)
    topics.config["worker"] |= worker_settings
    topics.create()
    write_slice(topics, source, 0)
    return source


def prepare_settings(topics: TopicSet) -> None:
    topics.config["alerts"] = {"incident": {"group_by": ["node"], "resolve_after_secs": 30.0, "update_min_secs": 20.0}}
    topics.config["worker"] |= {"max_poll_records": 400, "checkpoint_interval_secs": 0.4, "event_secs_per_sec": 60.0}
    topics.config["broker"] |= {"session_timeout_secs": 2.0, "heartbeat_interval_secs": 0.3}


def alert_values(topics: TopicSet) -> dict[bytes, bytes | None]:
    """Alert events by id; one that stands there twice must be the same to the byte."""
    found: dict[bytes, bytes | None] = {}
    for record in topics.output("alerts"):
        assert found.setdefault(record.header("ce_id"), record.value) == record.value
    return found


def assert_state_is_that_of_the_log(topics: TopicSet, source: str) -> None:
    """The last checkpoint of every partition holds, bit for bit, what a lane without Kafka knows after the same records."""
    import asyncio

    config = load_config(topics.folder / "topics.yaml")
    topic = next(one for one in config.topics if one.name == source)
    records = topics.read(source)

    async def read(partition: int):  # type: ignore[no-untyped-def]
        yield [record for record in topics.output("checkpoints") if record.partition == partition]

    async def never(_: object) -> None:
        raise AssertionError("nothing is written here")

    for partition in sorted({record.partition for record in records}):
        rows = [(r.offset, r.timestamp_ms, r.key, r.value) for r in records if r.partition == partition]
        lane = Lane(config, topic, partition, config_hash=config_hash(config))
        lane.process(RecordBatch.from_rows(source, partition, rows))
        store = CheckpointStore(
            CheckpointTopic(config.outputs.checkpoints.name, 2, never, CheckpointReads(read)),
            config.worker.group,
            source,
            partition,
            "",
        )
        stored = asyncio.run(store.load())
        assert stored is not None
        restored = Lane(config, topic, partition, config_hash=config_hash(config))
        restore_lane(restored, stored.blocks)
        assert restored.next_offset == lane.next_offset
        assert encode_tree(restored.snapshot()) == encode_tree(lane.snapshot())


def compare_with_uninterrupted(
    topics: TopicSet, sources: Sequence[str], start_worker: Callable[..., RunningWorker], workers: Sequence[RunningWorker]
) -> None:
    last = start_worker(topics.folder / "topics.yaml").wait_ready()
    beside = topics.beside("calm")
    beside.config |= {name: topics.config[name] for name in ("alerts", "logs") if name in topics.config}
    beside.config["worker"] |= {"event_secs_per_sec": 60.0}
    calm = start_worker(beside.write_config("calm.yaml")).wait_ready()
    for worker in (last, calm):
        wait_until(lambda worker=worker: worker.state().lag_records == 0 and worker.state().is_ready, 60)
    assert_nothing_lost(topics, *sources)

    def is_over(outputs: TopicSet, worker: RunningWorker) -> bool:
        return sum(worker.state().n_open_by_severity.values()) == 0 and len(outputs.output("alerts")) > 0

    wait_until(lambda: is_over(topics, last) and is_over(beside, calm), 60)
    wait_until(lambda: alert_values(topics) == alert_values(beside), 20)
    assert len(alert_values(topics)) > 20
    assert last.stop() == 0
    assert calm.stop() == 0
    for source in sources:
        assert_state_is_that_of_the_log(topics, source)
    beside.delete()
    assert not [event for worker in workers for event in worker.events("worker_failed")]


def test_killed_at_every_named_point(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    source = prepare(topics)
    killed = []
    for i, point in enumerate(POINTS, start=1):
        write_slice(topics, source, i)
        worker = start_worker(topics.folder / "topics.yaml", environment={"STREAMWARDEN_FAILPOINTS": f"{point}=kill"})
        assert worker.wait_exit() == -9, point
        killed.append(worker)
    write_slice(topics, source, len(POINTS) + 1, is_calm=True)
    compare_with_uninterrupted(topics, [source], start_worker, killed)


def write_requests(topics: TopicSet, source: str, i: int, *, is_calm: bool) -> None:
    """The same piece of other series, as Prometheus sends it."""
    rows = []
    jump_every = 10**9 if is_calm else 97
    for row in make_metrics(STEPS_PER_SLICE, seed=1_000 + i, start_step=i * STEPS_PER_SLICE, service="rw", jump_every=jump_every):
        record = orjson.loads(row.value or b"")
        labels = {"__name__": record["name"], **record["labels"]}
        rows.append(Row(encode_request([(labels, [(record["ts"], record["value"])])]), row.key, row.timestamp_ms))
    topics.produce(source, rows)


def write_lines(topics: TopicSet, source: str, i: int, *, is_calm: bool) -> None:
    """Log lines of the same time, with a burst of one template."""
    n_minutes = STEPS_PER_SLICE * STEP_MS // 60_000
    rows = []
    for row in make_logs(n_minutes, seed=2_000 + i, burst_at=-1 if is_calm else 15, news_at=-1):
        later_ms = i * n_minutes * 60_000
        record = orjson.loads(row.value or b"")
        rows.append(Row(orjson.dumps({**record, "ts": record["ts"] + later_ms}), row.key, row.timestamp_ms + later_ms))
    topics.produce(source, rows)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_with_topics_of_other_kinds(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    """Log templates, whole requests and the default detector lose as little as flat samples do."""
    prepare_settings(topics)
    sources = (
        topics.add_source("metrics"),
        topics.add_source("requests", 2, "remote_write"),
        topics.add_source("lines", 2, "log_json"),
    )
    topics.config["alerts"]["incident"]["group_by"] = ["service", "node", "template", "level"]
    topics.config["logs"] = {"new_template_after_lines": 100}
    common = topics.config["detectors"][0]
    gauss = {"type": "gaussian_scorer", "parameters": {"grace_period": 20}}
    topics.config["detectors"] = [
        {**common, "name": "lines", "match": {"name": "log_*"}, "model": gauss, "threshold": {"type": "fixed", "score": 0.999}},
        {**common, "model": {"type": "default"}, "threshold": {"type": "tail", "probability": 3e-3, "min_samples": 50}},
    ]
    topics.create()

    def write(i: int, *, is_calm: bool = False) -> None:
        write_slice(topics, sources[0], i, is_calm=is_calm)
        write_requests(topics, sources[1], i, is_calm=is_calm)
        write_lines(topics, sources[2], i, is_calm=is_calm)

    write(0)
    killed = []
    for i, point in enumerate(POINTS, start=1):
        write(i)
        worker = start_worker(topics.folder / "topics.yaml", environment={"STREAMWARDEN_FAILPOINTS": f"{point}=kill"})
        assert worker.wait_exit(90.0) == -9, point
        killed.append(worker)
    write(len(POINTS) + 1, is_calm=True)
    compare_with_uninterrupted(topics, sources, start_worker, killed)
    kinds = {Anomaly.from_json(record.value or b"").topic for record in topics.output("anomalies")}
    assert kinds == set(sources)


@pytest.mark.soak
@pytest.mark.timeout(3_000)
def test_killed_at_random_moments(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    draw = random.Random(12)
    source = prepare(topics)
    killed = []
    for i in range(1, N_RANDOM_KILLS + 1):
        write_slice(topics, source, i)
        worker = start_worker(topics.folder / "topics.yaml")
        wait_until(lambda worker=worker: bool(worker.events("partitions_assigned")), 60)
        time.sleep(draw.random() * 2.0)
        worker.kill()
        killed.append(worker)
    write_slice(topics, source, N_RANDOM_KILLS + 1, is_calm=True)
    compare_with_uninterrupted(topics, [source], start_worker, killed)


@pytest.mark.soak
@pytest.mark.timeout(3_000)
def test_one_of_two_killed_at_random_moments(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    """What the dead one had goes on where the other's standby copies, or the topic, say; then it is another's turn to die."""
    draw = random.Random(14)
    source = prepare(topics, standby=True)
    living = [start_worker(topics.folder / "topics.yaml").wait_ready() for _ in range(2)]
    killed: list[RunningWorker] = []
    n_used = 0.0
    n_kills = N_RANDOM_KILLS // 2
    for i in range(1, n_kills + 1):
        write_slice(topics, source, i)
        dead, survivor = living if draw.random() < 0.5 else living[::-1]
        n_before = survivor.metric("standby_used_total")
        time.sleep(draw.random() * 3.0)
        dead.kill()
        killed.append(dead)
        if draw.random() < 0.5:
            # Otherwise the next one joins before the group knows of the death.
            time.sleep(draw.random() * 4.0)
        n_used += survivor.metric("standby_used_total") - n_before
        next_one = start_worker(topics.folder / "topics.yaml")
        wait_until(lambda next_one=next_one: bool(next_one.events("partitions_assigned")), 60)
        living = [survivor, next_one]
    for worker in living:
        assert worker.wait_ready().stop() == 0
    # By now and then at least: most deaths come before a copy is whole.
    assert n_used > n_kills // 20
    write_slice(topics, source, n_kills + 1, is_calm=True)
    compare_with_uninterrupted(topics, [source], start_worker, [*killed, *living])
