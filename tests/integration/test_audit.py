"""The audit of the accounting: it agrees with workers that were killed, and sees what was tampered with."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.codecs.remote_write import encode_request
from tests.fuzz.records import fuzzed_records
from tests.integration.made_metrics import START_MS, make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

PROGRAM = "from pipeline.cli import main; main()"


def audit(config_path: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "audit", "accounting", "--json", "--config", str(config_path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_record_of_several_samples_may_be_scored_and_buried(
    topics: TopicSet, start_worker: Callable[..., RunningWorker]
) -> None:
    """One sample of a record lies in the far future: the record has a dead letter and is scored for the other."""

    mixed = encode_request([({"__name__": "a"}, [(START_MS, 1.0)]), ({"__name__": "b"}, [(START_MS + 10**11, 1.0)])])
    plain = encode_request([({"__name__": "c"}, [(START_MS, 1.0)])])
    source = topics.add_source("requests", 1, "remote_write")
    config_path = topics.create()
    topics.produce(source, [Row(value, timestamp_ms=START_MS) for value in (plain, mixed, plain)])
    worker = start_worker(config_path).wait_ready()
    worker.wait_records(3)
    assert worker.stop() == 0
    code, (found,) = audit(config_path)
    assert code == 0, found["problems"]
    assert found["is_recomputed"]
    assert (found["n_dead_letters"], found["records"]["dead_lettered"]) == (1, 0)

    # A letter about a record that is fine.
    letter = topics.output("dead_letters")[0]
    place = tuple((name, b"0" if name == "sw-source-offset" else value) for name, value in letter.headers)
    topics.produce(topics.name("dead_letters"), [Row(plain, letter.key, headers=place)])
    code, (found,) = audit(config_path)
    assert code == 1
    assert found["problems"] == [
        "2 records have a dead letter, the checkpoint says 1",
        "dead letters recomputed: none missing, 0 for no reason",
    ]
    assert audit(config_path, "--count-only")[0] == 1


def test_a_killed_worker_accounts_for_everything_and_tampering_shows(
    topics: TopicSet, start_worker: Callable[..., RunningWorker]
) -> None:
    rows = make_metrics(600, seed=12)
    draw = random.Random(12)
    for value in fuzzed_records(12, 600):
        if len(value) < 100_000:
            rows.insert(draw.randrange(len(rows)), Row(value, b"bad", START_MS))
    # What ends each partition shows in the dead letters that it was read.
    lasts = {b"last of 0", b"last of 1"}
    rows += [Row(value, partition=partition) for partition, value in enumerate(sorted(lasts))]
    source = topics.add_source("metrics")
    topics.config["worker"]["max_poll_records"] = 400
    config_path = topics.create()
    topics.produce(source, rows, **{"compression.type": "zstd"})
    for point in ("after_publish=kill@3", "checkpoint_half=kill@2"):
        worker = start_worker(config_path, environment={"STREAMWARDEN_FAILPOINTS": point})
        assert worker.wait_exit() == -9, point
    last = start_worker(config_path).wait_ready()
    wait_until(lambda: lasts <= {record.value for record in topics.output("dead_letters")}, 60)
    assert last.stop() == 0

    code, found = audit(config_path)
    assert code == 0, [one["problems"] for one in found]
    assert [one["partition"] for one in found] == [0, 1]
    assert all(one["is_recomputed"] and one["first_offset"] == 0 for one in found), [one["notes"] for one in found]
    assert sum(one["n_records"] for one in found) == len(rows) == sum(sum(one["records"].values()) for one in found)
    assert sum(one["n_dead_letters"] for one in found) == sum(one["records"]["dead_lettered"] for one in found) > 100
    # What was published before the first kill was published again.
    assert sum(one["n_repeated_letters"] + one["n_repeated_anomalies"] for one in found) > 0

    letter = topics.output("dead_letters")[0]
    topics.produce(topics.name("dead_letters"), [Row(b"forged", letter.key, headers=letter.headers)])
    anomaly = next(record for record in topics.output("anomalies") if record.value)
    forged = json.loads(anomaly.value or b"") | {"id": "f" * 32}
    topics.produce(topics.name("anomalies"), [Row(json.dumps(forged).encode(), anomaly.key)])
    code, found = audit(config_path)
    problems = " ".join(text for one in found for text in one["problems"])
    assert code == 1
    assert "differ among themselves" in problems
    assert "do not follow from the records: " + "f" * 32 in problems
    code, found = audit(config_path, "--count-only")
    assert code == 1
    assert not any(one["is_recomputed"] for one in found)
