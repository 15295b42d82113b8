"""The accounting identity: it adds up, and says so when it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.codecs.base import BadRecord
from pipeline.codecs.record import RecordBatch
from pipeline.engine.accounting import OUTCOMES, Accounting
from pipeline.engine.outcome import RecordOutcomes
from pipeline.errors import DecodeError, SampleError, StateError


@given(st.lists(st.lists(st.integers(0, 4)), max_size=6), st.integers(0, 9))
def test_whatever_the_outcomes_it_adds_up(batches: list[list[int]], n_replayed: int) -> None:
    accounting, total = Accounting(), Accounting()
    for codes in batches:
        accounting.add_records(np.array(codes, dtype=np.int8), n_replayed=n_replayed)
        accounting.check()
    flat = [code for codes in batches for code in codes]
    assert accounting.records == {name: flat.count(code) for code, name in enumerate(OUTCOMES)}
    assert accounting.replayed == n_replayed * len(batches)
    total.add(accounting)
    total.add(accounting)
    total.check()
    assert total.consumed == 2 * accounting.consumed


def test_a_record_that_vanished_stops_the_process() -> None:
    accounting = Accounting()
    accounting.add_records(np.zeros(3, dtype=np.int8))
    accounting.consumed += 1
    with pytest.raises(StateError, match=r"4 records consumed, 3 accounted for .*scored 3") as caught:
        accounting.check()
    assert caught.value.code == "ACCOUNTING"


def test_reasons_are_listed_by_outcome_in_order_and_zeros_not_at_all() -> None:
    accounting = Accounting()
    accounting.add_reason("late", "late", 0)
    for reason in ("b", "a", "b"):
        accounting.add_reason("dead_lettered", reason)
    assert accounting.to_dict()["reasons"] == {"dead_lettered": {"a": 1, "b": 2}}


def batch_of(n: int) -> RecordBatch:
    return RecordBatch.from_rows("m", 0, [(10 + i, 0, None, b"x") for i in range(n)])


def test_a_record_takes_the_best_of_its_samples_and_its_first_error() -> None:
    outcomes = RecordOutcomes(batch_of(3), [BadRecord(2, DecodeError("x", code="JSON"))], 0)
    outcomes.improve(np.array([0, 0, 0, 1, 1]), np.array([4, 1, 0, 3, 2], dtype=np.int8))
    outcomes.fail(0, SampleError("first", code="A"))
    outcomes.fail(0, SampleError("second", code="B"))
    accounting = Accounting()
    letters = outcomes.settle(accounting, n_replayed=0)
    # The letter of a record that is scored all the same: one of its samples could not be used, and nothing is lost.
    assert [(letter.offset, letter.code) for letter in letters] == [(10, "A"), (12, "JSON")]
    assert [accounting.records[name] for name in OUTCOMES] == [1, 0, 1, 0, 1]


def test_replayed_records_are_only_counted_as_that() -> None:
    outcomes = RecordOutcomes(batch_of(4), [BadRecord(0, DecodeError("x")), BadRecord(3, DecodeError("x"))], 1)
    outcomes.improve(np.array([1]), np.array([0], dtype=np.int8))
    accounting = Accounting()
    assert [letter.offset for letter in outcomes.settle(accounting, n_replayed=2)] == [13]
    assert accounting.to_dict()["records"] == {"scored": 0, "late": 0, "duplicate": 0, "filtered": 1, "dead_lettered": 1}
    assert (accounting.consumed, accounting.replayed) == (4, 2)
    assert accounting.to_dict()["reasons"] == {"dead_lettered": {"DECODE": 1}, "filtered": {"empty": 1}}


@pytest.mark.parametrize("n_empty", [0, 2])
def test_a_codec_that_loses_a_record_is_found_out(n_empty: int) -> None:
    outcomes = RecordOutcomes(batch_of(2), [], n_empty)
    outcomes.improve(np.array([0]), np.array([0], dtype=np.int8))
    with pytest.raises(StateError, match="1 records came to nothing") as caught:
        outcomes.settle(Accounting(), n_replayed=0)
    assert caught.value.code == "CODEC_ROWS"
