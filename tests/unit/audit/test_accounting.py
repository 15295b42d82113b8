"""The counts of a checkpoint beside those of the topics."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.audit.accounting import compare_account
from pipeline.audit.finding import PartitionAudit
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.remote_write import encode_request
from pipeline.config.schema import Config, DetectorSettings, SourceTopic
from pipeline.engine.lane import Lane

NOW_MS = 1_700_000_000_000


def account_of_requests() -> dict[str, Any]:
    """Two records of two samples each; of the first one sample is an hour ahead: a letter, and a scored sample."""
    source = SourceTopic(name="m", kind="metrics", format="remote_write", future_secs=60.0)
    lane = Lane(Config(version=1, topics=[source], detectors=[DetectorSettings(name="all")]), source, 0, config_hash="")
    rows = []
    for offset, ahead_ms in ((0, 3_600_000), (1, 0)):
        series = [({"__name__": name}, [(NOW_MS + offset + ahead, 1.0)]) for name, ahead in (("a", 0), ("b", ahead_ms))]
        rows.append((offset, NOW_MS, None, encode_request(series)))
    output = lane.process(RecordBatch.from_rows("m", 0, rows))
    assert [letter.offset for letter in output.dead_letters] == [0]
    return lane.accounting.to_dict()


@pytest.mark.parametrize(("n_letters", "expected"), [(1, []), (0, ["0 records have a dead letter, the checkpoint says 1"])])
def test_a_record_with_a_letter_and_scored_samples_is_no_contradiction(n_letters: int, expected: list[str]) -> None:
    told = account_of_requests()
    assert told["records"]["dead_lettered"] == 0
    audit = PartitionAudit("m", 0, first_offset=0, next_offset=2, n_records=2, records=told["records"], n_dead_letters=n_letters)
    compare_account(audit, told, mismatched=[], differing=([], []))
    assert audit.problems == expected
