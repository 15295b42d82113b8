"""Fetched bytes read by the kernels hold what aiokafka's own reader finds in them, or are left to it."""

from __future__ import annotations

import os
import random
import struct

import crc32c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.fetched import Fetched, Stop, read_fetched
from tests.unit.checked_program import run_with_setting
from tests.unit.codecs.wire import (
    GZIP,
    LOG_APPEND,
    LZ4,
    SNAPPY,
    SNAPPY_PLAIN,
    TRANSACTIONAL,
    ZSTD,
    Row,
    pack_batch,
    pack_marker,
    pack_rows,
    read_ordinarily,
    seal,
    varint,
)

ALL = (0, GZIP, SNAPPY, SNAPPY_PLAIN, LZ4, ZSTD)
SAMPLE = [
    Row(10, 1_000, b"key", b'{"v":1}'),
    Row(11, 990, None, None),
    Row(13, 2_000, b"", b"", (("trace", b"\x01\x02"), ("none", None), ("trace", b""))),
    Row(14, 1_001, b"k" * 300, b"v" * 20_000),
]


def rows_of(fetched: Fetched) -> list[Row]:
    batch = fetched.batch
    return [
        Row(
            int(batch.offset[i]),
            int(batch.timestamp_ms[i]),
            batch.key(i),
            batch.value(i),
            tuple(batch.headers.get(i, ())),
        )
        for i in range(len(batch))
    ]


def check_against_ordinary(data: bytes, fetch_offset: int = 0, aborted: list[tuple[int, int]] | None = None) -> Fetched:
    """Both readings agree; where the kernels stopped, the ordinary reader that goes on from there finds the rest."""
    fetched = read_fetched("t", 0, data, fetch_offset=fetch_offset, aborted=aborted)
    expected, next_offset, error = read_ordinarily(data, fetch_offset, aborted)
    found = rows_of(fetched)
    if fetched.stop is Stop.END:
        assert error is None
        assert found == expected
        assert fetched.batch.next_offset == next_offset
    else:
        assert found == expected[: len(found)]
        rest, _, rest_error = read_ordinarily(
            data[fetched.n_bytes :], fetched.batch.next_offset, None if aborted is None else fetched.aborted, fetched.aborting
        )
        assert found + rest == expected
        assert type(rest_error) is type(error)
    return fetched


@pytest.mark.parametrize("compression", ALL)
def test_records_of_every_compression(compression: int) -> None:
    fetched = check_against_ordinary(pack_batch(SAMPLE, compression=compression, last_delta=9))
    assert rows_of(fetched) == SAMPLE
    assert fetched.batch.next_offset == 20
    assert list(fetched.batch.headers) == [2]
    assert len(fetched.batch.headers) == 1


def test_batches_of_different_compressions_share_one_buffer() -> None:
    data = b"".join(
        pack_batch([row._replace(offset=row.offset + 100 * i) for row in SAMPLE], compression=compression)
        for i, compression in enumerate(ALL)
    )
    fetched = check_against_ordinary(data)
    assert len(fetched.batch) == len(ALL) * len(SAMPLE)
    assert fetched.n_bytes == len(data)


def test_uncompressed_batches_are_not_copied() -> None:
    data = pack_batch(SAMPLE) + pack_batch([Row(20, 0, None, b"x")])
    assert read_fetched("t", 0, data).batch.buffer is data


def test_log_append_time_is_that_of_the_batch() -> None:
    fetched = check_against_ordinary(pack_batch(SAMPLE, attributes=LOG_APPEND))
    assert fetched.batch.timestamp_ms.tolist() == [2_000] * 4


def test_a_batch_emptied_by_compaction_moves_the_offset_on() -> None:
    fetched = check_against_ordinary(seal(b"", 0, base_offset=40, last_delta=9))
    assert (len(fetched.batch), fetched.batch.next_offset, fetched.stop) == (0, 50, Stop.END)


def test_offsets_below_the_one_asked_for_are_left_out() -> None:
    fetched = check_against_ordinary(pack_batch(SAMPLE), fetch_offset=12)
    assert fetched.batch.offset.tolist() == [13, 14]


@pytest.mark.parametrize("n_cut", [1, 30, 61, 80])
def test_a_tail_that_is_cut_off_waits_for_the_next_fetch(n_cut: int) -> None:
    first = pack_batch(SAMPLE)
    second = pack_batch([Row(20, 0, None, b"x" * 60)])
    fetched = check_against_ordinary(first + second[:-n_cut])
    assert (fetched.stop, fetched.n_bytes, fetched.batch.next_offset) == (Stop.END, len(first), 15)


