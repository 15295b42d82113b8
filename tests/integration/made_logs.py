"""Made log lines: a few templates at steady rates, a burst of one, and a line of a kind never seen."""

from __future__ import annotations

import random

import orjson

from tests.integration.made_metrics import START_MS
from tests.integration.topic_set import Row

_TEMPLATES = ("block {} sealed in {} ms", "peer {} connected after {} tries", "request {} served in {} ms")


def make_logs(n_minutes: int, *, seed: int, burst_at: int, news_at: int) -> list[Row]:
    """Native JSON logs: about twelve lines a minute; a hundred of one template in minute `burst_at`, a new one in `news_at`."""
    draw = random.Random(seed)
    rows = []
    for minute in range(n_minutes):
        lines = [
            template.format(draw.randrange(1_000), draw.randrange(90))
            for template in _TEMPLATES
            for _ in range(draw.choice((3, 4, 5)))
        ]
        if minute == burst_at:
            lines += [_TEMPLATES[1].format(draw.randrange(1_000), 7) for _ in range(100)]
        if minute == news_at:
            lines.append("disk sda1 is about to fail: smart reports 7 reallocated sectors")
        for i, line in enumerate(lines):
            timestamp_ms = START_MS + minute * 60_000 + i * 60_000 // len(lines)
            record = {
                "ts": timestamp_ms,
                "level": "INFO",
                "message": line,
                "labels": {"service": "gateway", "region": "us-west-2"},
            }
            rows.append(Row(orjson.dumps(record), b"gateway", timestamp_ms))
    return rows
