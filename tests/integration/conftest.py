"""Fixtures of the worker's tests."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import TopicSet

_numbers = itertools.count(1)


@pytest.fixture
def topics(bootstrap: str, tmp_path: Path) -> Iterator[TopicSet]:
    """Topics of this test alone."""
    made = TopicSet(bootstrap, f"t{uuid.uuid4().hex[:8]}", tmp_path)
    yield made
    made.delete()


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., RunningWorker]]:
    """Starts workers; those still running at the end are killed."""
    started: list[RunningWorker] = []

    def start(config_path: Path, *arguments: str, environment: dict[str, str] | None = None) -> RunningWorker:
        worker = RunningWorker(config_path, tmp_path / f"worker-{next(_numbers)}.log", *arguments, environment=environment)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        if worker.exit_code is None:
            worker.kill()
