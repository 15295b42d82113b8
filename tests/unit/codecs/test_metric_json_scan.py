"""The scanned form of native metric JSON gives what the typed decoder gives: value, time, key, and every error."""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Sequence

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs import skeletons
from pipeline.codecs.base import Points
from pipeline.codecs.metric_json import MetricJsonCodec
from pipeline.codecs.record import RecordBatch
from tests.unit.checked_program import run_with_setting
from tests.unit.codecs.metric_cases import INTERESTING, SPACES, WORDS, make_labels, make_number, make_record, make_text, make_time

SCANNED = MetricJsonCodec()
TYPED = MetricJsonCodec(is_scanned=False)


def batch_of(values: Sequence[bytes | None]) -> RecordBatch:
    return RecordBatch.from_rows("m", 0, [(i, 0, None, value) for i, value in enumerate(values)])


def facts(points: Points) -> dict[str, object]:
    return {
        "row": points.row.tolist(),
        "position": points.position.tolist(),
        "time": points.event_time_ns.tolist(),
        "value": points.value.view(np.uint64).tolist(),
        "keys": list(points.keys),
        "bad": [(one.row, type(one.error), one.error.code, str(one.error)) for one in points.bad],
        "n_empty": points.n_empty,
    }


def check(values: Sequence[bytes | None]) -> Points:
    batch = batch_of(values)
    scanned = SCANNED.decode(batch)
    assert facts(scanned) == facts(TYPED.decode(batch))
    return scanned


def compare_many(n_batches: int, seed: int) -> int:
    """Compare batches of 100 records from a seed; how many points there were."""
    rng = random.Random(seed)
    return sum(len(check([None if rng.random() < 0.01 else make_record(rng) for _ in range(100)])) for _ in range(n_batches))


def record(**fields: str) -> bytes:
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}").encode()


