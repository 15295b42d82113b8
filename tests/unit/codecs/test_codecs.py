"""Every codec against slow decoders written with the standard library: same verdict, same content, whatever the record."""

from __future__ import annotations

import json
import math
import struct
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.base import LogLines
from pipeline.codecs.log_level import find_level
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.registry import FORMATS
from pipeline.errors import RecordError
from tests.fuzz.records import BREAKERS, fuzzed_records
from tests.unit.codecs.slow_decoders import BAD, EMPTY, SLOW_DECODERS, Line, Point
from tests.unit.codecs.slow_level import slow_level_in

KAFKA_MS = 1_700_000_000_123


def decode(form: str, values: list[bytes | None], timestamp_ms: int = KAFKA_MS) -> list[Any]:
    """What the codec makes of each record of one batch."""
    batch = RecordBatch.from_rows("t", 0, [(i, timestamp_ms, None, value) for i, value in enumerate(values)])
    decoded = FORMATS[form]().decode(batch)
    outcomes: list[Any] = [EMPTY] * len(values)
    for bad in decoded.bad:
        assert outcomes[bad.row] == EMPTY
        assert isinstance(bad.error, RecordError)
        outcomes[bad.row] = BAD
    assert [bad.row for bad in decoded.bad] == sorted(bad.row for bad in decoded.bad)
    rows = decoded.row.tolist()
    assert rows == sorted(set(rows))
    for i, row in enumerate(rows):
        assert outcomes[row] == EMPTY
        event_time_ns = int(decoded.event_time_ns[i])
        if isinstance(decoded, LogLines):
            outcomes[row] = Line(decoded.message[i], decoded.level[i], event_time_ns, dict(decoded.labels[i]))
        else:
            try:
                outcomes[row] = Point(dict(decoded.labels_of(decoded.keys[i])), event_time_ns, float(decoded.value[i]))
            except RecordError:
                outcomes[row] = BAD
    assert decoded.n_empty == len(values) - len(rows) - len(decoded.bad)
    return outcomes


def assert_same(found: Any, expected: Any, value: bytes | None) -> None:
    shown = value if value is None or len(value) < 600 else value[:300] + b" ... " + value[-200:]
    assert found == expected, shown
    if isinstance(expected, Point):
        assert struct.pack("d", found.value + 0.0) == struct.pack("d", expected.value + 0.0), shown


@pytest.mark.parametrize("form", SLOW_DECODERS)
@pytest.mark.parametrize("seed", range(2))
def test_fuzzed_records_have_the_verdict_and_the_content_of_the_slow_decoder(form: str, seed: int, times: int, luck: int) -> None:
    values: list[bytes | None] = list(fuzzed_records(seed + luck, 3_000 * times, form))  # type: ignore[arg-type]
    slow = SLOW_DECODERS[form]
    expected = [slow(value, KAFKA_MS) for value in values]
    assert min(expected.count(BAD), sum(one not in (BAD, EMPTY) for one in expected)) > 500
    outcomes = []
    iterator = iter(values)
    size = 1
    while chunk := list(islice(iterator, size)):
        outcomes += decode(form, chunk)
        size = size % 97 + 1
    for found, one, value in zip(outcomes, expected, values, strict=True):
        assert_same(found, one, value)


@pytest.mark.parametrize("form", SLOW_DECODERS)
def test_every_way_to_break_a_record_breaks_some(form: str) -> None:
    """A fuzzer whose breakers leave everything good would prove nothing."""
    import random

    from tests.fuzz.records import good_record

    slow = SLOW_DECODERS[form]
    rng = random.Random(7)
    for breaker in BREAKERS:
        verdicts = set()
        for i in range(300):
            record = good_record(rng, i, form)  # type: ignore[arg-type]
            verdicts.add(slow(breaker(rng, record, json.dumps(record).encode()), KAFKA_MS) == BAD)
        assert True in verdicts or breaker.__name__ in ("_long_text", "_odd_labels")


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(0, 70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 2e9),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(["info", "WARN", " err ", "2023-11-14T22:13:20Z", "2023-11-14 22:13:20.5 +0130", "", "3", "x" * 300]),
)
_names = st.sampled_from(
    [
        *(
            "name",
            "value",
            "ts",
            "labels",
            "message",
            "msg",
            "log",
            "level",
            "severity",
            "time",
            "timestamp",
            "@timestamp",
            "MESSAGE",
        ),
        *(
            "service",
            "region",
            "host",
            "kubernetes",
            "app",
            "PRIORITY",
            "log.level",
            "extra",
            "a.b",
            "a",
            "b",
            "pod_name",
            "labels",
        ),
    ]
)
_trees = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(_names, st.text(max_size=5)), inner, max_size=4)
    ),
    max_leaves=8,
)
_NEEDED = {
    "metric_json": {"name": st.text(st.characters(codec="utf-8"), max_size=8), "value": st.floats(), "ts": st.floats(0, 8e9)},
    "log_json": {"message": st.text(st.characters(codec="utf-8")), "ts": st.integers(0, 8 * 10**9)},
    "fluentd_json": {"log": st.text(st.characters(codec="utf-8"))},
}


