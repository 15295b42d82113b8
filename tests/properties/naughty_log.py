"""Seeded logs of metric records that do everything wrong that records can do, and the configuration to read them with."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import (
    Config,
    DetectorSettings,
    EpisodeSettings,
    FixedThreshold,
    Match,
    ModelSettings,
    SeriesSettings,
    SourceTopic,
    TailThreshold,
)

__all__ = ["NAUGHTY", "START_MS", "Row", "batch_of", "make_config", "naughty_log", "split"]

Row = tuple[int, int, bytes | None, bytes | None]
START_MS = 1_700_000_000_000

NAUGHTY = (
    b"",
    b"null",
    b"[1, 2",
    b'{"name":"cpu"}',
    b"\xff\xfe",
    b'{"name":"cpu","ts":1700000000,"value":NaN}',
    b'{"name":"cpu","ts":1700000000,"value":1e999}',
    b'{"name":"cpu","ts":-5,"value":1}',
    b'{"name":5,"ts":1700000000,"value":1}',
    b'{"name":"","ts":1700000000,"value":1}',
    b'{"name":"cpu","ts":1700000000,"value":1,"labels":{"host":7}}',
    b'{"name":"cpu","ts":1700000000,"value":1,"labels":{"host":"\\ud800"}}',
    b"[" * 300 + b"]" * 300,
)


def make_config(*, max_series: int = 6, evict_after_secs: float = 400.0, model: str = "gaussian_scorer") -> Config:
    """A configuration with low limits, so that all of them are met: several detectors, one series that none is for."""
    own = {"grace_period": 3} if model == "gaussian_scorer" else {}
    return Config(
        version=1,
        topics=[
            SourceTopic(
                name="m", kind="metrics", format="metric_json", lateness_secs=20.0, future_secs=3_000.0, labels={"region": "eu"}
            )
        ],
        series=SeriesSettings(
            max_per_partition=max_series,
            evict_after_secs=evict_after_secs,
            silence_intervals=3.0,
            silence_min_secs=15.0,
            silence_min_samples=4,
            check_interval_secs=10.0,
            context_samples=8,
        ),
        detectors=[
            DetectorSettings(
                name="second",
                match=Match(name=["cpu", "mem"]),
                model=ModelSettings(type="gaussian_scorer", parameters={"grace_period": 2, "window_size": 5}),
                threshold=FixedThreshold(type="fixed", score=0.9),
                direction="above",
                episode=EpisodeSettings(open_after_samples=2, clear_after_samples=1, repeat_secs=20.0),
                absence=False,
                also=True,
            ),
            DetectorSettings(
                name="main",
                match=Match(name=["cpu", "mem", "disk"]),
                model=ModelSettings(type=model, parameters=own),
                threshold=TailThreshold(probability=0.05, min_samples=10),
                episode=EpisodeSettings(clear_after_samples=2, repeat_secs=30.0),
            ),
            DetectorSettings(
                name="rest",
                match=Match(name="net"),
                model=ModelSettings(type="gaussian_scorer", parameters={"grace_period": 3}),
                threshold=FixedThreshold(type="fixed", score=0.99),
            ),
        ],
    )


def naughty_log(seed: int, n: int, *, n_series: int = 9, step_secs: float = 1.0) -> list[Row]:
    """Records in order: regular and bursty series, gaps of one and of all, late, double and future samples, garbage, tombstones."""
    rng = random.Random(seed)
    names = ["cpu", "mem", "disk", "net", "nobody"]
    series = [(rng.choice(names), {"host": f"n{i // 2}"} if i else None) for i in range(n_series)]
    quiet_until = [0.0] * n_series
    rows: list[Row] = []
    now = 0.0
    offset = 0
    sent: list[tuple[int, float]] = []
    while len(rows) < n:
        now += rng.choice([0.0, 0.3, 1.0, 2.0]) * step_secs
        if rng.random() < 0.004:
            now += rng.choice([30.0, 90.0, 500.0, 2_000.0])
        i = rng.randrange(n_series) if rng.random() < 0.7 else rng.randrange(min(3, n_series))
        if rng.random() < 0.01:
            quiet_until[i] = now + rng.choice([20.0, 100.0, 700.0])
        if now < quiet_until[i]:
            continue
        offset += 1 if rng.random() < 0.95 else 3
        timestamp_ms = START_MS + round(now * 1000)
        dice = rng.random()
        if dice < 0.03:
            value: bytes | None = rng.choice(NAUGHTY)
        elif dice < 0.035:
            value = None
        else:
            at = now
            if dice < 0.08 and sent:
                i, at = rng.choice(sent[-20:])
            elif dice < 0.12:
                at = now - rng.choice([1.0, 5.0, 15.0, 25.0, 5_000.0])
            elif dice < 0.13:
                at = now + rng.choice([2_000.0, 4_000.0, 1e8])
            sent.append((i, at))
            name, labels = series[i]
            number = rng.gauss(10.0 * i, 1.0) + (rng.choice([8.0, -8.0]) if rng.random() < 0.05 else 0.0)
            number = float(round(number)) if i % 4 == 3 else number
            record: dict[str, object] = {"name": name, "ts": START_MS + round(at * 1000), "value": number}
            if labels is not None:
                record["labels"] = labels if rng.random() < 0.9 else {"zone": "", **labels}
            value = json.dumps(record, separators=(",", ":") if rng.random() < 0.9 else (", ", ": ")).encode()
        rows.append((offset, timestamp_ms if rng.random() < 0.99 else -1, b"k" if rng.random() < 0.5 else None, value))
    return rows


def batch_of(rows: Sequence[Row]) -> RecordBatch:
    """The rows as one batch of partition 3."""
    return RecordBatch.from_rows("m", 3, rows)


def split(rows: Sequence[Row], cuts: Sequence[int]) -> list[Sequence[Row]]:
    """The rows cut before the given positions; empty pieces are left out."""
    edges = sorted({0, len(rows), *(cut for cut in cuts if 0 < cut < len(rows))})
    return [rows[a:b] for a, b in itertools.pairwise(edges)]
