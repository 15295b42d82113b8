"""Records as producers should never send them, mixed with good ones; the same for the same seed.

What is in a stream of `fuzzed_records`: about half are good records of a few series in order of time; the rest are good ones that were
broken somehow (cut off, a byte changed, wrong types, NaN and infinities, numbers without end, deep nesting, bytes that are no UTF-8,
keys that are there twice, times out of range ...), nothing at all, other JSON, bare bytes, and now and then a label of 1 MB.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Literal

__all__ = ["BREAKERS", "Format", "fuzzed_records", "good_record"]

Format = Literal["metric_json", "log_json", "fluentd_json"]
Breaker = Callable[[random.Random, dict[str, Any], bytes], bytes]

START_MS = 1_700_000_000_000
"""Time of the first record; each following one is 100 ms later."""

HUGE_LABEL_CHARACTERS = 1_000_000
"""A record with one label of this size still fits Kafka's default of 1 MiB a message."""

_WORDS = ("ready", "block", "sealed", "peer", "timed", "out", "disk", "full", "user", "login", "with", "after", "pool", "retry")
_LEVELS = ("INFO", "warn", "ERROR", "debug", 3, 30, "Notice", None)
_ODD_NUMBERS = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "-nan",
        "inf",
        "1e999",
        "-1e999",
        "1e400",
        "1e308",
        "-1e-400",
        "5e-324",
        "-0",
        "-0.0",
    ),
    *("0", "00", "01", "1.", ".5", "+1", "1e", "0x10", "1_000", "1,5", "9" * 30, "9" * 310, "9" * 5_000, "1" + "0" * 18, "1e18"),
    *("9223372036854775807", "9223372036854775808", "18446744073709551616", "0." + "0" * 400 + "1", "1.7976931348623157e308"),
)
_ODD_VALUES = (
    "true",
    "false",
    "null",
    '""',
    '"1"',
    '"NaN"',
    '"text"',
    "[]",
    "[1]",
    "{}",
    '{"a":1}',
    '" "',
    '"\\u0000"',
    '"\\ud800"',
)
_ODD_TIMES = (
    *(
        "-1",
        "-0.5",
        "0",
        "0.5",
        "1e11",
        "99999999999",
        "100000000000",
        "99999999999999",
        "100000000000000",
        "1e17",
        "1e18",
        "1e19",
    ),
    *(
        "7258118399",
        "7258118400",
        "7258118399999",
        "7258118400000",
        "7258118400000000",
        "7258118399999999999",
        "7258118400000000000",
    ),
    *("1700000000", "1700000000.5", "1700000000.123456789", "1700000000123", "1700000000123.5", "1700000000123456", "1e300"),
    *('"1970-01-01T00:00:00Z"', '"1969-12-31T23:59:59Z"', '"2199-12-31T23:59:59.999999999Z"', '"2200-01-01T00:00:00Z"'),
    *(
        '"2023-11-14T22:13:20Z"',
        '"2023-11-14 22:13:20 +0000"',
        '"2023-11-14T22:13:60Z"',
        '"2023-11-14T22:13:61Z"',
        '"2023-02-29"',
    ),
    *('"2023-02-29T00:00:00Z"', '"2024-02-29t00:00:00z"', '"2023-11-14T24:00:00Z"', '"2023-11-14T22:13:20.1234567891Z"'),
    *(
        '"2023-11-14T22:13:20+14:00"',
        '"2023-11-14T22:13:20-24:00"',
        '"2023-11-14T22:13:20+0060"',
        '"yesterday"',
        '"1700000000"',
        '""',
    ),
    *(
        '"２０２３-11-14T22:13:20Z"',
        '"2023-11-14T22:13:20Z "',
        '"2023-11-14T22:13Z"',
        '"9999-12-31T23:59:59Z"',
        '"0000-01-01T00:00:00Z"',
    ),
)