def _written(pairs: list[tuple[str, Any]], ensure_ascii: bool) -> bytes:
    inner = ",".join(json.dumps(name) + ":" + json.dumps(one, ensure_ascii=ensure_ascii) for name, one in pairs)
    return ("{" + inner + "}").encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("form", SLOW_DECODERS)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_record_has_the_verdict_and_the_content_of_the_slow_decoder(form: str, data: st.DataObject) -> None:
    def draw_record() -> bytes:
        pairs = data.draw(st.lists(st.tuples(_names, _trees), max_size=5))
        if data.draw(st.booleans()):
            pairs += [(name, data.draw(values)) for name, values in _NEEDED[form].items()]
        return _written(data.draw(st.permutations(pairs)), data.draw(st.booleans()))

    values: list[bytes | None] = [draw_record() for _ in range(data.draw(st.integers(1, 4)))]
    values += data.draw(st.lists(st.one_of(st.none(), st.binary(max_size=12)), max_size=2))
    timestamp_ms = data.draw(st.sampled_from([KAFKA_MS, 0, -1]))
    for found, value in zip(decode(form, values, timestamp_ms), values, strict=True):
        assert_same(found, SLOW_DECODERS[form](value, timestamp_ms), value)


@pytest.mark.parametrize("form", SLOW_DECODERS)
def test_a_record_means_the_same_in_any_company(form: str) -> None:
    values: list[bytes | None] = [None, *fuzzed_records(11, 400, form), None]  # type: ignore[arg-type]
    alone = [decode(form, [value])[0] for value in values]
    for size in (2, 7, 50, len(values)):
        together = [one for start in range(0, len(values), size) for one in decode(form, values[start : start + size])]
        assert together == alone


@pytest.mark.parametrize("form", SLOW_DECODERS)
def test_a_codec_keeps_nothing_of_a_batch_that_changes_the_next(form: str) -> None:
    values = list(fuzzed_records(12, 300, form))  # type: ignore[arg-type]
    batch = RecordBatch.from_rows("t", 0, [(i, KAFKA_MS, None, value) for i, value in enumerate(values)])
    codec = FORMATS[form]()
    first, second = codec.decode(batch), codec.decode(batch)
    assert first.row.tolist() == second.row.tolist()
    assert np.array_equal(first.event_time_ns, second.event_time_ns)
    assert [(bad.row, str(bad.error), bad.error.code) for bad in first.bad] == [
        (bad.row, str(bad.error), bad.error.code) for bad in second.bad
    ]
    if isinstance(first, LogLines):
        assert isinstance(second, LogLines)
        assert [dict(one) for one in first.labels] == [dict(one) for one in second.labels]


@pytest.mark.parametrize("form", SLOW_DECODERS)
def test_an_empty_batch_is_nothing(form: str) -> None:
    assert decode(form, []) == []


CODES = {
    "JSON_SYNTAX": [b"", b"{", b'{"a":1}x', b"\xef\xbb\xbf{}", b'{"a":"\\ud800"}'],
    "JSON_UTF8": [b'{"message":"\xff","name":"a","value":1,"ts":"\xff"}', b"\x80"],
    "JSON_DEPTH": [b"[" * 200 + b"]" * 200, b'{"a":' * 20_000 + b"1" + b"}" * 20_000],
    "FIELD_TYPE": [b"[]", b"null", b'"text"', b"1"],
}


@pytest.mark.parametrize("form", SLOW_DECODERS)
@pytest.mark.parametrize("code", CODES)
def test_what_is_wrong_has_its_code_and_a_sentence(form: str, code: str) -> None:
    for value in CODES[code]:
        bad = FORMATS[form]().decode(RecordBatch.from_rows("t", 0, [(0, KAFKA_MS, None, value)])).bad
        assert [one.error.code for one in bad] == [code], value
        text = str(bad[0].error)
        assert ": " in text
        assert ";" in text
        assert len(text) < 400
        assert text.isprintable()


