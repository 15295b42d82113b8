"""MirrorMaker 2 itself, killed in the middle: what it copies twice is counted and not scored twice."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from pipeline.demo.brokers.apache_kafka import ApacheKafka
from pipeline.engine.anomaly import Anomaly
from tests.integration.expected import expected_anomalies
from tests.integration.made_metrics import START_MS
from tests.integration.mirror_maker import MirrorMaker
from tests.integration.running_worker import RunningWorker
from tests.integration.test_audit import audit
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.kafka]

N_SERIES, N_STEPS, STEP_MS = 4_000, 20, 10_000
RECORDS_PER_SEC = 2_500


def made_rows() -> list[Row]:
    """Many series and one sample of each every 10 s, so that a minute of records is few samples of each; jumps in all of them."""
    draw = random.Random(51)
    rows = []
    for step in range(N_STEPS):
        for series in range(N_SERIES):
            value = draw.gauss(100.0, 2.0) + (60.0 if step > 5 and (step + 13 * series) % 97 == 0 else 0.0)
            at_ms = START_MS + step * STEP_MS
            record = {"name": "dag_tps", "labels": {"node": f"n{series}"}, "ts": at_ms, "value": round(value, 3)}
            rows.append(Row(orjson.dumps(record), f"n{series}".encode(), at_ms))
    return rows


def contents(anomalies: Iterator[Anomaly]) -> Counter[bytes]:
    """Anomalies without what tells where their records stood and under which configuration they were read."""
    nowhere = {"id": "", "episode_id": "", "topic": "", "offset": 0, "position": 0, "config_hash": ""}
    return Counter(replace(anomaly, **nowhere).to_json() for anomaly in anomalies)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_mirror_killed_and_restarted(
    make_kafka: Callable[..., ApacheKafka], tmp_path: Path, start_worker: Callable[..., RunningWorker]
) -> None:
    eu, hub = make_kafka(), make_kafka()
    (tmp_path / "eu").mkdir()
    there = TopicSet(eu.bootstrap, "mirrored", tmp_path / "eu")
    here = TopicSet(hub.bootstrap, "hub", tmp_path)
    source = there.add_source("metrics")
    here.config["topics"] = [{**there.config["topics"][0], "name": f"eu.{source}"}]
    for topics in (there, here):
        topics.config["detectors"][0] |= {
            "model": {"type": "gaussian_scorer", "parameters": {"grace_period": 5}},
            "threshold": {"type": "fixed", "score": 0.9999},
        }
    there.create()
    mirrored, config_path = f"eu.{source}", here.create()
    worker = start_worker(config_path).wait_ready()
    rows = made_rows()

    def write() -> None:
        piece = RECORDS_PER_SEC // 2
        begun_secs = time.monotonic()
        for start in range(0, len(rows), piece):
            there.produce(source, rows[start : start + piece])
            time.sleep(max(0.0, begun_secs + (start + piece) / RECORDS_PER_SEC - time.monotonic()))

    mirror = MirrorMaker(tmp_path / "mirror", eu.bootstrap, hub.bootstrap, source)
    mirror.start()
    try:
        writing = threading.Thread(target=write)
        writing.start()
        wait_until(lambda: worker.state().n_records > 6 * N_SERIES, 120)
        mirror.kill()
        mirror.start()
        writing.join()

        def is_all_here() -> bool:
            assert mirror.is_running, mirror.log_path.read_text()[-2_000:]
            return worker.state().n_by_outcome.get("scored", 0) == len(rows) and worker.state().lag_records == 0

        wait_until(is_all_here, 120, lambda: str(worker.state().n_by_outcome))
    finally:
        mirror.kill()
    copied = here.read(mirrored)
    n_repeated = len(copied) - len(rows)
    assert n_repeated > 1_000, "the crash cost nothing: nothing was tested"
    assert {record.value for record in copied} == {row.value for row in rows}
    wait_until(lambda: worker.state().n_records == len(copied), 60)
    outcomes = {outcome: n for outcome, n in worker.state().n_by_outcome.items() if n}
    assert outcomes == {"scored": len(rows), "duplicate": n_repeated}
    print(f"{n_repeated} of {len(copied)} records were copied twice")
    assert worker.stop() == 0

    uninterrupted = contents(iter(expected_anomalies(there.folder / "topics.yaml", source, there.read(source))))
    published = contents(Anomaly.from_json(record.value or b"") for record in here.output("anomalies"))
    assert published == uninterrupted
    assert uninterrupted.total() > 200
    code, found = audit(config_path)
    assert code == 0, [one["problems"] for one in found]
    assert sum(one["records"]["duplicate"] for one in found) == n_repeated