def n_unsure(values: Sequence[bytes], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many records the kernel left to the typed decoder."""
    codec = MetricJsonCodec()
    seen: list[int] = []
    judge = codec._judge
    monkeypatch.setattr(codec, "_judge", lambda batch: (seen.append(len(batch)), judge(batch))[1])
    codec.decode(batch_of(values))
    return sum(seen)


def test_records_good_odd_and_broken(times: int, luck: int) -> None:
    assert compare_many(300 * times, seed=1 + luck) > 10_000 * times


def test_plain_records_are_decided_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    values = []
    for i in range(2_000):
        fields = {
            "name": '"cpu"',
            "labels": rng.choice(['{"host":"n1", "zone":"\\u00fc\\n"}', "null", "{}", '{ "a" : "ü" }']),
            "ts": rng.choice([str(1_700_000_000_000 + i), repr(1.7e9 + i / 7), '"2026-11-24T10:00:00.123+01:00"']),
            "value": rng.choice(
                [repr(rng.gauss(0, 1e6)), repr(rng.uniform(-1, 1) * 10.0 ** rng.randint(-290, 290)), str(i), f"{i}e-3"]
            ),
            "unit": rng.choice(['{"a":[1,{"b":null}]}', '"x"', "true", "[]", "{}", "-1.5e+3"]),
        }
        names = list(fields)
        rng.shuffle(names)
        values.append(record(**{name: fields[name] for name in names}))
    assert n_unsure(values, monkeypatch) == 0
    check(values)


def test_key_order_space_and_duplicates() -> None:
    points = check(
        [
            b' {"value" : 1 , "ts":1700000000 ,"labels" :{ "a" : "b" } ,"name": "x"}\n',
            b'{"name":"a","name":"b","value":1,"value":2.5,"ts":1,"ts":1700000000,"labels":{},"labels":{"k":"v"}}',
            b'{"value":2,"ts":1700000000.25,"name":"x"}',
        ]
    )
    assert points.value.tolist() == [1.0, 2.5, 2.0]
    assert list(points.keys) == [b'"x"{ "a" : "b" }', b'"b"{"k":"v"}', b'"x"{}']


def test_one_key_has_one_hash_wherever_it_stands() -> None:
    values = [record(name='"cpu"', labels='{"host":"n-1"}', ts="1700000000", value="1")] * 3
    values += [b'{"pad":"xyz",' + value[1:] for value in values]
    values += [value.replace(b'"value"', b'"valu\\u0065"') for value in values]
    keys = SCANNED.decode(batch_of(values)).keys
    assert len({*keys}) == len(set(keys.hashes.tolist())) == 1  # type: ignore[attr-defined]


def test_an_empty_batch() -> None:
    assert len(check([])) == 0
    assert check([None, None]).n_empty == 2
    assert len(check([b""]).bad) == 1


def decimal_cases(n_cases: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    cases = []
    while len(cases) < n_cases:
        number = struct.unpack("<d", rng.randbytes(8))[0]
        if not np.isfinite(number):
            continue
        cases.append(repr(number))
        cases.append(f"{number:.{rng.randint(14, 18)}e}")
        # Half-way between two floats, where it fits 19 digits, and one digit beside.
        whole = rng.getrandbits(53) | 1 << 52
        cases.append(f"{2 * whole + 1}e{rng.randint(-5, 5)}")
        cases.append(str((2 * whole + 1) << rng.randint(0, 9)))
        cases.append(make_number(rng))
    return cases


def check_decimals(n_cases: int, seed: int) -> int:
    """Compare decimals with orjson's reading and with Python's; how many were numbers."""
    good = []
    for case in decimal_cases(n_cases, seed):
        try:
            expected = orjson.loads(case)
        except orjson.JSONDecodeError:
            continue
        # An integer of more than 64 bits is a float there.
        if np.isfinite(float(expected)):
            assert float(expected) == float(case)
            good.append((case, float(case)))
    points = check([record(name='"x"', ts="1700000000", value=case) for case, _ in good])
    expected_bits = np.array([number for _, number in good]).view(np.uint64)
    # An integer has no negative zero.
    expected_bits[[case == "-0" for case, _ in good]] = 0
    assert points.value.view(np.uint64).tolist() == expected_bits.tolist()
    return len(good)


def test_decimals_are_read_to_the_nearest_float(times: int, luck: int) -> None:
    assert sum(check_decimals(20_000, seed=5 + luck + i) for i in range(times)) > 15_000 * times


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70))
@settings(max_examples=300, deadline=None)
def test_the_shortest_text_of_a_float_comes_back(number: float) -> None:
    points = check(
        [record(name='"x"', ts="1700000000", value=orjson.dumps(float(number)).decode()), record(value=json.dumps(number))]
    )
    assert points.value.view(np.uint64)[0] == np.float64(number).view(np.uint64)


@given(st.lists(st.binary(max_size=60) | st.none(), max_size=5))
@settings(max_examples=300, deadline=None)
def test_any_bytes(values: list[bytes | None]) -> None:
    check(values)


def make_round(rng: random.Random, n_series: int) -> list[list[str]]:
    """What each record of a round is made of: what stands before, between and behind two values, and which of them comes first."""
    series = []
    for _ in range(n_series):
        fields = [
            ("name", make_text(rng, rng.choice(["cpu", "mem", *WORDS]))),
            ("labels", make_labels(rng)),
            ("ts", "T"),
            ("value", "V"),
        ]
        if rng.random() < 0.3:
            fields.append(
                (rng.choice(["unit", "value", "ts", "name", "labels"]), rng.choice(["1", '"x"', "null", "{}", "1700000000"]))
            )
        if rng.random() < 0.5:
            rng.shuffle(fields)
        space = rng.choice(SPACES) if rng.random() < 0.2 else ""
        series.append(["{"] + [f'{space}"{name}":{value}' for name, value in fields] + ["}"])
    return series


def spell(rng: random.Random, fields: list[str]) -> bytes:
    """A record of a round, now and then with a number that is none, a byte changed or lost, or cut off."""
    time, value = (str(1_700_000_000_000 + rng.randint(0, 10**6)), f"{rng.gauss(50, 9):.{rng.randint(0, 12)}f}")
    if rng.random() < 0.1:
        time, value = make_time(rng), make_number(rng)
    text = fields[0] + ",".join(fields[1:-1]) + fields[-1]
    record = bytearray(text.replace(":T", ":" + time).replace(":V", ":" + value).encode(errors="surrogatepass"))
    if rng.random() < 0.1:
        at = rng.randrange(len(record))
        kind = rng.randrange(4)
        if kind == 0:
            record[at] = rng.choice(INTERESTING)
        elif kind == 1:
            del record[at : at + rng.randint(1, 3)]
        elif kind == 2:
            record[at:at] = bytes([rng.choice(INTERESTING)])
        else:
            record = record[:at]
    return bytes(record)


def compare_rounds(n_cases: int, seed: int) -> tuple[int, int]:
    """Compare rounds of series that are told nearly the same again and again; how many points there were, how many repeated one."""
    rng = random.Random(seed)
    n_points = n_repeated = 0
    for _ in range(n_cases):
        series = make_round(rng, rng.randint(1, 12))
        codec = MetricJsonCodec()
        for _ in range(rng.randint(3, 10)):
            if rng.random() < 0.2:
                rng.shuffle(series)
            if rng.random() < 0.2:
                series[rng.randrange(len(series))] = make_round(rng, 1)[0]
            batch = batch_of([spell(rng, fields) for fields in series if rng.random() < 0.95])
            scanned = codec.decode(batch)
            assert facts(scanned) == facts(TYPED.decode(batch))
            assert {bytes(key): h for key, h in zip(scanned.keys, scanned.keys.hashes.tolist(), strict=True)} == {  # type: ignore[attr-defined]
                bytes(key): h
                for key, h in zip(scanned.keys, SCANNED.decode(batch).keys.hashes.tolist(), strict=True)  # type: ignore[attr-defined]
            }
            n_points += len(scanned)
        n_repeated += codec._skeletons.n_repeated
    return n_points, n_repeated


def test_records_that_nearly_repeat_others(times: int, luck: int) -> None:
    n_points, n_repeated = compare_rounds(700 * times, seed=4 + luck)
    assert n_points > 15_000 * times
    assert n_repeated > n_points // 5


def test_rounds_of_many_series_are_forgotten_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """More series than there is room for: the same points, and no more than a little trouble."""
    values = [
        [record(name='"cpu"', labels=f'{{"host":"n{i}"}}', ts=str(1_700_000_000 + r), value=str(i + r)) for i in range(300)]
        for r in range(8)
    ]
    monkeypatch.setattr(skeletons, "MAX_ROWS", 256)
    codec = MetricJsonCodec()
    for one in values:
        assert facts(codec.decode(batch_of(one))) == facts(TYPED.decode(batch_of(one)))
    assert codec._skeletons.is_paused
    assert codec._skeletons.n_repeated == 0
    codec = MetricJsonCodec()
    for one in values:
        codec.decode(batch_of(one[:200]))
    assert len(codec._skeletons) == 200
    # The last record of a batch is scanned, for eight bytes behind it cannot be read; and once the first one after it.
    assert codec._skeletons.n_repeated == 7 * 199 - 1


def test_series_in_another_order_each_time_are_left_in_peace() -> None:
    rng = random.Random(5)
    codec = MetricJsonCodec()
    values = [record(name='"cpu"', labels=f'{{"host":"n{i}"}}', ts="1700000000", value=str(i)) for i in range(1_000)]
    for _ in range(8):
        rng.shuffle(values)
        assert facts(codec.decode(batch_of(values))) == facts(TYPED.decode(batch_of(values)))
    assert codec._skeletons.is_paused


def test_a_skeleton_longer_than_what_is_kept_is_scanned() -> None:
    codec = MetricJsonCodec()
    for n in (5_000, 300):
        values = [record(name='"cpu"', labels=f'{{"host":"{"n" * n}{i}"}}', ts="1700000000", value="1") for i in range(20)] * 30
        assert facts(codec.decode(batch_of(values))) == facts(TYPED.decode(batch_of(values)))
    assert len(codec._skeletons) == 20


@pytest.mark.parametrize("setting", ["NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT"])
def test_kernels_read_inside_of_their_buffers_and_agree_with_plain_python(setting: str, tmp_path: object) -> None:
    program = (
        "from tests.unit.codecs.test_metric_json_scan import compare_many, compare_rounds; "
        "print(compare_many(12, seed=8), *compare_rounds(40, seed=9))"
    )
    expected = f"{compare_many(12, seed=8)} {' '.join(map(str, compare_rounds(40, seed=9)))}"
    assert run_with_setting(program, setting, tmp_path).strip() == expected


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_soak() -> None:
    """Millions of records and decimals; the seed goes on from the day."""
    seed = int(os.environ.get("SOAK_SEED", "20261125"))
    assert compare_many(20_000, seed) > 0
    for i in range(50):
        check_decimals(20_000, seed + i)
        compare_rounds(5_000, seed + i)
