"""The latency benchmark: every spike is on a series of its own, is due when the schedule says, and is found or counted as missing."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.latency import Load, Spike, summarise


class AppendedAtOnce:
    """A producer whose broker appends at once, 7 ms after 1970."""

    def __init__(self) -> None:
        self.samples: list[dict[str, Any]] = []

    def produce(self, topic: str, *, value: str, partition: int, on_delivery: Any) -> None:
        self.samples.append(json.loads(value))
        if on_delivery is not None:
            on_delivery(None, self)

    def timestamp(self) -> tuple[int, int]:
        return 2, 7

    def poll(self, timeout_secs: float) -> int:
        return 0

    def flush(self, timeout_secs: float) -> int:
        return 0


def test_a_schedule_is_kept_and_no_series_spikes_twice() -> None:
    producer = AppendedAtOnce()
    load = Load(producer, "t")  # type: ignore[arg-type]
    for _ in range(2):
        load.pace(20_000.0, 0.25, 40)
    assert len(producer.samples) == 10_000
    assert len({spike.host for spike in load.spikes}) == len(load.spikes) == 80
    due = [one["ts"] for one in producer.samples[:5_000]]
    assert due == sorted(due)
    assert due[-1] - due[0] in (249, 250)
    told = {(one["labels"]["host"], one["ts"]) for one in producer.samples if one["value"] == 90.0}
    assert told == {(spike.host, spike.due_ms) for spike in load.spikes}


def test_a_spike_without_an_alert_is_counted() -> None:
    told = summarise([Spike("a", 0, 1), Spike("b", 0, 1)], {("a", 5): 9})
    assert (told["n_alerts"], told["n_without_alert"], told["append_ms"]) == (0, 2, {})
