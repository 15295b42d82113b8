"""Reading every kind of file, and what is said of the ones that cannot be read."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import HistoryError
from pipeline.history import HistoryOptions, SampleEntry, open_history

T0_NS = 1_392_388_200_000_000_000
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_file


def decoded(path: Path | list[Path], options: HistoryOptions | None = None) -> list[dict[str, object]]:
    paths = path if isinstance(path, list) else [path]
    return [orjson.loads(entry.to_record().value) for entry in open_history(paths, options).entries()]


def test_one_series_is_called_like_its_file(write: Write) -> None:
    path = write("ec2-cpu.csv", "timestamp,value\n2014-02-14 14:30:00,0.132\n2014-02-14 14:35:00,\n2014-02-14 14:40:00,NaN\n")
    assert decoded(path) == [{"name": "ec2_cpu", "labels": {}, "ts": 1392388200000, "value": 0.132}]
    renamed = HistoryOptions(name="cpu", labels={"host": "n1"})
    assert decoded(path, renamed)[0] == {"name": "cpu", "labels": {"host": "n1"}, "ts": 1392388200000, "value": 0.132}


def test_wide_table_has_a_series_per_number_column_and_source(write: Write) -> None:
    path = write("valve.csv", "\ufefftime;host;flow;temp\n1392388200;n1;1,5;2\n".replace("1,5", "1.5"))
    assert decoded(path) == [
        {"name": "flow", "labels": {"host": "n1", "source": "valve"}, "ts": 1392388200000, "value": 1.5},
        {"name": "temp", "labels": {"host": "n1", "source": "valve"}, "ts": 1392388200000, "value": 2.0},
    ]


def test_long_table_takes_names_and_labels_from_its_columns(write: Write) -> None:
    path = write("m.tsv", "ts\tmetric\tshard\tvalue\n1392388200\tcpu\t7\t0.5\n1392388201\tmem\t\t0.25\n")
    assert decoded(path, HistoryOptions(labels={"shard": "none", "region": "eu"})) == [
        {"name": "cpu", "labels": {"region": "eu", "shard": "7"}, "ts": 1392388200000, "value": 0.5},
        {"name": "mem", "labels": {"region": "eu", "shard": "none"}, "ts": 1392388201000, "value": 0.25},
    ]


def test_named_columns_go_before_found_ones(write: Write) -> None:
    path = write("a.csv", "when,shard,cpu,id\n2014-02-14 14:30:00,7,0.5,9\n")
    options = HistoryOptions(time_column="when", value_columns=("cpu",), label_columns=("shard",))
    assert decoded(path, options) == [{"name": "a", "labels": {"shard": "7"}, "ts": 1392388200000, "value": 0.5}]


def test_gzip_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "cpu.csv.gz"
    path.write_bytes(gzip.compress(b"timestamp,value\r\n2014-02-14 14:30:00,1\r\n"))
    assert decoded(path) == [{"name": "cpu", "labels": {}, "ts": 1392388200000, "value": 1.0}]


def test_quoted_cells_with_line_breaks(write: Write) -> None:
    path = write("a.csv", 'ts,host,value\n1392388200,"n\n1",1\n1392388201,n2,oops\n')
    history = open_history([path])
    entries = history.entries()
    assert isinstance(first := next(entries), SampleEntry)
    assert first.text.series.get("host") == "n\n1"
    with pytest.raises(HistoryError, match=r"a\.csv:4: column 'value': found 'oops'"):
        list(entries)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_parquet_timestamps_of_every_unit(tmp_path: Path, unit: str, zone: str | None) -> None:
    path = tmp_path / "cpu.parquet"
    times = pa.array([datetime(2014, 2, 14, 14, 30, tzinfo=UTC if zone else None)], pa.timestamp(unit, zone))
    hosts = pa.array(["n1"]).dictionary_encode()
    pq.write_table(pa.table({"timestamp": times, "host": hosts, "value": pa.array([3], pa.int32())}), path)
    (entry,) = open_history([path]).entries()
    assert entry.event_time_ns == T0_NS
    assert orjson.loads(entry.to_record().value)["labels"] == {"host": "n1"}


def test_parquet_keeps_nanoseconds(tmp_path: Path) -> None:
    path = tmp_path / "cpu.parquet"
    pq.write_table(pa.table({"ts": pa.array([T0_NS + 7], pa.timestamp("ns")), "value": [1.0]}), path)
    (entry,) = open_history([path]).entries()
    assert entry.event_time_ns == T0_NS + 7
    assert orjson.loads(entry.to_record().value)["ts"] == "2014-02-14T14:30:00.000000007Z"
    assert entry.to_record().timestamp_ms == T0_NS // 1_000_000


def test_parquet_of_log_lines_takes_the_time_from_the_line(tmp_path: Path) -> None:
    path = tmp_path / "Zookeeper.parquet"
    lines = ["2015-07-29 17:41:44,747 - INFO  [main] - Notification time out: 3200", "no time here"]
    pq.write_table(pa.table({"line": lines, "content": ["Notification time out: 3200", "more"], "label": [0, 1]}), path)
    assert decoded(path) == [
        {"ts": 1438191704747, "level": "INFO", "message": "Notification time out: 3200", "labels": {"service": "zookeeper"}},
        {"ts": 1438191704747, "message": "more", "labels": {"service": "zookeeper"}},
    ]


def test_json_lines_pass_byte_for_byte(tmp_path: Path) -> None:
    lines = [
        b'{ "name": "cpu", "labels": {"host":"n1"}, "ts": 1392388200, "value": 1e0 }',
        b"not json",
        b'{"name":"cpu","ts":"\xff","value":1}',
        b'{"name":"cpu","ts":1392388260.5,"value":2}',
    ]
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n\n")
    records = [entry.to_record() for entry in open_history([path]).entries()]
    assert [record.value for record in records] == lines
    assert [record.timestamp_ms for record in records] == [1392388200000, 1392388200000, 1392388200000, 1392388260500]
    assert [record.key for record in records] == [b'cpu{host="n1"}', b"", b"", b"cpu"]


def test_shift_moves_every_form_of_time(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(
        '{"name":"a","ts":1392388200,"value":1}\n{"name":"a","ts":1392388200000,"value":1}\n'
        '{"name":"a","ts":"2014-02-14T14:30:00Z","value":1}\nbad\n'
    )
    shifted = [entry.to_record(1_500_000_000) for entry in open_history([path]).entries()]
    assert [record.timestamp_ms for record in shifted] == [1392388201500] * 4
    assert [orjson.loads(record.value)["ts"] for record in shifted[:3]] == [
        1392388201.5,
        1392388201500,
        "2014-02-14T14:30:01.500000000Z",
    ]
    assert shifted[3].value == b"bad"


def test_log_file_lines_without_time_belong_to_the_line_before(write: Write) -> None:
    path = write("gateway.log", "  head\n2026-11-24T10:00:00Z ERROR upstream timed out\n  at handler\n\n")
    assert decoded(path, HistoryOptions(labels={"region": "eu-west-1"})) == [
        {"ts": 1795514400000, "message": "  head", "labels": {"region": "eu-west-1", "service": "gateway"}},
        {
            "ts": 1795514400000,
            "level": "ERROR",
            "message": "ERROR upstream timed out",
            "labels": {"region": "eu-west-1", "service": "gateway"},
        },
        {"ts": 1795514400000, "message": "  at handler", "labels": {"region": "eu-west-1", "service": "gateway"}},
    ]


@pytest.mark.parametrize(
    ("line", "timestamp_ms"),
    [
        ("[Sun Dec 04 04:47:44 2005] [notice] ok", 1133671664000),
        ("- 1117838570 2005.06.03 R02 RAS KERNEL INFO x", 1117838570000),
        ("081109 203615 148 INFO dfs.DataNode: x", 1226262975000),
        ("2015-10-18 18:01:47,978 INFO [main] x", 1445191307978),
        ("17/06/09 20:10:40 INFO executor: x", 1497039040000),
        ("2016-09-28 04:30:30, Info CBS x", 1475037030000),
    ],
)
def test_heads_of_well_known_logs(write: Write, line: str, timestamp_ms: int) -> None:
    (entry,) = open_history([write("a.log", line)]).entries()
    assert entry.to_record().timestamp_ms == timestamp_ms


def test_files_are_merged_by_time_and_keep_their_own_order(write: Write) -> None:
    a = write("a.csv", "ts,value\n1392388200,1\n1392388300,2\n1392388250,3\n1392388400,4\n")
    b = write("b.csv", "ts,value\n1392388200,5\n1392388301,6\n")
    found = [(row["name"], row["value"]) for row in decoded([a, b])]
    assert found == [("a", 1.0), ("b", 5.0), ("a", 2.0), ("a", 3.0), ("b", 6.0), ("a", 4.0)]
    span = open_history([a, b]).measure_span()
    assert (span.first_ns, span.last_ns, span.n_entries) == (1392388200 * 10**9, 1392388400 * 10**9, 6)


def test_position_ends_at_the_size_of_the_files(write: Write) -> None:
    history = open_history([write("a.csv", "ts,value\n1392388200,1\n"), write("b.csv", "ts,value\n1392388200,5\n")])
    list(history.entries())
    assert history.position.n_read_bytes == history.position.n_total_bytes > 0


BAD = {
    "empty file": ("a.csv", "", "HISTORY_FILE", ["a.csv", "empty file", "header"]),
    "no rows": ("a.csv", "ts,value\n", "HISTORY_FILE", ["a.csv", "no rows"]),
    "no time column": ("a.csv", "x,value\n1,2\n", "HISTORY_COLUMN", ["time column", "'x'", "--time-column"]),
    "no value column": ("a.csv", "ts,host\n1,a\n", "HISTORY_COLUMN", ["column of numbers", "'host'", "--value-column"]),
    "bad value": ("a.csv", "ts,value\n1,2\n2,abc\n", "HISTORY_VALUE", ["a.csv:3", "'value'", "'abc'", "leave it empty"]),
    "infinite value": ("a.csv", "ts,value\n1,inf\n", "HISTORY_VALUE", ["a.csv:2", "'inf'", "finite"]),
    "bad time later": (
        "a.csv",
        "ts,value\n" + "1,1\n" * 300 + "soon,1\n",
        "HISTORY_TIME",
        ["a.csv:302", "'ts'", "'soon'", "--time-format"],
    ),
    "empty times": ("a.csv", "ts,value\n,1\n", "HISTORY_TIME", ["a.csv", "'ts'", "empty", "--time-column"]),
    "uneven row": ("a.csv", "ts,value\n1,2,3\n", "HISTORY_COLUMN", ["a.csv:2", "3 cells", "expected 2", "quote"]),
    "same column twice": ("a.csv", "ts,v,v\n1,2,3\n", "HISTORY_COLUMN", ["a.csv:1", "'v'", "rename"]),
    "no name in a long row": ("a.csv", "ts,name,value\n1,,3\n", "HISTORY_COLUMN", ["a.csv:2", "'name'", "metric name"]),
    "unknown ending": ("a.xls", "x", "HISTORY_FORMAT", ["a.xls", "'.xls'", ".csv", "rename"]),
    "no time in JSON": ("a.jsonl", '{"name":"x","value":1}\n', "HISTORY_TIME", ["a.jsonl", "no time", "ts, timestamp"]),
    "no JSON at all": ("a.jsonl", "hello\n", "HISTORY_FORMAT", ["a.jsonl", "no JSON object"]),
    "no time in a log": ("a.log", "hello\n", "HISTORY_TIME", ["a.log", "'hello'", "2026-11-24T10:00:00Z"]),
    "empty log": ("a.log", "\n\n", "HISTORY_FILE", ["a.log", "empty"]),
    "not Parquet": ("a.parquet", "hello", "HISTORY_FILE", ["a.parquet", "Parquet"]),
}


@pytest.mark.parametrize(("name", "text", "code", "parts"), BAD.values(), ids=BAD.keys())
def test_messages(write: Write, name: str, text: str, code: str, parts: list[str]) -> None:
    path = write(name, text)
    with pytest.raises(HistoryError) as caught:
        list(open_history([path]).entries())
    assert caught.value.code == code
    assert caught.value.exit_code == 2
    for part in parts:
        assert part in str(caught.value)


def test_bad_encoding_names_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"ts,value\n1,1\n2,\xff\n")
    with pytest.raises(HistoryError, match=r"a\.csv:3:3: found byte 0xff, expected UTF-8.*iconv"):
        list(open_history([path]).entries())


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"ts,value\n" + os.urandom(5_000).hex().encode())[:-900])
    with pytest.raises(HistoryError, match=r"a\.csv\.gz.*undamaged"):
        list(open_history([path]).entries())


def test_unknown_named_column(write: Write) -> None:
    path = write("a.csv", "ts,value\n1,1\n")
    for options in (
        HistoryOptions(time_column="no"),
        HistoryOptions(value_columns=("no",)),
        HistoryOptions(label_columns=("no",)),
    ):
        with pytest.raises(HistoryError, match=r"expected a column 'no' \(--\w+-column\), found 'ts', 'value'"):
            list(open_history([path], options).entries())


def test_missing_file_folder_and_mixed_formats(write: Write, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="nothing there"):
        open_history([tmp_path / "no.csv"])
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(HistoryError, match="a folder"):
        open_history([tmp_path / "x.csv"])
    with pytest.raises(HistoryError, match=r"found a folder, .*; name its files, e\.g\. .*/\*\.csv"):
        open_history([tmp_path])
    with pytest.raises(HistoryError, match=r"nothing there.*; correct the path"):
        open_history([tmp_path / "no_ending"])
    with pytest.raises(HistoryError, match="expected at least one"):
        open_history([])
    with pytest.raises(HistoryError, match=r"b\.log: found log_json, expected metric_json"):
        open_history([write("a.csv", "ts,value\n1,1\n"), write("b.log", "2026-11-24T10:00:00Z x\n")])