def good_record(rng: random.Random, i: int, form: Format) -> dict[str, Any]:
    """Fields of the i-th record as it should be."""
    host, region = f"n{rng.randrange(8)}", rng.choice(("eu-west-1", "us-east-1"))
    ms = START_MS + 100 * i
    ts: Any = rng.choice((ms, ms / 1_000, ms // 1_000, ms * 1_000, ms * 1_000_000))
    if form == "metric_json":
        labels = {"host": host, "region": region}
        return {
            "name": f"m{rng.randrange(4)}",
            "labels": labels,
            "ts": ts,
            "value": rng.choice((i, rng.gauss(0.0, 1.0), 0, 1e300)),
        }
    text = " ".join([*rng.sample(_WORDS, rng.randrange(1, 6)), *(str(rng.randrange(1_000)) for _ in range(rng.randrange(3)))])
    if form == "log_json":
        labels = {"service": f"s{rng.randrange(3)}", "region": region, "host": host}
        record = {
            "ts": ts,
            "level": rng.choice(_LEVELS),
            rng.choice(("message", "message", "msg", "log")): text,
            "labels": labels,
        }
        return {name: value for name, value in record.items() if value is not None}
    kubernetes = {"pod_name": f"api-{rng.randrange(9)}", "namespace_name": "prod", "labels": {"app": f"s{rng.randrange(3)}"}}
    record = {
        rng.choice(("message", "log", "msg")): text + rng.choice(("", "\n")),
        "level": rng.choice(_LEVELS),
        "stream": "stdout",
    }
    if rng.random() < 0.5:
        record[rng.choice(("time", "@timestamp", "ts", "timestamp"))] = ts
    record |= (
        {"kubernetes": kubernetes} if rng.random() < 0.5 else {"service": f"s{rng.randrange(3)}", "region": region, "port": 80}
    )
    return {name: value for name, value in record.items() if value is not None}


def _dump(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def _with_raw(record: dict[str, Any], name: str, raw: str) -> bytes:
    """The record with one field's value replaced by raw text."""
    return _dump({**record, name: "\x01"}).replace(b'"\\u0001"', raw.encode("utf-8", "surrogatepass"), 1)


def _any_name(rng: random.Random, record: dict[str, Any]) -> str:
    return rng.choice([*record, "ts", "value", "labels", "extra"])


def _cut(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    return value[: rng.randrange(len(value))]


def _flip(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    changed = bytearray(value)
    for _ in range(rng.randrange(1, 4)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _insert(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    at = rng.randrange(len(value) + 1)
    piece = rng.choice(
        (b"\xff", b"\x00", b"\xc3(", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xef\xbb\xbf", b'"', b"{", b"}", b",", b"\\", b" ")
    )
    return value[:at] + piece + value[at:]


def _odd_number(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    return _with_raw(record, rng.choice((_any_name(rng, record), "value", "level")), rng.choice(_ODD_NUMBERS))


def _odd_value(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    return _with_raw(record, _any_name(rng, record), rng.choice(_ODD_VALUES))


def _odd_time(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    return _with_raw(record, rng.choice(("ts", "ts", "time", "@timestamp", "timestamp")), rng.choice(_ODD_TIMES))


def _missing(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    gone = set(rng.sample(list(record), rng.randrange(1, len(record) + 1)))
    return _dump({name: one for name, one in record.items() if name not in gone})


def _nested(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    depth = rng.choice((2, 100, 126, 127, 128, 129, 200, 1_000, 20_000))
    opening, closing = rng.choice((("[", "]"), ('{"a":', "}")))
    inner = opening * depth + ("1" if rng.random() < 0.5 or opening != "[" else "") + closing * depth
    return _with_raw(record, _any_name(rng, record), inner) if rng.random() < 0.8 else inner.encode()


def _twice(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    name = _any_name(rng, record)
    second = rng.choice((*_ODD_VALUES, "1", "2.5", json.dumps(record.get(name))))
    return value[:-1] + b"," + json.dumps(name).encode() + b":" + second.encode() + b"}"


def _odd_labels(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    labels: Any = rng.choice(
        (
            {"host": 1},
            {"host": None},
            {"host": ["a"]},
            {"host": {"a": "b"}},
            {"": "empty name"},
            {"host": ""},
            {"__name__": "other"},
            {"ключ": "значение", "emoji": "🚀"},
            {f"l{i}": "x" for i in range(rng.choice((39, 40, 41, 63, 64, 65, 300)))},
            {"host": "x" * rng.choice((255, 256, 257, 2_990, 4_080, 4_096, 9_000))},
        )
    )
    return _dump({**record, "labels": labels})


def _other_json(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    return rng.choice(
        (
            b"",
            b" ",
            b"{}",
            b"[]",
            b"null",
            b"1",
            b'"text"',
            b"true",
            b"[" + value + b"]",
            value + value,
            value + b"\n",
            b"\n" + value,
        )
    )


def _bare_bytes(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    return rng.randbytes(rng.randrange(1, 200))


def _long_text(rng: random.Random, record: dict[str, Any], value: bytes) -> bytes:
    text = " ".join(rng.choices(_WORDS, k=rng.choice((99, 100, 101, 2_000))))
    if rng.random() < 0.3:
        text = "Traceback (most recent call last):\n  File x\n" + text
    return _dump({**record, rng.choice(("message", "msg", "log", "name")): text})


BREAKERS: tuple[Breaker, ...] = (
    *(_cut, _flip, _insert, _odd_number, _odd_value, _odd_time, _missing, _nested, _twice, _odd_labels, _other_json, _bare_bytes),
    _long_text,
)
"""Ways to break a record: (rng, fields, good bytes) → bytes.  Some results are still good."""


def fuzzed_records(
    seed: int, n: int, form: Format = "metric_json", *, broken_share: float = 0.5, n_huge_per_10_000: float = 2.0
) -> Iterator[bytes]:
    """Values of `n` records.

    Parameters
    ----------
    seed : int
        Decides everything.
    n : int
        How many.
    form : str
        Format of the good records and of what the broken ones were.
    broken_share : float
        Share of records that are broken.
    n_huge_per_10_000 : float
        Records with a label of 1 MB in 10,000.

    Examples
    --------
    >>> one, other = list(fuzzed_records(1, 50)), list(fuzzed_records(1, 50))
    >>> one == other, len(one), one == list(fuzzed_records(2, 50))
    (True, 50, False)
    """
    rng = random.Random(f"{seed} {form}")
    for i in range(n):
        record = good_record(rng, i, form)
        value = _dump(record)
        draw = rng.random()
        if draw < n_huge_per_10_000 / 10_000:
            value = _dump({**record, "labels": {"host": chr(rng.randrange(97, 123)) * HUGE_LABEL_CHARACTERS}})
        elif draw < broken_share:
            value = rng.choice(BREAKERS)(rng, record, value)
        yield value
