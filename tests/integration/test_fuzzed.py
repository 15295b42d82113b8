"""A hundred thousand records as nobody should send them: the worker stays up, and every record is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.fuzz.records import START_MS, fuzzed_records
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

N_RECORDS = {"metric_json": 60_000, "log_json": 20_000, "fluentd_json": 20_000}
STEP_MS = 100


def test_every_record_is_accounted_for(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    sources = {form: topics.add_source(form, record_format=form) for form in N_RECORDS}
    config_path = topics.create()
    worker = start_worker(config_path)
    for form, source in sources.items():
        rows = (
            Row(
                value if i % 1_000 else None,
                b"k%d" % (i % 17),
                START_MS + i * STEP_MS,
                (("trace", b"%d" % i),) if i % 97 == 0 else (),
            )
            for i, value in enumerate(fuzzed_records(8, N_RECORDS[form], form))
        )
        topics.produce(source, rows, **{"compression.type": "zstd"})
    n_sent = sum(N_RECORDS.values())
    worker.wait_records(n_sent, 120)
    wait_until(lambda: worker.state().lag_records == 0, 20)
    outcomes = worker.state().n_by_outcome
    assert sum(outcomes.values()) == n_sent
    assert worker.metric("dead_letters_total") == outcomes["dead_lettered"]

    letters = topics.output("dead_letters")
    assert len(letters) == outcomes["dead_lettered"] > n_sent / 10
    sent = {(source, record.partition, record.offset): record for source in sources.values() for record in topics.read(source)}
    assert len(sent) == n_sent
    whence: Counter[tuple[str, int, int]] = Counter()
    for letter in letters:
        place = (
            letter.header("sw-source-topic").decode(),
            int(letter.header("sw-source-partition")),
            int(letter.header("sw-source-offset")),
        )
        whence[place] += 1
        record = sent[place]
        assert (letter.key, letter.value) == (record.key, record.value)
        assert letter.headers[: len(record.headers)] == record.headers
    assert max(whence.values()) == 1
    for code, n in Counter(letter.header("sw-error-code").decode() for letter in letters).items():
        assert worker.metric("reasons_total", outcome="dead_lettered", reason=code) == n, code
    assert worker.stop() == 0
    assert not worker.events("worker_failed")
    assert not worker.events("batch_failed")
