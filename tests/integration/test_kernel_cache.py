"""The worker's only local store, its cache of compiled kernels, fails: it starts and scores all the same, and says what to do."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import models
from models.kernel_cache import cache_dir, source_hash
from pipeline.config.load import load_config
from pipeline.engine.anomaly import Anomaly
from pipeline.service.warmup import warm_up
from tests.integration.expected import expected_anomalies
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.small_disk import mounted
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

ROOT = Path(models.__file__).parents[1]
MOST_BYTES = 30_000


def copy_kernels(config_path: Path, folder: Path) -> None:
    """The kernels of these very sources, as an image that was warmed up has them."""
    warm_up(load_config(config_path))
    for package in ("models", "pipeline"):
        for source in (ROOT / package).rglob("*kernel.py"):
            name = f"{'.'.join(source.relative_to(ROOT).with_suffix('').parts)}-{source_hash(source)}"
            if (cache_dir() / name).is_dir():
                shutil.copytree(cache_dir() / name, folder / name)


def assert_it_scores(topics: TopicSet, worker: RunningWorker, source: str, n_records: int) -> None:
    worker.wait_records(n_records)
    wait_until(lambda: worker.state().lag_records == 0, 20)
    published = sorted(record.value or b"" for record in topics.output("anomalies"))
    expected = expected_anomalies(topics.folder / "topics.yaml", source, topics.read(source))
    assert published == sorted(anomaly.to_json() for anomaly in expected)
    assert len({Anomaly.from_json(value).id for value in published}) > 10


def test_a_damaged_kernel_on_a_full_disk(topics: TopicSet, start_worker: Callable[..., RunningWorker], tmp_path: Path) -> None:
    rows = make_metrics(400, seed=21)
    source = topics.add_source("metrics")
    config_path = topics.create()
    folder = tmp_path / "kernels"
    copy_kernels(config_path, folder)
    (damaged,) = folder.glob("models.gaussian.kernel-*/*score_learn_many*.kernel")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    worker = start_worker(config_path, environment={"NUMBA_CACHE_DIR": str(folder)})
    # As a full disk does, this lets files begin and not end; the worker's own log is short enough.
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
    topics.produce(source, rows)
    worker.wait_ready()
    assert_it_scores(topics, worker, source, len(rows))
    told = {event["kind"]: event for event in worker.events("kernel_cache_failed")}
    assert told["unwritable"]["error_code"] == "EFBIG"
    assert Path(told["unwritable"]["path"]).is_relative_to(folder)
    assert "free some megabytes" in told["unwritable"]["cure"]
    assert worker.metric("kernel_cache_faults_total", kind="unwritable") >= 1
    assert worker.metric("events_total", event="kernel_cache_failed", code="EFBIG") == 1
    assert told["damaged"]["path"] == str(damaged)
    assert worker.metric("kernel_cache_faults_total", kind="damaged") == 1
    assert worker.stop() == 0


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that has room for a few kernels."""
    with mounted(tmp_path / "small", "300k") as folder:
        yield folder


@pytest.mark.soak
def test_the_disk_fills_up_while_kernels_are_compiled(
    topics: TopicSet, start_worker: Callable[..., RunningWorker], full_disk: Path
) -> None:
    work_without_cache(topics, start_worker, full_disk, "ENOSPC")
    assert list(full_disk.rglob("*.kernel")), "what fits is kept"
    assert not list(full_disk.rglob("*.aside"))


@pytest.mark.soak
def test_no_folder_can_be_written(topics: TopicSet, start_worker: Callable[..., RunningWorker], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    work_without_cache(topics, start_worker, tmp_path / "file" / "kernels", "ENOTDIR")


def work_without_cache(topics: TopicSet, start_worker: Callable[..., RunningWorker], folder: Path, code: str) -> None:
    rows = make_metrics(400, seed=22)
    source = topics.add_source("metrics")
    trees = {"name": "trees", "match": {"name": "other_*"}, "model": {"type": "half_space_trees"}}
    topics.config["detectors"].insert(0, trees)
    worker = start_worker(topics.create(), environment={"NUMBA_CACHE_DIR": str(folder), "XDG_CACHE_HOME": str(folder)})
    topics.produce(source, rows)
    worker.wait_ready(timeout_secs=280)
    assert_it_scores(topics, worker, source, len(rows))
    (told,) = worker.events("kernel_cache_failed")
    assert (told["level"], told["kind"], told["error_code"]) == ("error", "unwritable", code)
    assert Path(told["path"]).is_relative_to(folder)
    assert "NUMBA_CACHE_DIR" in told["cure"]
    assert worker.metric("kernel_cache_faults_total", kind="unwritable") > 20
    assert worker.stop() == 0