def test_a_record_larger_than_the_fetch_yields_nothing() -> None:
    fetched = check_against_ordinary(pack_batch(SAMPLE)[:100], fetch_offset=10)
    assert (len(fetched.batch), fetched.n_bytes, fetched.batch.next_offset) == (0, 0, 10)


def test_control_batches_are_dropped_and_aborted_transactions_skipped() -> None:
    data = b"".join(
        [
            pack_batch([Row(0, 0, None, b"good")], attributes=TRANSACTIONAL, producer_id=7),
            pack_marker(1, 7, is_commit=True),
            pack_batch([Row(2, 0, None, b"aborted")], attributes=TRANSACTIONAL, producer_id=7),
            pack_batch([Row(3, 0, None, b"other")], attributes=TRANSACTIONAL, producer_id=8),
            pack_batch([Row(4, 0, None, b"plain")]),
            pack_marker(5, 7, is_commit=False),
            pack_batch([Row(6, 0, None, b"again")], attributes=TRANSACTIONAL, producer_id=7),
            pack_marker(7, 7, is_commit=True),
            pack_marker(8, 8, is_commit=True),
        ]
    )
    committed = check_against_ordinary(data, aborted=[(7, 2)])
    assert committed.batch.values() == [b"good", b"other", b"plain", b"again"]
    assert check_against_ordinary(data).batch.values() == [b"good", b"aborted", b"other", b"plain", b"again"]
    assert committed.batch.next_offset == 9


@pytest.mark.parametrize("n_before", [1, 2, 3, 4, 5, 6])
def test_a_transaction_goes_on_behind_a_stop(n_before: int) -> None:
    parts = [
        pack_batch([Row(0, 0, None, b"aborted")], attributes=TRANSACTIONAL, producer_id=7),
        pack_marker(1, 7, is_commit=False),
        pack_batch([Row(2, 0, None, b"good")], attributes=TRANSACTIONAL, producer_id=7),
        pack_marker(3, 7, is_commit=True),
        pack_batch([Row(4, 0, None, b"aborted")], attributes=TRANSACTIONAL, producer_id=7),
        pack_batch([Row(5, 0, None, b"aborted")], attributes=TRANSACTIONAL, producer_id=7),
        pack_marker(6, 7, is_commit=False),
    ]
    odd = seal(b"\x01" + pack_rows([Row(10, 0, None, b"odd")], 10, 0), 1, base_offset=10)
    data = b"".join(parts[:n_before]) + odd + b"".join(part.replace(b"x", b"x") for part in parts[n_before:])
    fetched = check_against_ordinary(data, aborted=[(7, 0), (7, 4)])
    assert fetched.stop is Stop.DAMAGED


def test_older_formats_are_left_to_the_ordinary_reader() -> None:
    from aiokafka.record.legacy_records import LegacyRecordBatchBuilder

    for magic in (0, 1):
        builder = LegacyRecordBatchBuilder(magic=magic, compression_type=0, batch_size=10_000)
        for offset in range(3):
            builder.append(offset, timestamp=1_000, key=b"k", value=b"old")
        fetched = check_against_ordinary(bytes(builder.build()))
        assert (fetched.stop, len(fetched.batch), fetched.n_bytes) == (Stop.OTHER_FORMAT, 0, 0)
    # aiokafka takes all batches of a fetch for what the first one is: the rest by itself is read rightly.
    data = pack_batch([Row(0, 0, None, b"new")]) + bytes(builder.build())
    mixed = read_fetched("t", 0, data)
    assert (mixed.stop, mixed.batch.values()) == (Stop.OTHER_FORMAT, [b"new"])
    rest, _, error = read_ordinarily(data[mixed.n_bytes :], mixed.batch.next_offset)
    assert ([row.offset for row in rest], error) == ([1, 2], None)


