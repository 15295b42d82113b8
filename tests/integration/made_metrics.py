"""Made metrics: a few noisy series with jumps, seeded, always the same."""

from __future__ import annotations

import random

import orjson

from tests.integration.topic_set import Row

START_MS = 1_790_000_000_000
STEP_MS = 10_000


def make_metrics(
    n_steps: int, *, seed: int, n_series: int = 8, jump_every: int = 97, service: str = "dag", start_step: int = 0
) -> list[Row]:
    """`n_steps` times `n_series` records in native metric JSON; every `jump_every`-th sample or so of a series is far off."""
    draw = random.Random(seed)
    rows = []
    for step in range(start_step, start_step + n_steps):
        for series in range(n_series):
            value = draw.gauss(100.0 + series, 2.0)
            if step > 80 and (step + 13 * series) % jump_every == 0:
                value += 60.0
            timestamp_ms = START_MS + step * STEP_MS + series
            record = {
                "name": "dag_tps",
                "labels": {"service": f"{service}-{series % 3}", "node": f"n{series}", "region": "us-east-1"},
                "ts": timestamp_ms,
                "value": round(value, 3),
            }
            rows.append(Row(orjson.dumps(record), f"n{series}".encode(), timestamp_ms))
    return rows