@pytest.mark.parametrize(
    ("form", "value", "code", "words"),
    [
        ("metric_json", b'{"name":"a","ts":1,"value":NaN}', "VALUE_NOT_FINITE", "value: found 'NaN'"),
        ("metric_json", b'{"name":"a","ts":1,"value":1e999}', "VALUE_NOT_FINITE", "value: found '1e999'"),
        ("metric_json", b'{"name":"a","ts":1,"value":"1"}', "FIELD_TYPE", "expected a number"),
        ("metric_json", b'{"name":"a","value":1}', "FIELD_MISSING", "ts: found none"),
        ("metric_json", b'{"name":"a","ts":-1,"value":1}', "TIME_RANGE", "'-1'"),
        ("log_json", b'{"ts":1}', "FIELD_MISSING", "message"),
        ("log_json", b'{"message":"a"}', "FIELD_MISSING", "ts: found none"),
        ("log_json", b'{"message":["a"],"ts":1}', "FIELD_TYPE", "message: found an array"),
        ("log_json", b'{"message":"a","ts":"noon"}', "TIME_FORMAT", "'noon'"),
        ("log_json", b'{"message":"a","ts":1,"labels":{"port":80}}', "LABELS_TYPE", "label 'port'"),
        ("log_json", b'{"message":"a","ts":1,"labels":{"a":"' + b"x" * 3_000 + b'"}}', "LABELS_SIZE", "3001 characters"),
        ("fluentd_json", b'{"time":1,"kubernetes":{}}', "FIELD_MISSING", "message, msg, log, MESSAGE"),
        ("fluentd_json", b'{"log":"a","time":"noon"}', "TIME_FORMAT", "time: found 'noon'"),
        ("fluentd_json", b'{"log":"a","x":1e999}', "VALUE_NOT_FINITE", "64-bit float"),
    ],
)
def test_messages_name_the_field_what_was_found_and_the_cure(form: str, value: bytes, code: str, words: str) -> None:
    bad = FORMATS[form]().decode(RecordBatch.from_rows("t", 0, [(0, -1, None, value)])).bad
    assert bad[0].error.code == code
    assert words in str(bad[0].error)


def test_fluentd_records_in_the_wild() -> None:
    """As the project's research found them on the wire or in the plugins' own tests."""
    records = [
        # kafka2 output with inject, rsyslog's omkafka, Fluent Bit, a Kubernetes container log, journald.
        {"message": "hello", "fluentd_tag": "test", "fluentd_time": "2019-01-15T18:06:03.952259000Z"},
        {
            "@timestamp": "2026-11-23T14:29:12+00:00",
            "host": "vm",
            "severity": "err",
            "tag": "shop:",
            "message": " failed order=42 ",
        },
        {"@timestamp": 1547575563.952259, "log": "ready\n", "stream": "stdout"},
        {
            "log": "disk full\n",
            "time": "2019-01-15T18:06:03.952259000Z",
            "kubernetes": {
                "pod_name": "p-1",
                "namespace_name": "prod",
                "labels": {"app_kubernetes_io/name": "shop"},
                "host": "n1",
            },
        },
        {"MESSAGE": "Started.", "PRIORITY": "6", "_HOSTNAME": "n2", "_SYSTEMD_UNIT": "shop.service"},
        # Filebeat, and a bare line of a container.
        {
            "@timestamp": "2019-01-15T18:06:03.952Z",
            "message": "GET / 500",
            "log": {"level": "warning", "offset": 1761},
            "host": {"name": "n3"},
            "service": {"name": "shop"},
        },
        {"log": "2019-01-15 18:06:03 [main] ERROR no disk\n", "stream": "stderr"},
    ]
    lines = decode("fluentd_json", [json.dumps(record).encode() for record in records])
    assert [line.message for line in lines] == [
        "hello",
        "failed order=42",
        "ready",
        "disk full",
        "Started.",
        "GET / 500",
        "2019-01-15 18:06:03 [main] ERROR no disk",
    ]
    assert [line.level for line in lines] == ["", "ERROR", "", "", "INFO", "WARN", "ERROR"]
    assert lines[0].event_time_ns == lines[2].event_time_ns == lines[3].event_time_ns == 1_547_575_563_952_259_000
    assert lines[4].event_time_ns == KAFKA_MS * 10**6
    assert [line.labels.get("service") for line in lines] == ["test", "shop:", None, "shop", "shop.service", "shop", None]
    assert [line.labels.get("host") for line in lines] == [None, "vm", None, "n1", "n2", "n3", None]
    assert (lines[3].labels["namespace"], lines[3].labels["pod"]) == ("prod", "p-1")


_pieces = st.sampled_from(
    [
        *("ERROR", "WARN", "WARNING", "INFO", "ERR", "FATAL", "error", "ERRORS", "_INFO", "level=", "lvl=", "severity=", "level"),
        *('"', "warn", "E1125 ", "E1125", "I0102\t", " ", ":", "[", "]", "=", "x" * 20, "1", "É", "٣"),
    ]
)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(_pieces, min_size=1, max_size=10).map("".join))
def test_levels_at_the_head_of_a_bare_text(text: str) -> None:
    assert find_level(text) == slow_level_in(text)


def test_what_the_project_itself_writes_is_read_back() -> None:
    from pipeline.history import LineEntry
    from pipeline.history.entry import LineSource

    entry = LineEntry(1_438_191_704_747_000_000, LineSource({"service": "zk"}), 'say "ä"\t1', "INFO")
    assert decode("log_json", [entry.to_record().value]) == [Line('say "ä"\t1', "INFO", entry.event_time_ns, {"service": "zk"})]
    assert math.isclose(entry.to_record().timestamp_ms, 1_438_191_704_747)
