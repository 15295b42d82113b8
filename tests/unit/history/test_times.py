"""Forms of event times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import HistoryError
from pipeline.history.entry import format_ts
from pipeline.history.options import load_timezone
from pipeline.history.times import choose_time_parser, datetime_to_ns, parse_iso, parse_number

ZONE = ZoneInfo("UTC")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(31_536_000_000_000, 7_258_118_400_000_000))
def test_iso_text_and_every_number_unit_agree(micros: int) -> None:
    moment = (EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None)
    expected_ns = micros * 1_000
    assert parse_iso(moment.isoformat(), ZONE) == expected_ns
    assert parse_iso(moment.isoformat(" ") + "Z", ZoneInfo("Asia/Tokyo")) == expected_ns
    assert datetime_to_ns(moment, ZONE) == expected_ns
    if moment.year >= 1974:
        assert parse_number(micros) == expected_ns
        assert parse_number(expected_ns) == expected_ns
        assert parse_number(micros // 1_000) == expected_ns // 1_000_000 * 1_000_000
    assert parse_number(micros // 1_000_000) == expected_ns // 1_000_000_000 * 1_000_000_000


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_written_times_read_back(event_time_ns: int) -> None:
    text = format_ts(event_time_ns)
    back = parse_iso(text.strip(b'"').decode(), ZONE) if text.startswith(b'"') else parse_number(int(text))
    assert back == event_time_ns


def test_fraction_keeps_nine_digits_and_reads_a_comma() -> None:
    assert parse_iso("1970-01-01T00:00:00.123456789Z", ZONE) == 123_456_789
    assert parse_iso("1970-01-01 00:00:00,5", ZONE) == 500_000_000


def test_zone_is_for_times_without_one() -> None:
    berlin = load_timezone("Europe/Berlin")
    hour_ns = 3_600_000_000_000
    assert parse_iso("2024-01-15 12:00:00", ZONE) - parse_iso("2024-01-15 12:00:00", berlin) == hour_ns
    assert parse_iso("2024-07-15 12:00:00", ZONE) - parse_iso("2024-07-15 12:00:00", berlin) == 2 * hour_ns
    assert parse_iso("2024-07-15 12:00:00+00:00", berlin) == parse_iso("2024-07-15 12:00:00", ZONE)


@pytest.mark.parametrize(
    ("cells", "time_format", "expected"),
    [
        (["1392388200"], None, 1_392_388_200_000_000_000),
        ([1392388200.25], None, 1_392_388_200_250_000_000),
        (["1392388200000"], None, 1_392_388_200_000_000_000),
        (["2014-02-14 14:30:00"], None, 1_392_388_200_000_000_000),
        (["2014-02-14T15:30+01:00"], None, 1_392_388_200_000_000_000),
        (["2014/02/14 14:30"], None, 1_392_388_200_000_000_000),
        (["Fri Feb 14 14:30:00 2014"], None, 1_392_388_200_000_000_000),
        (["14.02.2014 14:30"], "%d.%m.%Y %H:%M", 1_392_388_200_000_000_000),
        ([datetime(2014, 2, 14, 14, 30, tzinfo=UTC).replace(tzinfo=None)], None, 1_392_388_200_000_000_000),
        ([datetime(2014, 2, 14, 14, 30, tzinfo=timezone(timedelta(hours=1)))], None, 1_392_384_600_000_000_000),
        ([date(2014, 2, 14)], None, 1_392_336_000_000_000_000),
    ],
)
def test_forms(cells: list[object], time_format: str | None, expected: int) -> None:
    parser = choose_time_parser(cells, time_format=time_format, zone=ZONE, where="f")
    assert parser(cells[0]) == expected


@pytest.mark.parametrize("cell", ["03/04/2014 10:00", "yesterday", True, None, "1e30", "nan", "inf"])
def test_what_is_no_time_is_refused(cell: object) -> None:
    with pytest.raises(HistoryError, match="expected a time: seconds") as caught:
        choose_time_parser([cell], time_format=None, zone=ZONE, where="cpu.csv: column 'when'")
    assert caught.value.code == "HISTORY_TIME"
    assert "cpu.csv: column 'when'" in str(caught.value)
    assert "--time-format" in str(caught.value)


def test_a_wrong_pattern_names_it() -> None:
    with pytest.raises(HistoryError, match=r"expected a time of the form '%d'.*correct --time-format"):
        choose_time_parser(["x"], time_format="%d", zone=ZONE, where="f")


def test_unknown_zone() -> None:
    with pytest.raises(HistoryError, match=r"found 'Mars/Base'.*Europe/Berlin"):
        load_timezone("Mars/Base")
