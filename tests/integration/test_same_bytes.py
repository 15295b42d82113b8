"""`score` and workers with small and large fetches say the same of the same history, to the byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipeline.engine.anomaly import Anomaly
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

NAB = Path(__file__).parents[2].parent / "shared" / "data" / "nab" / "data"


def run_command(*arguments: str) -> bytes:
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def made_files(folder: Path) -> list[str]:
    path = folder / "made.jsonl"
    path.write_bytes(b"\n".join(row.value or b"" for row in make_metrics(900, seed=3)) + b"\n")
    return [str(path)]


def nab_files(_: Path) -> list[str]:
    files = sorted((NAB / "realAWSCloudwatch").glob("*.csv"))
    if not files:
        pytest.skip(f"NAB's files are not in {NAB}")
    return [str(file) for file in files]


@pytest.mark.parametrize("files_of", [made_files, nab_files], ids=["made", "nab"])
def test_score_and_workers_agree(
    files_of: Callable[[Path], Sequence[str]], topics: TopicSet, start_worker: Callable[..., RunningWorker], tmp_path: Path
) -> None:
    files = files_of(tmp_path)
    topic = topics.add_source("history", partitions=3)
    topics.config["detectors"][0]["model"] = {"type": "default"} if files_of is nab_files else {"type": "gaussian_scorer"}
    large = topics.create()
    beside = topics.beside("small", max_poll_records=53)
    small = beside.write_config("small.yaml")
    scored = run_command("score", *files, "--config", str(large), "--topic", topic, "--json").splitlines()
    run_command("replay", *files, "--config", str(large), "--topic", topic)
    n_records = len(topics.read(topic))
    assert len(scored) > 30
    assert n_records > 5_000

    workers = [start_worker(large), start_worker(small)]
    for worker in workers:
        worker.wait_records(n_records)
    for worker, outputs in zip(workers, (topics, beside), strict=True):
        wait_until(lambda outputs=outputs: len(outputs.output("anomalies")) >= len(scored), 20)
        published = [record.value for record in outputs.output("anomalies")]
        assert sorted(published) == sorted(scored)
        # Anomalies of one series stand in the order of its log.
        for fingerprint in {Anomaly.from_json(value).series.hex for value in scored}:
            assert of_series(published, fingerprint) == of_series(scored, fingerprint)
        assert worker.stop() == 0
    beside.delete()


def of_series(values: Sequence[bytes | None], fingerprint: str) -> list[bytes]:
    return [value for value in values if value is not None and f'"fingerprint":"{fingerprint}"'.encode() in value]
