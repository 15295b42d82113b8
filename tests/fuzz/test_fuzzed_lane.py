"""Fuzzed records through a lane: exactly those that slow decoders refuse are dead-lettered, byte for byte, however they are read."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, DetectorSettings, ModelSettings, SourceTopic
from pipeline.engine.lane import Lane
from pipeline.errors import SampleError
from pipeline.samples.labels import LabelSet
from tests.fuzz.records import START_MS, fuzzed_records
from tests.unit.codecs.slow_decoders import BAD, EMPTY, SLOW_DECODERS, Line, Point

N_RECORDS = 6_000
FUTURE_MS = 300_000


def make_lane(form: str) -> Lane:
    source = SourceTopic(name="t", kind="metrics" if form == "metric_json" else "logs", format=form)  # type: ignore[arg-type]
    detector = DetectorSettings(name="all", model=ModelSettings(type="gaussian_scorer"))
    return Lane(Config(version=1, topics=[source], detectors=[detector]), source, 0, config_hash="")


def kafka_ms(i: int) -> int:
    return START_MS + 100 * i


def is_refused(form: str, i: int, value: bytes | None) -> bool:
    outcome = SLOW_DECODERS[form](value, kafka_ms(i))
    if isinstance(outcome, Point):
        try:
            LabelSet(outcome.labels)
        except SampleError:
            return True
    if isinstance(outcome, Point | Line) and outcome.event_time_ns > (kafka_ms(i) + FUTURE_MS) * 10**6:
        return True
    return outcome == BAD


@pytest.mark.parametrize("form", SLOW_DECODERS)
def test_dead_letters_are_the_refused_records_to_the_byte(form: str, luck: int) -> None:
    records = fuzzed_records(21 + luck, N_RECORDS, form)  # type: ignore[arg-type]
    values: list[bytes | None] = [None if i % 500 == 499 else value for i, value in enumerate(records)]
    expected = [(i, value) for i, value in enumerate(values) if is_refused(form, i, value)]
    n_empty = sum(SLOW_DECODERS[form](value, 0) == EMPTY for value in values)
    rng = random.Random(4)
    found = []
    for sizes in (lambda: 1_000, lambda: rng.randrange(1, 60)):
        lane = make_lane(form)
        letters = []
        rows = iter([(i, kafka_ms(i), None, value) for i, value in enumerate(values)])
        while chunk := list(islice(rows, sizes())):
            letters += lane.process(RecordBatch.from_rows("t", 0, chunk)).dead_letters
        lane.accounting.check()
        assert lane.accounting.consumed == N_RECORDS
        assert lane.accounting.records["dead_lettered"] == len(letters)
        assert lane.accounting.records["filtered"] >= n_empty >= N_RECORDS // 500
        assert lane.accounting.records["scored"] > N_RECORDS // 10
        assert [(letter.offset, letter.value) for letter in letters] == expected
        found.append([(letter.offset, letter.code, letter.message) for letter in letters])
    assert found[0] == found[1]