@pytest.mark.parametrize(
    ("data", "stop"),
    [
        (pack_batch(SAMPLE)[:-1] + b"\xff", Stop.CRC),
        (seal(b"no lz4", 1, base_offset=5, attributes=LZ4), Stop.COMPRESSION),
        (seal(b"x", 1, base_offset=5, attributes=5), Stop.COMPRESSION),
        (seal(pack_rows(SAMPLE, 10, 0), 5, base_offset=10, last_delta=9), Stop.DAMAGED),
        (seal(pack_rows(SAMPLE, 10, 0), 3, base_offset=10, last_delta=9), Stop.DAMAGED),
        (seal(pack_rows(SAMPLE, 10, 0), 2**31 - 1, base_offset=10, last_delta=9), Stop.DAMAGED),
        (seal(pack_rows(SAMPLE, 10, 0), -1, base_offset=10, last_delta=9), Stop.DAMAGED),
        (seal(b"\x0e\0\0\0" + varint(2**40) + b"\x01\0", 1, base_offset=5), Stop.DAMAGED),
        (seal(b"\xff" * 11, 1, base_offset=5), Stop.DAMAGED),
        (struct.pack(">qii", 0, 4, 0) + b"\2", Stop.DAMAGED),
        (struct.pack(">qii", 0, -1, 0) + b"\2", Stop.DAMAGED),
    ],
)
def test_damage_stops_the_reading_before_the_damaged_batch(data: bytes, stop: Stop) -> None:
    first = pack_batch([Row(0, 0, None, b"good")])
    fetched = read_fetched("t", 0, first + data + first)
    assert (fetched.stop, fetched.batch.values(), fetched.n_bytes) == (stop, [b"good"], len(first))


def test_a_header_name_that_is_no_utf8_does_not_stop_the_reading() -> None:
    body = pack_rows([Row(0, 0, None, b"v", (("abc", b"1"),))], 0, 0).replace(b"abc", b"a\xffc")
    fetched = read_fetched("t", 0, seal(body, 1))
    assert list(fetched.batch.headers[0]) == [("a\\xffc", b"1")]
    with pytest.raises(KeyError):
        fetched.batch.headers[1]


NULLABLE = st.none() | st.binary(max_size=40)
HEADERS = st.lists(st.tuples(st.text(max_size=5), NULLABLE), max_size=3).map(tuple)


@st.composite
def batches(draw: st.DrawFn) -> tuple[bytes, int, list[tuple[int, int]] | None]:
    """Record batches of every kind, from where to read them, and a list of aborted transactions."""
    offset = draw(st.integers(0, 2**50))
    first = offset
    ends = []
    parts = []
    for _ in range(draw(st.integers(0, 5))):
        producer_id = draw(st.integers(-1, 2))
        if draw(st.integers(0, 4)) == 0:
            parts.append(pack_marker(offset, producer_id, is_commit=draw(st.booleans())))
            offset += 1
            ends.append(offset)
            continue
        rows = []
        for _ in range(draw(st.integers(0, 6))):
            rows.append(Row(offset, draw(st.integers(-1, 2**42)), draw(NULLABLE), draw(NULLABLE), draw(HEADERS)))
            offset += draw(st.integers(1, 3))
        parts.append(
            pack_batch(
                rows,
                compression=draw(st.sampled_from(ALL)),
                attributes=draw(st.sampled_from([0, LOG_APPEND, TRANSACTIONAL])),
                producer_id=producer_id,
            )
            if rows
            else seal(b"", 0, base_offset=offset, last_delta=2)
        )
        offset += 3
        ends.append(rows[-1].offset + 1 if rows else offset)
    data = b"".join(parts)
    cut = draw(st.integers(0, len(data))) if draw(st.booleans()) else len(data)
    aborted = st.lists(st.tuples(st.integers(0, 2), st.integers(first, offset)), max_size=4)
    # What a broker sends begins with the batch that holds the offset asked for.
    fetch_offset = draw(st.integers(first, max(ends[0] - 1, first) if ends else first))
    return data[:cut], fetch_offset, draw(st.none() | aborted)


@given(batches())
@settings(max_examples=300, deadline=None)
def test_any_batches_are_read_as_the_ordinary_reader_reads_them(case: tuple[bytes, int, list[tuple[int, int]] | None]) -> None:
    data, fetch_offset, aborted = case
    assert check_against_ordinary(data, fetch_offset, aborted).stop is Stop.END


@given(batches(), st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_parts_of_a_fetch_come_to_what_it_comes_to_at_once(
    case: tuple[bytes, int, list[tuple[int, int]] | None], max_records: int
) -> None:
    data, fetch_offset, aborted = case
    whole = read_fetched("t", 0, data, fetch_offset=fetch_offset, aborted=aborted)
    rows: list[Row] = []
    part = read_fetched("t", 0, data, fetch_offset=fetch_offset, aborted=aborted, max_records=max_records)
    rows += rows_of(part)
    while part.stop is Stop.ENOUGH:
        before = part.n_bytes
        part = read_fetched(
            "t",
            0,
            data,
            fetch_offset=part.batch.next_offset,
            aborted=None if aborted is None else part.aborted,
            start=before,
            aborting=part.aborting,
            max_records=max_records,
        )
        assert part.n_bytes > before
        rows += rows_of(part)
    assert rows == rows_of(whole)
    assert part.batch.next_offset == whole.batch.next_offset
    assert part[1:] == whole[1:]


def test_what_is_left_of_aborted_transactions_keeps_its_order() -> None:
    """Handing on what is left over changes nothing in it, also where two begin at one offset."""
    data = pack_batch(SAMPLE) * 3
    left = [(1, 90), (0, 90), (2, 80)]
    for _ in range(3):
        left = read_fetched("t", 0, data, aborted=left).aborted
        assert left == [(2, 80), (0, 90), (1, 90)]


def test_a_part_ends_before_the_batch_that_would_bring_too_much() -> None:
    sizes = [3, 3, 9, 1]
    data = b"".join(pack_batch([Row(20 * i + k, 0, None, b"v") for k in range(n)], compression=LZ4) for i, n in enumerate(sizes))
    found = []
    start = 0
    while True:
        part = read_fetched("t", 0, data, start=start, max_records=7)
        found.append(len(part.batch))
        start = part.n_bytes
        if part.stop is Stop.END:
            break
        assert part.stop is Stop.ENOUGH
    assert found == [6, 9, 1]
    assert start == len(data)


def test_damage_behind_what_is_enough_is_found_when_it_is_reached() -> None:
    first = pack_batch([Row(0, 0, None, b"good"), Row(1, 0, None, b"good")])
    data = first + pack_batch(SAMPLE)[:-1] + b"\xff"
    part = read_fetched("t", 0, data, max_records=2)
    assert (part.stop, len(part.batch)) == (Stop.ENOUGH, 2)
    rest = read_fetched("t", 0, data, start=part.n_bytes, max_records=2)
    assert (rest.stop, len(rest.batch), rest.n_bytes) == (Stop.CRC, 0, len(first))


def damage(rng: random.Random) -> bytes:
    """A few batches with a handful of bytes changed, moved or lost; the checksum is mended as often as not."""
    parts = []
    for i in range(rng.randint(1, 3)):
        rows = [row._replace(offset=row.offset + 10 * i, value=rng.randbytes(rng.randint(0, 30))) for row in SAMPLE]
        one = bytearray(pack_batch(rows, compression=rng.choice(ALL)))
        if rng.random() < 0.7:
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(12 if rng.random() < 0.8 else 0, len(one))
                one[at] = rng.choice([0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)])
            if rng.random() < 0.7:
                one[17:21] = struct.pack(">I", crc32c.crc32c(bytes(one[21:])))
        parts.append(bytes(one))
    data = b"".join(parts)
    return data[: rng.randrange(len(data))] if rng.random() < 0.2 else data


def read_damaged(n_cases: int, seed: int) -> dict[str, int]:
    """Read damaged batches both ways; how often each stop came."""
    rng = random.Random(seed)
    n_by_stop: dict[str, int] = {}
    for _ in range(n_cases):
        data = damage(rng)
        fetched = read_fetched("t", 0, data)
        expected, _, error = read_ordinarily(data)
        found = rows_of(fetched)
        # A header name that is not UTF-8 is an error there and none here; everything else is.
        if fetched.stop is Stop.END and error is not None:
            assert isinstance(error, UnicodeDecodeError), (data, error)
        elif fetched.stop is Stop.END:
            assert found == expected, data
        else:
            assert found[: len(expected)] == expected[: len(found)], data
        n_by_stop[fetched.stop] = n_by_stop.get(fetched.stop, 0) + 1
    return n_by_stop


def test_damaged_batches_never_crash_and_never_read_otherwise(times: int, luck: int) -> None:
    n_by_stop = read_damaged(5_000 * times, seed=7 + luck)
    assert set(n_by_stop) == set(Stop) - {Stop.ENOUGH}


def test_no_kernel_reads_outside_of_its_buffers(tmp_path: object) -> None:
    """The same damage with the compiler's bounds checks on: a read outside raises."""
    program = "from tests.unit.codecs.test_fetched import read_damaged; print(read_damaged(5_000, seed=8))"
    run_with_setting(program, "NUMBA_BOUNDSCHECK", tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_soak() -> None:
    """Hundreds of thousands of damaged fetches."""
    assert len(read_damaged(300_000, seed=int(os.environ.get("SOAK_SEED", "20261126")))) > 3
